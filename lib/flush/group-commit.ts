import { StoreError } from '../errors'
import type { Clock } from '../storage/ports'
import { Waiters } from './waiters'

/** What the group commit flushes. */
export interface Flushable {
  /** The end of what has been written. */
  readonly maxOffset: number
  /** Makes [from, to) durable. */
  flush(from: number, to: number): Promise<void>
}

export interface GroupCommitEvents {
  onFlushed(from: number, to: number, milliseconds: number): void
  onFailed(error: StoreError): void
}

/**
 * Makes the log durable, one flush at a time: whoever comes while a flush is under way shares the next one.
 * The first flush that fails ends it: the kernel may have thrown the pages away, so a second one that
 * succeeds proves nothing.
 */
export class GroupCommit {
  /** Everything below is on disk. */
  flushedOffset = 0
  /** The flush under way, and since when. */
  flushing: { from: number; to: number; since: number } | undefined
  readonly #log: Flushable
  readonly #clock: Clock
  readonly #events: GroupCommitEvents
  readonly #waiters: Waiters
  #running: Promise<void> | undefined
  #failure: StoreError | undefined

  constructor(log: Flushable, clock: Clock, events: GroupCommitEvents) {
    this.#log = log
    this.#clock = clock
    this.#events = events
    this.#waiters = new Waiters(clock)
  }

  /**
   * Waits until the log is durable up to `offset`.
   * @returns false when that took longer than `timeout` milliseconds: it may still become durable
   * @throws ERR_FLUSH_FAILED, ERR_FILE_REPLACED
   */
  waitFor(offset: number, timeout: number): Promise<boolean> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (offset <= this.flushedOffset) return Promise.resolve(true)
    const waiting = this.#waiters.wait(offset, timeout)
    this.start()
    return waiting
  }

  /** Begins to flush what has been written, unless a flush is under way that will go on with it. */
  start(): void {
    if (this.#running !== undefined || this.#failure !== undefined || this.flushedOffset === this.#log.maxOffset) return
    this.#running = this.#run()
  }

  /** Resolves once everything written before the call is durable. @throws ERR_FLUSH_FAILED, ERR_FILE_REPLACED */
  async flush(): Promise<void> {
    const target = this.#log.maxOffset
    while (this.flushedOffset < target && this.#failure === undefined) {
      this.start()
      await this.#running
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Rejects all who wait, now and later. */
  fail(error: StoreError): void {
    this.#failure ??= error
    this.#waiters.fail(this.#failure)
  }

  /** Waits for a flush under way. */
  async settle(): Promise<void> {
    await this.#running
    this.#waiters.stop()
  }

  async #run(): Promise<void> {
    try {
      for (let isWaitedFor = true; isWaitedFor; isWaitedFor = !this.#waiters.isEmpty) {
        const from = this.flushedOffset
        const to = this.#log.maxOffset
        const started = performance.now()
        this.flushing = { from, to, since: this.#clock.now() }
        await this.#log.flush(from, to)
        this.flushing = undefined
        if (this.#failure !== undefined) break
        this.flushedOffset = to
        const letsGo = this.#waiters.reached(to)
        this.#events.onFlushed(from, to, performance.now() - started)
        // Whoever is let go mostly puts again at once: the next flush is for all of them, instead of one for whoever is first.
        if (letsGo) await nextTurn()
      }
    } catch (cause) {
      const error = cause instanceof StoreError && cause.code === 'ERR_FILE_REPLACED' ? cause : flushFailed(cause)
      this.fail(error)
      this.#events.onFailed(error)
    } finally {
      this.flushing = undefined
      this.#running = undefined
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function flushFailed(cause: unknown): StoreError {
  return new StoreError(
    'ERR_FLUSH_FAILED',
    `the disk did not take what was written (${(cause as Error).message}). The store no longer acknowledges; ` +
      'look after the disk, close the store and open it again: it then reads from the disk what is there',
    { ...(cause instanceof StoreError && cause.details), reason: (cause as Error).message },
    cause,
  )
}
