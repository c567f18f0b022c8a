import { PerformanceObserver, constants } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

/** What the process has used is looked at no more often than this, in milliseconds: the look is a call into the system. */
const usageInterval = 10
const collections = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'young generation',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'mark and compact',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental marking',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak callbacks',
}

/** The longest time from one turn of the event loop to the next, and what is known of its causes. */
export class StallWatch {
  #collected = []
  #observer = new PerformanceObserver((list) => this.#collected.push(...list.getEntries()))
  #rolls = []
  #flushes = []
  #longest = { from: 0, to: 0, append: 0, usage: undefined }
  #usage = process.resourceUsage()
  #usageAt = performance.now()
  #last = performance.now()

  constructor(store) {
    this.#observer.observe({ entryTypes: ['gc'] })
    store.on('roll', () => this.#rolls.push(performance.now()))
    store.on('flush', ({ milliseconds }) => this.#flushes.push({ at: performance.now(), milliseconds }))
  }

  /** @param append the longest append of the turn that ends now, in milliseconds */
  turn(append) {
    const now = performance.now()
    const from = this.#last
    this.#last = now
    const isLongest = now - from > this.#longest.to - this.#longest.from
    if (!isLongest && now - this.#usageAt < usageInterval) return
    const before = this.#usage
    this.#usage = process.resourceUsage()
    if (isLongest) this.#longest = { from, to: now, append, usage: difference(this.#usage, before, this.#usageAt) }
    this.#usageAt = now
  }

  /** @returns the figure `stall`, and a note on it */
  async end() {
    // The collections come with a turn of their own.
    await pause(1)
    this.#observer.disconnect()
    const { from, to } = this.#longest
    return { stall: to - from, notes: { stall: this.#causes().join('; ') } }
  }

  #causes() {
    const { from, to, append, usage } = this.#longest
    const within = (at) => at >= from && at <= to
    const collected = this.#collected.filter(({ startTime, duration }) => startTime < to && startTime + duration > from)
    return [
      `the longest append in it took ${append.toFixed(1)} ms`,
      ...(this.#rolls.some(within) ? ['a segment was begun'] : []),
      ...this.#flushes.filter(({ at, milliseconds }) => at >= from && at - milliseconds <= to).map(({ milliseconds }) => `a flush of ${milliseconds.toFixed(0)} ms ran`),
      ...collected.map(({ duration, detail }) => `garbage collection, ${collections[detail.kind]}: ${duration.toFixed(1)} ms`),
      `${usage.milliseconds.toFixed(0)} ms up to its end had ${usage.processor.toFixed(0)} ms of processor, ${usage.preempted} preemptions, ` +
        `${usage.fromDisk} pages from the disk`,
    ]
  }
}

/** Of all threads. */
function difference(after, before, since) {
  return {
    milliseconds: performance.now() - since,
    processor: (after.userCPUTime + after.systemCPUTime - before.userCPUTime - before.systemCPUTime) / 1000,
    preempted: after.involuntaryContextSwitches - before.involuntaryContextSwitches,
    fromDisk: after.majorPageFault - before.majorPageFault,
  }
}
