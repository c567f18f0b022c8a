import type { Clock } from '../storage/ports'

interface Span {
  /** When the log began to grow beyond the span before this one. */
  since: number
  /** Where it ended when the span was over. */
  offset: number
}

/**
 * When the log had come how far, in a bounded number of spans: they become coarser the further back they have to reach, and fine
 * again once nobody is far behind.
 */
export class OffsetHistory {
  readonly #clock: Clock
  readonly #spansMax: number
  readonly #finest: number
  #spans: Span[] = []
  #width: number

  /** @param finest how exact the answer is for whoever is not far behind, in milliseconds */
  constructor(clock: Clock, { spansMax = 512, finest = 5 }: { spansMax?: number; finest?: number } = {}) {
    this.#clock = clock
    this.#spansMax = spansMax
    this.#finest = finest
    this.#width = finest
  }

  /**
   * The log ends at `offset` now.
   * @param wanted what lies at or below this offset is of no interest any more; asked now and then
   */
  note(offset: number, wanted: () => number): void {
    const now = this.#clock.now()
    const last = this.#spans[this.#spans.length - 1]
    if (last !== undefined && now < last.since) this.#spans = [] // the clock was set back, and the times are worth nothing
    else if (last !== undefined && now < last.since + this.#finest) {
      last.offset = offset
      return
    }
    if (this.#width > this.#finest) this.#width = this.#widthFor(wanted(), now)
    if (last !== undefined && now >= last.since && now < last.since + this.#width) {
      last.offset = offset
      return
    }
    if (this.#spans.length >= this.#spansMax) this.#thin(wanted(), now)
    this.#spans.push({ since: now, offset })
  }

  /** For how many milliseconds the log has had something that lies behind `offset`; 0 where it has nothing. */
  behind(offset: number): number {
    const span = this.#spans[this.#firstBehind(offset)]
    return span === undefined ? 0 : Math.max(0, this.#clock.now() - span.since)
  }

  #firstBehind(offset: number): number {
    let low = 0
    let high = this.#spans.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#spans[middle]!.offset > offset) high = middle
      else low = middle + 1
    }
    return low
  }

  /** With spans of this width, half of them reach back to where `wanted` was the end. */
  #widthFor(wanted: number, now: number): number {
    const reach = now - (this.#spans[this.#firstBehind(wanted)]?.since ?? now)
    return Math.max(this.#finest, (2 * reach) / this.#spansMax)
  }

  #thin(wanted: number, now: number): void {
    this.#width = this.#widthFor(wanted, now)
    const spans = this.#spans.slice(this.#firstBehind(wanted))
    this.#spans = []
    for (const span of spans) {
      const last = this.#spans[this.#spans.length - 1]
      if (last !== undefined && span.since < last.since + this.#width) last.offset = span.offset
      else this.#spans.push(span)
    }
  }
}
