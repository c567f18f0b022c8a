/** Tells who reads from the log that it has grown, once a turn of the event loop; costs next to nothing while nobody wants to know. */
export class Growth {
  readonly #listeners = new Set<() => void>()
  /** Somebody listens, and is not about to be called anyway. */
  #isWanted = false

  /** The log has grown. */
  note(): void {
    if (this.#isWanted) this.#schedule()
  }

  /** @returns what ends it */
  on(listener: () => void): () => void {
    // An object of its own: the same function may listen twice.
    const tell = (): void => listener()
    this.#listeners.add(tell)
    if (this.#listeners.size === 1) this.#isWanted = true
    return () => {
      this.#listeners.delete(tell)
      if (this.#listeners.size === 0) this.#isWanted = false
    }
  }

  #schedule(): void {
    this.#isWanted = false
    setImmediate(this.#tell)
  }

  readonly #tell = (): void => {
    this.#isWanted = this.#listeners.size > 0
    for (const listener of this.#listeners) listener()
  }
}
