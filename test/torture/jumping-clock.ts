import { systemClock } from '../../lib/storage/system-clock'
import type { Clock } from '../../lib/storage/ports'

/** The machine's clock, which somebody sets now and then; its timers go on as before. */
export class JumpingClock implements Clock {
  #ahead = 0

  now(): number {
    return systemClock.now() + this.#ahead
  }

  startTimer(milliseconds: number, callback: () => void): () => void {
    return systemClock.startTimer(milliseconds, callback)
  }

  /** Goes as far ahead of the machine's clock, or behind it. */
  set(ahead: number): void {
    this.#ahead = ahead
  }
}
