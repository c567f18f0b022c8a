import type { Segment } from '../storage/segment'
import type { SegmentList } from '../storage/segment-list'

/** Bytes asked for at once; several are under way at a time. */
const WINDOW = 16 << 20
/** How far ahead of the scan, once that has proved to go far. */
const AHEAD_MAX = 128 << 20

/**
 * Has the disk read what a scan is about to look at, off the main thread: a page that is not there yet when it is touched
 * stops everything until the disk has found it. Only a hint, which reads nothing that nobody has written.
 */
export class ReadAhead {
  readonly #segments: SegmentList
  readonly #underWay = new Set<Promise<void>>()
  #index: number
  /** How far of that segment has been asked for. */
  #askedTo = 0

  constructor(segments: SegmentList, fromSegment: number) {
    this.#segments = segments
    this.#index = fromSegment
  }

  /** The scan has come to `offset`, after `done` bytes. */
  advance(offset: number, done: number): void {
    const upTo = offset + Math.min(Math.max(done, WINDOW), AHEAD_MAX)
    for (let segment = this.#segments.at(this.#index); segment !== undefined; segment = this.#segments.at(++this.#index)) {
      while (this.#askedTo < segment.size) {
        if (segment.fromOffset + this.#askedTo >= upTo) return
        const from = segment.nextData(this.#askedTo)
        this.#askedTo = Math.min(from + WINDOW, segment.size)
        if (from < segment.size) this.#ask(segment, from, this.#askedTo)
      }
      this.#askedTo = 0
    }
  }

  /** Resolves once nothing is under way any more: from then on the files may be closed. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** Whoever touches a page that cannot be read meets the error himself. */
  #ask(segment: Segment, from: number, to: number): void {
    const reading = segment.readAhead(from, to)?.catch(() => undefined).finally(() => this.#underWay.delete(reading!))
    if (reading !== undefined) this.#underWay.add(reading)
  }
}
