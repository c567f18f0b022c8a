/** So many may be on their way to a thread that has something else to do. */
const UNTAKEN_MAX = 64
/** In milliseconds. */
const LATER = 5

export interface AcknowledgedContext {
  /** Whether somebody waits for them. */
  isUrgent: boolean
  /** How many have been taken of those that were sent. */
  taken(): number
  send(offsets: [replica: string, offset: number][]): void
}

/** What replicas have, on its way to another thread: the newest of each, and no more at a time than that can take. */
export class Acknowledged {
  readonly #context: AcknowledgedContext
  readonly #pending = new Map<string, number>()
  readonly #known = new Set<string>()
  #sent = 0
  #isPausing = false

  constructor(context: AcknowledgedContext) {
    this.#context = context
  }

  note(replica: string, offset: number): void {
    this.#pending.set(replica, offset)
    // What a replica says first, whether it has anything, counts by itself.
    if (!this.#known.has(replica)) this.sendAll()
    else if (!this.#isPausing) this.#sendOrPause()
    this.#known.add(replica)
  }

  forget(replica: string): void {
    this.#known.delete(replica)
  }

  /** Without regard to anything, before a replica is said to have left. */
  sendAll(): void {
    if (this.#pending.size === 0) return
    this.#sent++
    this.#context.send([...this.#pending])
    this.#pending.clear()
  }

  #sendOrPause(): void {
    const { isUrgent, taken } = this.#context
    const isBehind = this.#sent - taken() >= UNTAKEN_MAX
    if (!isBehind) this.sendAll()
    if (isUrgent && !isBehind) return
    this.#isPausing = true
    setTimeout(() => {
      this.#isPausing = false
      if (this.#pending.size > 0) this.#sendOrPause()
    }, LATER)
  }
}
