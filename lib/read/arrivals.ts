import type { ConsumeQueue } from '../consume-queue/consume-queue'
import { visibleMaxOffset } from './get'

/**
 * Tells readers that messages became visible: queues are noted as they are written to, and told about once a
 * turn of the event loop.
 */
export class Arrivals {
  #noted: ConsumeQueue[] = []
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #visibleOffset: () => number
  readonly #announce: (queue: ConsumeQueue, maxOffset: number) => void
  #isScheduled = false

  constructor(visibleOffset: () => number, announce: (queue: ConsumeQueue, maxOffset: number) => void) {
    this.#visibleOffset = visibleOffset
    this.#announce = announce
  }

  /** The queue has messages from `offset` on, visible now or later. */
  note(queue: ConsumeQueue, offset: number): void {
    // No more than that: it is done for each message, and short enough to be put into its caller.
    if (queue.toldOffset < 0) this.#add(queue, offset)
  }

  #add(queue: ConsumeQueue, offset: number): void {
    queue.toldOffset = offset
    this.#noted.push(queue)
    this.schedule()
  }

  /** More may have become visible. */
  schedule(): void {
    if (this.#isScheduled || this.#noted.length === 0) return
    this.#isScheduled = true
    setImmediate(this.#tell)
  }

  /** Resolves with the next message of the queue, or when the store closes; rejects with the signal's reason. */
  async wait(topic: string, queueId: number, signal: AbortSignal | undefined): Promise<void> {
    const key = `${topic} ${queueId}`
    const waiting = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiting)
    let wake!: () => void
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    waiting.add(wake)
    signal?.addEventListener('abort', wake, { once: true })
    await woken
    signal?.removeEventListener('abort', wake)
    waiting.delete(wake)
    if (waiting.size === 0) this.#waiting.delete(key)
    signal?.throwIfAborted()
  }

  /** Wakes all who wait. */
  close(): void {
    this.#noted = []
    for (const waiting of this.#waiting.values()) for (const wake of waiting) wake()
  }

  readonly #tell = (): void => {
    this.#isScheduled = false
    const visibleOffset = this.#visibleOffset()
    const noted = this.#noted
    this.#noted = []
    for (const queue of noted) {
      const known = queue.toldOffset
      const maxOffset = this.#maxOffsetOf(queue, visibleOffset)
      if (maxOffset === undefined) {
        // Whoever waits meets the same error when he reads, instead of waiting for ever.
        this.#noted.push(queue)
        this.#wake(queue)
        continue
      }
      // Not all of it may be visible yet: it stays noted until the flush that shows the rest.
      if (maxOffset < queue.maxOffset) this.#noted.push(queue)
      queue.toldOffset = maxOffset < queue.maxOffset ? Math.max(known, maxOffset) : -1
      if (maxOffset <= known) continue
      this.#wake(queue)
      this.#announce(queue, maxOffset)
    }
  }

  /** Undefined where the queue cannot be read. */
  #maxOffsetOf(queue: ConsumeQueue, visibleOffset: number): number | undefined {
    try {
      return visibleMaxOffset(queue, visibleOffset)
    } catch {
      return undefined
    }
  }

  #wake({ topic, queueId }: ConsumeQueue): void {
    for (const wake of this.#waiting.get(`${topic} ${queueId}`) ?? []) wake()
  }
}
