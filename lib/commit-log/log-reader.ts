import type { CommitLog } from './commit-log'
import { StoreError } from '../errors'
import { partOf, viewOf } from '../format/bytes'
import { MAGIC_V1, MAGIC_V2, Position, RECORD_LENGTH_MIN, readStoreTimestamp } from '../format/record'
import { readLong } from '../format/long'
import { StoredMessage } from '../format/stored-message'
import type { Lease } from '../storage/lease'
import type { Segment } from '../storage/segment'

/** So small that no system has smaller ones. */
const PAGE = 4096

const SHARED_BLOCK = 32 << 10

/** Memory for copies of records. To make one takes longer than a copy, so that small copies share it. */
class CopyBlock {
  readonly bytes: Buffer
  readonly view: DataView
  used = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.view = viewOf(this.bytes)
  }
}

/**
 * Reads single records of the log. Every length that comes from a file is checked against what is there, and what was
 * read is the disk's or an error: nobody gets the zeros that stand for a page which the disk could not provide.
 */
export class LogReader {
  readonly #log: CommitLog
  #shared = new CopyBlock(SHARED_BLOCK)

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
    const bytes = partOf(segment.mapping.view, from, size)
    touchPages(bytes)
    segment.assertIntact(from, from + size)
    return bytes
  }

  /** A copy of the record, as {@link bytes} has it. @throws ERR_CORRUPT, ERR_IO, ERR_FILE_REPLACED */
  message(offset: number, size: number, segment: Segment | undefined = this.#log.segmentOf(offset, size)): StoredMessage | undefined {
    return segment === undefined ? undefined : copyRecord(segment, offset, size, this.#blockFor(size))
  }

  /**
   * Copies of the records, next to each other in memory; undefined stands for one that the log does not hold.
   * @param lease holds their segments: the log may not have them any more
   * @throws as {@link message} does
   */
  messages(offsets: readonly number[], sizes: readonly number[], totalSize: number, lease: Lease): (StoredMessage | undefined)[] {
    const block = this.#blockFor(totalSize)
    const messages: (StoredMessage | undefined)[] = []
    for (let index = 0; index < offsets.length; index++) {
      const offset = offsets[index]!
      const size = sizes[index]!
      const segment = lease.find(offset) ?? this.#log.segmentOf(offset, size)
      messages.push(segment === undefined ? undefined : copyRecord(segment, offset, size, block))
    }
    return messages
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

  #blockFor(size: number): CopyBlock {
    if (size > SHARED_BLOCK / 2) return new CopyBlock(size)
    if (size > SHARED_BLOCK - this.#shared.used) this.#shared = new CopyBlock(SHARED_BLOCK)
    return this.#shared
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

function copyRecord(segment: Segment, offset: number, size: number, block: CopyBlock): StoredMessage {
  const from = offset - segment.fromOffset
  const at = block.used
  block.used += size
  block.bytes.set(partOf(segment.mapping.view, from, size), at)
  segment.assertIntact(from, from + size)
  return decode(offset, block, at, at + size)
}

function decode(offset: number, { bytes, view }: CopyBlock, from: number, to: number): StoredMessage {
  try {
    return new StoredMessage(bytes, view, from, to)
  } catch (error) {
    const { reason } = (error as StoreError).details
    throw new StoreError('ERR_CORRUPT', `the message at offset ${offset} is damaged: ${reason}`, { offset, reason })
  }
}
