import type { Clock } from '../../lib/storage/ports'

/** How much faster it is than the machine's. */
const SPEED = 20
const BEGIN = Date.UTC(2024, 0, 2, 3, 4, 5)

/** A clock on which the pauses of master and slave are short. All of them show the same time; one that is stopped lets no timer go off. */
export class FastClock implements Clock {
  readonly #timers = new Set<NodeJS.Timeout>()
  #isStopped = false

  now(): number {
    return BEGIN + Math.floor(performance.now() * SPEED)
  }

  startTimer(milliseconds: number, callback: () => void): () => void {
    if (this.#isStopped) return () => undefined
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      callback()
    }, milliseconds / SPEED)
    timer.unref()
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
      clearTimeout(timer)
    }
  }

  /** The machine is dead. */
  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
