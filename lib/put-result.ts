import type { PreparedRecord, Refusal } from './commit-log/message-encoder'
import { encodeMessageId } from './format/message-id'
import type { HostBytes } from './format/host'
import type { PutStatus } from './types'

/**
 * What became of a message. `PUT_OK` from `put` is an acknowledgement; from `append` it says that the message is
 * in the log. The timeouts say that it is stored, and may or may not survive.
 */
export class PutResult {
  /** PUT_OK, or what was not reached; see {@link isStored}. */
  readonly status: PutStatus
  /** Why the message was refused, or what was waited for in vain. */
  readonly reason: string | undefined
  /** Commit log offset of the (first) record, -1 when refused. */
  readonly offset: number
  /** Bytes of all records. */
  readonly bytes: number
  /** Place of the (first) message in its queue. */
  readonly queueOffset: number
  /** When it was stored, in milliseconds. */
  readonly storeTimestamp: number
  /** Messages stored: 1, or those of the batch. */
  readonly messageCount: number
  readonly #storeHost: HostBytes | undefined
  /** Log offsets of a batch's records. */
  readonly #offsets: readonly number[] | undefined

  private constructor(
    status: PutStatus, reason: string | undefined, offset: number, bytes: number, queueOffset: number, storeTimestamp: number,
    messageCount: number, storeHost: HostBytes | undefined, offsets: readonly number[] | undefined,
  ) {
    this.status = status
    this.reason = reason
    this.offset = offset
    this.bytes = bytes
    this.queueOffset = queueOffset
    this.storeTimestamp = storeTimestamp
    this.messageCount = messageCount
    this.#storeHost = storeHost
    this.#offsets = offsets
  }

  /** @internal */
  static stored(records: readonly PreparedRecord[], count: number, bytes: number): PutResult {
    const first = records[0]!
    const offsets = count === 1 ? undefined : offsetsOf(records, count)
    return new PutResult(
      'PUT_OK', undefined, first.physicalOffset, bytes, first.queueOffset, first.storeTimestamp, count, first.storeHost, offsets,
    )
  }

  /** @internal */
  static refused({ status, reason }: Refusal): PutResult {
    return new PutResult(status, reason, -1, 0, 0, 0, 0, undefined, undefined)
  }

  /** @internal The same message, durable or not as `status` says. */
  with(status: PutStatus, reason: string): PutResult {
    return new PutResult(
      status, reason, this.offset, this.bytes, this.queueOffset, this.storeTimestamp, this.messageCount, this.#storeHost, this.#offsets,
    )
  }

  /** True when the message is in the log, durable or not. */
  isStored(): boolean {
    return this.offset >= 0
  }

  /** The offset message id, upper-case hex; of a batch, all ids with commas between them; empty when refused. */
  get msgId(): string {
    if (this.#storeHost === undefined) return ''
    const storeHost = this.#storeHost
    return (this.#offsets ?? [this.offset]).map((offset) => encodeMessageId(storeHost, offset)).join(',')
  }
}

function offsetsOf(records: readonly PreparedRecord[], count: number): number[] {
  const offsets: number[] = []
  for (let index = 0; index < count; index++) offsets.push(records[index]!.physicalOffset)
  return offsets
}
