import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { IndexFiles } from '../index-file/index-files'

/** Bytes of a file that are worth a flush. */
const WORTH_A_FLUSH = 4 << 20

/**
 * Has what is made of the log reach the disk while the log is still read: all of it at the end is one long wait. One file at a
 * time, since those who read the log share the threads.
 */
export class WriteBehind {
  readonly #queues: ConsumeQueues
  readonly #index: IndexFiles | undefined
  #running: Promise<void> | undefined
  #failure: unknown

  constructor(queues: ConsumeQueues, index: IndexFiles | undefined) {
    this.#queues = queues
    this.#index = index
  }

  /** There may be more by now. */
  advance(): void {
    if (this.#failure !== undefined) return
    this.#running ??= this.#flush().finally(() => (this.#running = undefined))
  }

  /** Resolves once nothing is under way any more: from then on the files may be closed. @throws what kept a file from the disk */
  async settle(): Promise<void> {
    await this.#running
    if (this.#failure !== undefined) throw this.#failure
  }

  async #flush(): Promise<void> {
    try {
      await this.#queues.syncLargest(WORTH_A_FLUSH, 1)
      await this.#index?.syncWritten(WORTH_A_FLUSH)
    } catch (error) {
      this.#failure = error
    }
  }
}
