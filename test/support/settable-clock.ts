import type { Clock } from '../../lib/storage/ports'

/** A clock that stands still until the test sets it; timers run in real time. */
export class SettableClock implements Clock {
  #now: number

  constructor(now: number) {
    this.#now = now
  }

  set(now: number): void {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  startTimer(milliseconds: number, callback: () => void): () => void {
    const timer = setTimeout(callback, milliseconds).unref()
    return () => clearTimeout(timer)
  }
}
