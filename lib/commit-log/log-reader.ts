import type { CommitLog } from './commit-log'
import { StoreError } from '../errors'
import { viewOf } from '../format/bytes'
import { MAGIC_V1, MAGIC_V2, Position, RECORD_LENGTH_MIN, readStoreTimestamp } from '../format/record'
import { readLong } from '../format/long'
import { StoredMessage } from '../format/stored-message'
import type { Segment } from '../storage/segment'

/** So small that no system has smaller ones. */
const PAGE = 4096

/**
 * Reads single records of the log. Every length that comes from a file is checked against what is there, and what was
 * read is the disk's or an error: nobody gets the zeros that stand for a page which the disk could not provide.
 */
export class LogReader {
  readonly #log: CommitLog

  constructor(log: CommitLog) {
    this.#log = log
  }

  /**
   * The bytes of a record, not copied; undefined when the log does not hold all of them.
   * @param segment the one that holds them, where the reader has a lease on it: the log may not have it any more
   * @throws ERR_IO, ERR_FILE_REPLACED
   */
  bytes(offset: number, size: number, segment: Segment | undefined = this.#log.segmentOf(offset, size)): Buffer | undefined {
    if (segment === undefined) return undefined
    const from = offset - segment.fromOffset
    const bytes = segment.mapping.bytes.subarray(from, from + size)
    touchPages(bytes)
    segment.assertIntact(from, from + size)
    return bytes
  }

  /** A copy of the record, as {@link bytes} has it. @throws ERR_CORRUPT, ERR_IO, ERR_FILE_REPLACED */
  message(offset: number, size: number, segment: Segment | undefined = this.#log.segmentOf(offset, size)): StoredMessage | undefined {
    if (segment === undefined) return undefined
    const copy = Buffer.allocUnsafe(size)
    copyRecord(segment, offset, size, copy, 0)
    return decode(offset, copy, viewOf(copy), 0, size)
  }

  /**
   * Copies of the records, next to each other in memory; undefined stands for one that the log does not hold.
   * @param segmentOf the segment that holds it, where the reader has a lease on that
   * @throws as {@link message} does
   */
  messages(offsets: readonly number[], sizes: readonly number[], totalSize: number, segmentOf: (offset: number) => Segment | undefined): (StoredMessage | undefined)[] {
    const copies = Buffer.allocUnsafeSlow(totalSize)
    const view = viewOf(copies)
    let at = 0
    return offsets.map((offset, index) => {
      const size = sizes[index]!
      const segment = segmentOf(offset) ?? this.#log.segmentOf(offset, size)
      if (segment === undefined) return undefined
      copyRecord(segment, offset, size, copies, at)
      const message = decode(offset, copies, view, at, at + size)
      at += size
      return message
    })
  }

  /**
   * The record at `offset`, its size taken from the record itself.
   * @throws ERR_CORRUPT where none begins there, ERR_IO, ERR_FILE_REPLACED
   */
  messageAt(offset: number): StoredMessage | undefined {
    const size = this.#sizeAt(offset)
    return size === undefined ? undefined : this.message(offset, size)
  }

  /** Store time of the record at `offset`, -1 when the log does not hold it. */
  storeTimestamp(offset: number): number {
    const segment = this.#log.segmentOf(offset, RECORD_LENGTH_MIN)
    if (segment === undefined) return -1
    const position = offset - segment.fromOffset
    const timestamp = readStoreTimestamp(segment.mapping.view, position)
    segment.assertIntact(position, position + RECORD_LENGTH_MIN)
    return timestamp
  }

  #sizeAt(offset: number): number | undefined {
    const segment = this.#log.segmentOf(offset, RECORD_LENGTH_MIN)
    if (segment === undefined) return undefined
    const { view } = segment.mapping
    const position = offset - segment.fromOffset
    const magic = view.getInt32(position + Position.magic)
    const isRecord = (magic === MAGIC_V1 || magic === MAGIC_V2) && readLong(view, position + Position.physicalOffset) === offset
    const size = view.getInt32(position)
    segment.assertIntact(position, position + RECORD_LENGTH_MIN)
    if (isRecord) return size
    throw new StoreError('ERR_CORRUPT', `no message begins at offset ${offset}`, {
      file: segment.path, offset, reason: 'no record here names this offset as its own',
    })
  }
}

const touched = new Uint8Array(1)

/** Reads a byte of each page; the sum is kept lest the reading be left out. */
function touchPages(bytes: Buffer): void {
  let sum = bytes[bytes.length - 1]!
  for (let at = 0; at < bytes.length; at += PAGE) sum += bytes[at]!
  touched[0] = sum
}

function copyRecord(segment: Segment, offset: number, size: number, target: Buffer, position: number): void {
  const from = offset - segment.fromOffset
  target.set(segment.mapping.bytes.subarray(from, from + size), position)
  segment.assertIntact(from, from + size)
}

function decode(offset: number, block: Buffer, view: DataView, from: number, to: number): StoredMessage {
  try {
    return new StoredMessage(block, view, from, to)
  } catch (error) {
    const { reason } = (error as StoreError).details
    throw new StoreError('ERR_CORRUPT', `the message at offset ${offset} is damaged: ${reason}`, { offset, reason })
  }
}
