import type { Segment } from './segment'

/** The segments of a log in ascending order; there may be holes between them. */
export class SegmentList {
  #segments: Segment[] = []
  /** The one that was found last: mostly it is wanted again. */
  #found: Segment | undefined

  get length(): number {
    return this.#segments.length
  }

  get first(): Segment | undefined {
    return this.#segments[0]
  }

  get last(): Segment | undefined {
    return this.#segments[this.#segments.length - 1]
  }

  /** As they are now. */
  get all(): readonly Segment[] {
    return this.#segments
  }

  at(index: number): Segment | undefined {
    return this.#segments[index]
  }

  push(segment: Segment): void {
    this.#segments.push(segment)
  }

  /** Takes off and returns the last segment. */
  pop(): Segment | undefined {
    this.#found = undefined
    return this.#segments.pop()
  }

  /** Takes off and returns the first segment; whoever is going through the list meets it all the same. */
  shift(): Segment | undefined {
    const [first, ...others] = this.#segments
    this.#segments = others
    this.#found = undefined
    return first
  }

  [Symbol.iterator](): IterableIterator<Segment> {
    return this.#segments[Symbol.iterator]()
  }

  /** The segment that holds the byte at `offset`. */
  find(offset: number): Segment | undefined {
    const found = this.#found
    if (found !== undefined && offset >= found.fromOffset && offset < found.toOffset) return found
    const index = this.indexOf(offset)
    if (index < 0) return undefined
    return (this.#found = this.#segments[index])
  }

  /** Index of the segment that holds the byte at `offset`, or -1. */
  indexOf(offset: number): number {
    const first = this.#segments[0]
    if (first === undefined || offset < first.fromOffset) return -1
    // Without holes, which is nearly always, the place is computed.
    const guess = Math.floor((offset - first.fromOffset) / first.size)
    const guessed = this.#segments[guess]
    if (guessed !== undefined && offset >= guessed.fromOffset && offset < guessed.toOffset) return guess
    return this.#segments.findIndex((segment) => offset >= segment.fromOffset && offset < segment.toOffset)
  }
}
