import type { Clock } from '../../storage/ports'
import { IdleTimer } from './idle-timer'

/** Gives up a peer that has said nothing for a time. */
export class SilenceGuard {
  readonly #timer: IdleTimer
  #isStopped = false

  constructor(clock: Clock, milliseconds: number, giveUp: (reason: string) => void) {
    // Where this process was stopped for a while, what the peer has said meanwhile is there, and read before the next turn.
    this.#timer = new IdleTimer(clock, milliseconds, () => setImmediate(() => {
      if (!this.#isStopped && this.#timer.isIdle) giveUp(`it said nothing for ${milliseconds} ms`)
    }))
  }

  /** The peer has said something. */
  touch(): void {
    this.#timer.touch()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer.stop()
  }
}
