import type { CommitLog } from './commit-log'
import { StoreError } from '../errors'
import { MAGIC_V1, MAGIC_V2, Position, RECORD_LENGTH_MIN, readStoreTimestamp } from '../format/record'
import { readLong } from '../format/long'
import { StoredMessage } from '../format/stored-message'

/** Reads single records of the log. Every length that comes from a file is checked against what is there. */
export class LogReader {
  readonly #log: CommitLog

  constructor(log: CommitLog) {
    this.#log = log
  }

  /** The bytes of a record, not copied; undefined when the log does not hold all of them. */
  bytes(offset: number, size: number): Buffer | undefined {
    const segment = this.#log.segmentOf(offset, size)
    if (segment === undefined) return undefined
    const from = offset - segment.fromOffset
    return segment.mapping.bytes.subarray(from, from + size)
  }

  /** A copy of the record; undefined when the log does not hold it. @throws ERR_CORRUPT */
  message(offset: number, size: number): StoredMessage | undefined {
    const bytes = this.bytes(offset, size)
    return bytes === undefined ? undefined : copyMessage(bytes, offset)
  }

  /** The record at `offset`, its size taken from the record itself. @throws ERR_CORRUPT where none begins there */
  messageAt(offset: number): StoredMessage | undefined {
    const size = this.#sizeAt(offset)
    return size === undefined ? undefined : this.message(offset, size)
  }

  /** Store time of the record at `offset`, -1 when the log does not hold it. */
  storeTimestamp(offset: number): number {
    const segment = this.#log.segmentOf(offset, RECORD_LENGTH_MIN)
    return segment === undefined ? -1 : readStoreTimestamp(segment.mapping.view, offset - segment.fromOffset)
  }

  #sizeAt(offset: number): number | undefined {
    const segment = this.#log.segmentOf(offset, RECORD_LENGTH_MIN)
    if (segment === undefined) return undefined
    const { view } = segment.mapping
    const position = offset - segment.fromOffset
    const magic = view.getInt32(position + Position.magic)
    const isRecord = (magic === MAGIC_V1 || magic === MAGIC_V2) && readLong(view, position + Position.physicalOffset) === offset
    if (isRecord) return view.getInt32(position)
    throw new StoreError('ERR_CORRUPT', `no message begins at offset ${offset}`, {
      file: segment.path, offset, reason: 'no record here names this offset as its own',
    })
  }
}

/** A message that owns its bytes. */
export function copyMessage(bytes: Buffer, offset: number): StoredMessage {
  const copy = Buffer.allocUnsafe(bytes.length)
  copy.set(bytes)
  try {
    return new StoredMessage(copy)
  } catch (error) {
    const { reason } = (error as StoreError).details
    throw new StoreError('ERR_CORRUPT', `the message at offset ${offset} is damaged: ${reason}`, { offset, reason })
  }
}
