import type { Clock } from '../../storage/ports'

/** Calls back whenever nothing has happened for a time. What happens only notes when: no timer is set for it. */
export class IdleTimer {
  readonly #clock: Clock
  readonly #milliseconds: number
  readonly #onIdle: () => void
  #last: number
  #cancel: () => void

  constructor(clock: Clock, milliseconds: number, onIdle: () => void) {
    this.#clock = clock
    this.#milliseconds = milliseconds
    this.#onIdle = onIdle
    this.#last = clock.now()
    this.#cancel = clock.startTimer(milliseconds, this.#fire)
  }

  /** Something has happened. */
  touch(): void {
    this.#last = this.#clock.now()
  }

  stop(): void {
    this.#cancel()
  }

  readonly #fire = (): void => {
    const now = this.#clock.now()
    // A clock that was set back does not tell how long it has been: the time begins again.
    const idle = Math.max(0, now - this.#last)
    if (idle < this.#milliseconds) {
      if (now < this.#last) this.#last = now
      this.#cancel = this.#clock.startTimer(this.#milliseconds - idle, this.#fire)
      return
    }
    this.#last = now
    this.#cancel = this.#clock.startTimer(this.#milliseconds, this.#fire)
    this.#onIdle()
  }
}
