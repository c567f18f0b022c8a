import type { ByteRange } from '../storage/ports'
import type { Segment } from '../storage/segment'
import type { SegmentList } from '../storage/segment-list'

/** Bytes asked for at once. */
const WINDOW = 8 << 20
/** How far ahead of the scan. */
const AHEAD = 8 * WINDOW

/**
 * Has the disk read what a scan is about to look at, off the main thread: a page that is not there yet when it is touched
 * stops everything until the disk has found it. Only a hint, which reads nothing that nobody has written.
 */
export class ReadAhead {
  readonly #segments: SegmentList
  #reading: Promise<void> | undefined
  /** Log offset behind the last byte that may be asked for. */
  #upTo = 0
  #index: number
  /** How far of that segment has been asked for. */
  #askedTo = 0
  /** What there was to read of it, before anything was: the kernel reads further ahead than it is asked to. */
  #ranges: ByteRange[] | undefined

  constructor(segments: SegmentList, fromSegment: number) {
    this.#segments = segments
    this.#index = fromSegment
  }

  /** The scan has come to `offset`. */
  advance(offset: number): void {
    this.#upTo = offset + AHEAD
    // Whoever touches a page that cannot be read meets the error himself.
    this.#reading ??= this.#read().catch(() => undefined).finally(() => (this.#reading = undefined))
  }

  /** Resolves once nothing is under way any more: from then on the files may be closed. */
  async settle(): Promise<void> {
    this.#upTo = 0
    await this.#reading
  }

  async #read(): Promise<void> {
    for (let window = this.#nextWindow(); window !== undefined; window = this.#nextWindow()) {
      await window.segment.readAhead(window.from, window.to)
    }
  }

  #nextWindow(): { segment: Segment; from: number; to: number } | undefined {
    for (let segment = this.#segments.at(this.#index); segment !== undefined; segment = this.#segments.at(++this.#index)) {
      if (segment.fromOffset + this.#askedTo >= this.#upTo) return undefined
      this.#ranges ??= segment.dataRanges(0)
      const range = this.#ranges.find(({ to }) => to > this.#askedTo)
      if (range !== undefined) {
        const from = Math.max(range.from, this.#askedTo)
        this.#askedTo = Math.min(from + WINDOW, this.#ranges.at(-1)!.to)
        return { segment, from, to: this.#askedTo }
      }
      this.#ranges = undefined
      this.#askedTo = 0
    }
    return undefined
  }
}
