import type { Clock } from '../storage/ports'

const PAGE = 4096

export interface FlushScheduleOptions {
  flushIntervalCommitLog: number
  flushCommitLogLeastPages: number
  flushCommitLogThoroughInterval: number
  flushIntervalConsumeQueue: number
  flushConsumeQueueLeastPages: number
  flushConsumeQueueThoroughInterval: number
}

export interface FlushWork {
  /** Bytes written and not yet durable. */
  unflushedBytes(): number
  flushLog(): void
  /** Hands queues and index to the file system, and begins to flush queue files with `leastBytes` or more to flush. */
  writeDerived(leastBytes: number): void
  /** Makes queues and index durable and raises the checkpoint. */
  syncDerived(): Promise<void>
}

/**
 * The engine's two cadences. The log is flushed every interval when enough pages are dirty, and whatever is
 * dirty at the thorough interval; queues and index likewise, the checkpoint with them.
 */
export class FlushSchedule {
  readonly #clock: Clock
  readonly #options: FlushScheduleOptions
  readonly #work: FlushWork
  readonly #cancels = new Map<string, () => void>()
  #lastThoroughLog: number
  #lastThoroughQueues: number
  #syncing = false

  constructor(clock: Clock, options: FlushScheduleOptions, work: FlushWork) {
    this.#clock = clock
    this.#options = options
    this.#work = work
    this.#lastThoroughLog = clock.now()
    this.#lastThoroughQueues = clock.now()
  }

  start(): void {
    this.#every('log', this.#options.flushIntervalCommitLog, () => this.flushLog())
    this.#every('queues', this.#options.flushIntervalConsumeQueue, () => this.#flushQueues())
  }

  stop(): void {
    for (const cancel of this.#cancels.values()) cancel()
    this.#cancels.clear()
  }

  #every(name: string, milliseconds: number, callback: () => void): void {
    const next = (): void => {
      this.#cancels.set(name, this.#clock.startTimer(milliseconds, () => {
        next()
        callback()
      }))
    }
    next()
  }

  /** Flushes the log if enough of it is dirty, or it is time. */
  flushLog(): void {
    const now = this.#clock.now()
    const isThorough = isDue(now, this.#lastThoroughLog, this.#options.flushCommitLogThoroughInterval)
    if (isThorough) this.#lastThoroughLog = now
    const leastPages = isThorough ? 0 : this.#options.flushCommitLogLeastPages
    const bytes = this.#work.unflushedBytes()
    if (bytes > 0 && bytes >= leastPages * PAGE) this.#work.flushLog()
  }

  #flushQueues(): void {
    const now = this.#clock.now()
    this.#work.writeDerived(this.#options.flushConsumeQueueLeastPages * PAGE)
    if (this.#syncing || !isDue(now, this.#lastThoroughQueues, this.#options.flushConsumeQueueThoroughInterval)) return
    this.#lastThoroughQueues = now
    this.#syncing = true
    void this.#work.syncDerived().finally(() => {
      this.#syncing = false
    })
  }
}

/** Whether an interval has passed. A clock that was set back does not tell: then it is better to flush too early than hours too late. */
function isDue(now: number, last: number, interval: number): boolean {
  return now >= last + interval || now < last
}
