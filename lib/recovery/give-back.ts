import type { SegmentList } from '../storage/segment-list'

/** How far behind the scan; so much of the end of the log stays in memory. */
const BEHIND = 32 << 20
/** What the kernel keeps in one piece it keeps as long as any of that is wanted. */
const PIECE = 8 << 20

/**
 * Gives the memory that a scan has read the log into back to the kernel, which reads what comes next into the same: to a virtual
 * machine memory that it has not had, or has given back to its host, costs more than reading the disk does.
 */
export class GiveBack {
  readonly #segments: SegmentList
  #index: number
  /** How far that segment has been given back. */
  #givenTo = 0

  constructor(segments: SegmentList, fromSegment: number) {
    this.#segments = segments
    this.#index = fromSegment
  }

  /** The scan has come to `offset`. */
  advance(offset: number): void {
    for (let segment = this.#segments.at(this.#index); segment !== undefined; segment = this.#segments.at(++this.#index)) {
      const behind = Math.max(0, offset - BEHIND - segment.fromOffset)
      const to = Math.min(segment.size, behind - (behind % PIECE))
      if (to > this.#givenTo) segment.giveBack(this.#givenTo, to)
      this.#givenTo = Math.max(this.#givenTo, to)
      if (to < segment.size) return
      this.#givenTo = 0
    }
  }
}
