const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Each divides the next, so that narrow spans add up to wide ones. */
const WIDTHS = [
  SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY,
]

/** So many spans fit on one screen. */
const SPANS_MAX = 24

/** What was counted from `from` on. */
export interface TimeSpan {
  /** Milliseconds since 1970. */
  from: number
  messages: number
  bytes: number
}

/** Counts by time, in so few spans that one can look at them: they get wider as there is more to tell. */
export class TimeHistogram {
  #widthAt = 0
  #spans = new Map<number, TimeSpan>()
  #first = Infinity
  #last = -Infinity
  #current: TimeSpan = { from: NaN, messages: 0, bytes: 0 }

  /** Milliseconds of a span. */
  get width(): number {
    return WIDTHS[this.#widthAt] ?? WIDTHS.at(-1)! * 2 ** (this.#widthAt - WIDTHS.length + 1)
  }

  add(time: number, bytes: number, messages = 1): void {
    const from = time - (time % this.width)
    if (from !== this.#current.from) this.#turnTo(from)
    this.#current.messages += messages
    this.#current.bytes += bytes
  }

  /** From the first to the last, those without a message as well. */
  get spans(): TimeSpan[] {
    const spans: TimeSpan[] = []
    for (let from = this.#first; from <= this.#last; from += this.width) spans.push(this.#spans.get(from) ?? { from, messages: 0, bytes: 0 })
    return spans
  }

  #turnTo(from: number): void {
    const span = this.#spans.get(from) ?? { from, messages: 0, bytes: 0 }
    this.#spans.set(from, span)
    this.#current = span
    this.#first = Math.min(this.#first, from)
    this.#last = Math.max(this.#last, from)
    if ((this.#last - this.#first) / this.width >= SPANS_MAX) this.#widen(span)
  }

  #widen(current: TimeSpan): void {
    const spans = [...this.#spans.values()]
    while ((this.#last - this.#first) / this.width >= SPANS_MAX) {
      this.#widthAt++
      this.#first -= this.#first % this.width
    }
    this.#spans = new Map()
    this.#first = Infinity
    this.#last = -Infinity
    this.#current = { from: NaN, messages: 0, bytes: 0 }
    for (const { from, messages, bytes } of spans) this.add(from, bytes, messages)
    this.add(current.from, 0, 0)
  }
}
