import type { StoreError } from '../errors'
import type { Clock } from '../storage/ports'

interface Waiter {
  offset: number
  timeout: number
  deadline: number
  resolve(hasCome: boolean): void
  reject(error: unknown): void
}

/** Those who wait until something has come as far as an offset of the log: in the order of their offsets, with one timer for all. */
export class Waiters {
  readonly #clock: Clock
  #waiters: Waiter[] = []
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isEmpty(): boolean {
    return this.#waiters.length === 0
  }

  /** What the first of them waits for; Infinity where nobody waits. */
  get first(): number {
    return this.#waiters[0]?.offset ?? Infinity
  }

  /** @returns false when it took longer than `timeout` milliseconds, or {@link giveUp} was called */
  wait(offset: number, timeout: number): Promise<boolean> {
    const waiting = new Promise<boolean>((resolve, reject) => {
      this.#waiters.push({ offset, timeout, deadline: this.#clock.now() + timeout, resolve, reject })
    })
    this.#cancelTimer ??= this.#clock.startTimer(timeout, this.#expire)
    return waiting
  }

  /** It has come as far as `offset`. @returns whether somebody waited for that */
  reached(offset: number): boolean {
    return this.#settle(offset, true)
  }

  fail(error: StoreError): void {
    const waiters = this.#waiters
    this.#waiters = []
    this.stop()
    for (const waiter of waiters) waiter.reject(error)
  }

  /** Lets all go that wait for `offset` or less, as if their time was over. */
  giveUp(offset = Infinity): void {
    this.#settle(offset, false)
    if (this.isEmpty) this.stop()
  }

  /** Keeps no timer any more. */
  stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #settle(offset: number, hasCome: boolean): boolean {
    let done = 0
    while (done < this.#waiters.length && this.#waiters[done]!.offset <= offset) this.#waiters[done++]!.resolve(hasCome)
    if (done > 0) this.#waiters.splice(0, done)
    return done > 0
  }

  /** Fires for the oldest, and is set again for the next. */
  readonly #expire = (): void => {
    const now = this.#clock.now()
    this.#cancelTimer = undefined
    while (this.#waiters.length > 0 && isOver(this.#waiters[0]!, now)) this.#waiters.shift()!.resolve(false)
    const next = this.#waiters[0]
    if (next !== undefined) this.#cancelTimer = this.#clock.startTimer(Math.max(1, next.deadline - now), this.#expire)
  }
}

/** Whether somebody has waited long enough; also where the clock was set back, and the deadline is further away than it ever was. */
function isOver({ deadline, timeout }: Waiter, now: number): boolean {
  return deadline <= now || deadline > now + timeout
}
