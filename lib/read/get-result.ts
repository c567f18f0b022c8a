import { StoreError } from '../errors'
import type { StoredMessage } from '../format/stored-message'
import type { Lease } from '../storage/lease'
import type { Segment } from '../storage/segment'
import type { GetStatus } from '../types'
import type { LogReader } from '../commit-log/log-reader'
import { unwatch, watch } from './dropped-results'

/**
 * What a get found: offsets and sizes at once, messages when asked for. The bytes stay the store's; a message
 * taken from it owns a copy. Until it is released, or garbage, none of its segments is deleted, for as long as
 * `destroyMappedFileIntervalForcibly` says: then it is revoked.
 */
export class GetResult {
  /** FOUND, or why there is nothing. */
  status: GetStatus = 'NO_MESSAGE_IN_QUEUE'
  /** Where the next get goes on. */
  nextBeginOffset = 0
  /** The first offset of the queue. */
  minOffset = 0
  /** One past the last visible offset of the queue. */
  maxOffset = 0
  /** The reader is so far behind that a slave should serve it. */
  suggestPullingFromSlave = false
  /** Where the messages lie in the log. */
  readonly commitLogOffsets: number[] = []
  /** Their bytes, each. */
  readonly sizes: number[] = []
  /** What their queue entries hold. */
  readonly tagsCodes: number[] = []
  /** Bytes of all of them. */
  totalSize = 0
  readonly #reader: LogReader
  readonly #lease: Lease
  #released = false

  /** @internal */
  constructor(reader: LogReader, lease: Lease) {
    this.#reader = reader
    this.#lease = lease
  }

  /** @throws ERR_READ_REVOKED where its segments had to be deleted before it was released: the bytes are gone */
  assertNotRevoked(): void {
    if (!this.#lease.isRevoked) return
    throw new StoreError(
      'ERR_READ_REVOKED',
      `${this.#lease.reader} has held messages for so long that they had to be deleted: release results sooner, keep messages longer ` +
        '(fileReservedTime), or give readers more time (destroyMappedFileIntervalForcibly)',
      { resumeOffset: this.nextBeginOffset },
    )
  }

  /** @internal */
  add(offset: number, size: number, tagsCode: number, segment: Segment): void {
    if (this.sizes.length === 0) watch(this, this.#lease)
    this.commitLogOffsets.push(offset)
    this.sizes.push(size)
    this.tagsCodes.push(tagsCode)
    this.totalSize += size
    this.#lease.hold(segment)
  }

  /** The records as on disk, not copied: good until the result is released or revoked, or the store closed. */
  get buffers(): Buffer[] {
    this.#assertTakeable()
    const buffers: Buffer[] = []
    for (let index = 0; index < this.sizes.length; index++) {
      const offset = this.commitLogOffsets[index]!
      buffers.push(this.#reader.bytes(offset, this.sizes[index]!, this.#lease.find(offset)) ?? gone(offset))
    }
    return buffers
  }

  /** The messages. They own a copy of their bytes, next to those of the others: who keeps one of many for long copies it out. */
  get messages(): StoredMessage[] {
    this.#assertTakeable()
    const messages = this.#reader.messages(this.commitLogOffsets, this.sizes, this.totalSize, this.#lease)
    for (let index = 0; index < messages.length; index++) if (messages[index] === undefined) gone(this.commitLogOffsets[index]!)
    return messages as StoredMessage[]
  }

  /** Gives the bytes back: {@link buffers} and {@link messages} can no longer be taken. Idempotent. */
  release(): void {
    if (!this.#released && this.sizes.length > 0) unwatch(this.#lease)
    this.#released = true
    this.#lease.end()
  }

  #assertTakeable(): void {
    if (this.#released) throw new StoreError('ERR_RESULT_RELEASED', 'the result has been released: take its messages before that')
    this.assertNotRevoked()
  }
}

function gone(offset: number): never {
  throw new StoreError('ERR_RESULT_RELEASED', `the message at offset ${offset} is no longer in the log`, { offset })
}
