import { StoreError } from '../errors'
import type { StoredMessage } from '../format/stored-message'
import type { GetStatus } from '../types'
import type { LogReader } from '../commit-log/log-reader'

/**
 * What a get found: offsets and sizes at once, messages when asked for. The bytes stay the store's; a message
 * taken from it owns a copy.
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
  #released = false

  /** @internal */
  constructor(reader: LogReader) {
    this.#reader = reader
  }

  /** The records as on disk, not copied: good until the result is released or the store closed. */
  get buffers(): Buffer[] {
    return this.#take((offset, size) => this.#reader.bytes(offset, size))
  }

  /** The messages, each with its own copy of the bytes. */
  get messages(): StoredMessage[] {
    return this.#take((offset, size) => this.#reader.message(offset, size))
  }

  /** Gives the bytes back: {@link buffers} and {@link messages} can no longer be taken. Idempotent. */
  release(): void {
    this.#released = true
  }

  #take<Taken>(read: (offset: number, size: number) => Taken | undefined): Taken[] {
    if (this.#released) {
      throw new StoreError('ERR_RESULT_RELEASED', 'the result has been released: take its messages before that')
    }
    return this.commitLogOffsets.map((offset, index) => {
      const taken = read(offset, this.sizes[index]!)
      if (taken !== undefined) return taken
      throw new StoreError('ERR_RESULT_RELEASED', `the message at offset ${offset} is no longer in the log`, { offset })
    })
  }
}
