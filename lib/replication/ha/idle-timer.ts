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

  /** Whether nothing has happened for that time. A clock that was set back does not tell: the time begins again. */
  get isIdle(): boolean {
    const now = this.#clock.now()
    if (now < this.#last) this.#last = now
    return now - this.#last >= this.#milliseconds
  }

  stop(): void {
    this.#cancel()
  }

  readonly #fire = (): void => {
    const { isIdle } = this
    const left = isIdle ? this.#milliseconds : this.#milliseconds - (this.#clock.now() - this.#last)
    this.#cancel = this.#clock.startTimer(left, this.#fire)
    if (isIdle) this.#onIdle()
  }
}
