import type { Clock } from '../../storage/ports'

const PERIOD = 3_600_000
const ADDRESSES_MAX = 256

/**
 * Says what is wrong with a peer, each thing once an hour for each address, and of so many addresses only: whoever connects ten
 * thousand times, or from ten thousand places, fills neither the memory nor anybody's log.
 */
export class Complaints {
  readonly #clock: Clock
  readonly #say: (message: string) => void
  readonly #said = new Set<string>()
  #since: number

  constructor(clock: Clock, say: (message: string) => void) {
    this.#clock = clock
    this.#say = say
    this.#since = clock.now()
  }

  /** @param kind what tells this complaint from others about the same address */
  about(address: string, kind: string, message: string): void {
    const now = this.#clock.now()
    if (now < this.#since || now >= this.#since + PERIOD) {
      this.#said.clear()
      this.#since = now
    }
    const key = `${kind} ${address}`
    if (this.#said.has(key) || this.#said.size > ADDRESSES_MAX) return
    this.#said.add(key)
    this.#say(this.#said.size > ADDRESSES_MAX ? 'so many peers do what they should not that no more of them are named for an hour' : message)
  }
}
