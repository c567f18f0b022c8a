import type { MessageStore, PutStatus } from '../../lib/index'
import type { Ledger } from './ledger'
import { makeMessage } from './messages'

/** Milliseconds before whoever was refused tries again with another message. */
const PAUSE_AFTER_REFUSAL = 2

/** What is put to one store in one go, some messages at the same time. */
interface Session {
  isEnding: boolean
  /** The store is dead: nobody hears what it answers. */
  isAbandoned: boolean
  lanes: Promise<void>[]
}

/** Messages that are put to a master, and the ledger of what it has answered. */
export class Traffic {
  /** What was answered that is no acknowledgement, and how often. */
  readonly refusals: Partial<Record<PutStatus, number>> = {}
  /** Errors that nobody should have met. */
  readonly wrong: string[] = []
  readonly #ledger: Ledger
  readonly #inFlight: number
  #session: Session | undefined

  constructor(ledger: Ledger, inFlight: number) {
    this.#ledger = ledger
    this.#inFlight = inFlight
  }

  begin(store: MessageStore): void {
    const session: Session = { isEnding: false, isAbandoned: false, lanes: [] }
    session.lanes = Array.from({ length: this.#inFlight }, () => this.#lane(store, session))
    this.#session = session
  }

  /** Resolves once all has been answered that was put. */
  async end(): Promise<void> {
    const session = this.#session
    if (session === undefined) return
    session.isEnding = true
    await Promise.all(session.lanes)
  }

  /** What is not answered by now never will be. */
  abandon(): void {
    if (this.#session !== undefined) this.#session.isEnding = this.#session.isAbandoned = true
    this.#session = undefined
  }

  async #lane(store: MessageStore, session: Session): Promise<void> {
    while (!session.isEnding) {
      const number = this.#ledger.sent++
      try {
        const result = await store.put(makeMessage(this.#ledger.seed, number))
        if (session.isAbandoned) return
        if (result.status === 'PUT_OK') this.#ledger.acknowledge(number, result)
        else {
          this.refusals[result.status] = (this.refusals[result.status] ?? 0) + 1
          await new Promise((resume) => setTimeout(resume, PAUSE_AFTER_REFUSAL))
        }
      } catch (error) {
        if (!session.isAbandoned) this.wrong.push(`message ${number} is answered with ${(error as Error).stack}`)
        return
      }
      // Others want to work as well.
      await new Promise((resume) => setImmediate(resume))
    }
  }
}
