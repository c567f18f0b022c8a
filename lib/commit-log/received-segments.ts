import type { Segment } from '../storage/segment'
import type { SegmentSupply } from './segment-supply'

/** Segments, in a row, of which it is not known yet whether they become part of the log. */
export class ReceivedSegments {
  readonly #supply: SegmentSupply
  #segments: Segment[] = []

  constructor(supply: SegmentSupply) {
    this.#supply = supply
  }

  get last(): Segment | undefined {
    return this.#segments[this.#segments.length - 1]
  }

  find(offset: number): Segment | undefined {
    if (this.#segments.length === 0) return undefined
    return this.#segments.find((segment) => offset >= segment.fromOffset && offset < segment.toOffset)
  }

  /** The next one, at `fromOffset`. @throws ERR_DISK_FULL, ERR_FILE_REPLACED */
  begin(fromOffset: number): Segment {
    const segment = this.#supply.take(fromOffset)
    this.#segments.push(segment)
    return segment
  }

  /** The first one, which is part of the log from now on. */
  take(): Segment {
    return this.#segments.shift()!
  }

  /** None of them is part of the log. @param receivedTo up to where they have been written */
  giveBack(receivedTo: number): void {
    const [first, ...others] = this.#segments
    this.#segments = []
    for (const segment of others) this.#supply.discard(segment)
    if (first === undefined) return
    first.mapping.bytes.fill(0, 0, Math.min(receivedTo, first.toOffset) - first.fromOffset)
    this.#supply.giveBack(first)
  }
}
