import type { Clock } from '../../storage/ports'

const WINDOW = 1000

/**
 * How much a connection may send in a second. The engine counts the headers only where it should count all; here everything
 * counts that is sent.
 */
export class FlowControl {
  readonly #clock: Clock
  readonly #bytesPerSecond: number
  #windowStart: number
  #sent = 0

  /** @param bytesPerSecond Infinity for no limit */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock
    this.#bytesPerSecond = bytesPerSecond
    this.#windowStart = clock.now()
  }

  /** How many bytes may be sent now. */
  get allowance(): number {
    if (this.#bytesPerSecond === Infinity) return Infinity
    if (this.#remaining() === 0) {
      this.#windowStart = this.#clock.now()
      this.#sent = 0
    }
    return Math.max(0, this.#bytesPerSecond - this.#sent)
  }

  /** After how many milliseconds there is an allowance again. */
  get wait(): number {
    return Math.max(1, this.#remaining())
  }

  count(bytes: number): void {
    this.#sent += bytes
  }

  /** How long the window lasts; one that began in the future is over, since the clock was set back. */
  #remaining(): number {
    const passed = this.#clock.now() - this.#windowStart
    return passed < 0 || passed >= WINDOW ? 0 : WINDOW - passed
  }
}
