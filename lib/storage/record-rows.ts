import type { Place, PropertyPlaces } from '../format/property-places'
import type { RecordRuns } from './record-runs'

/** The layout of `RecordRow` in native/core/record_scan.h, in integers of 4 bytes; its two first fields are doubles. */
const ROW_INTEGERS = 24
export const ROW_LENGTH = ROW_INTEGERS * Int32Array.BYTES_PER_ELEMENT
const Field = {
  position: 4, size: 5, sysFlag: 6, queue: 7, hasPlaces: 8, keysAreSeveral: 9, tags: 10, keys: 13, uniqueKey: 16, delay: 19,
} as const

/**
 * Whole records that stand in a row in a file, as far as their places in queue and index go. Not made of `PackedRows`: a length that
 * is no constant costs 25 ns a record here, in all that is read of one.
 */
export class RecordRows {
  readonly #integers: Int32Array
  readonly #doubles: Float64Array

  /**
   * @param from where in the memory the room of one row begins, with how many there are; they follow it
   * @param runs what the same records come to by their queues
   */
  constructor(memory: ArrayBuffer, from: number, capacity: number, readonly runs: RecordRuns) {
    this.#integers = new Int32Array(memory, from, (1 + capacity) * ROW_INTEGERS)
    this.#doubles = new Float64Array(memory, from, ((1 + capacity) * ROW_INTEGERS) / 2)
  }

  get count(): number {
    return this.#integers[0]!
  }

  /** Where the record begins in the file. */
  position(row: number): number {
    return this.#integer(row, Field.position)
  }

  size(row: number): number {
    return this.#integer(row, Field.size)
  }

  sysFlag(row: number): number {
    return this.#integer(row, Field.sysFlag)
  }

  /** Stands for topic and queue id, counted from 0 on in the order of their first records in this scan. */
  queueNumber(row: number): number {
    return this.#integer(row, Field.queue)
  }

  queueOffset(row: number): number {
    return this.#doubles[((row + 1) * ROW_INTEGERS) / 2]!
  }

  storeTimestamp(row: number): number {
    return this.#doubles[((row + 1) * ROW_INTEGERS) / 2 + 1]!
  }

  /** @returns false where the scan has not looked for them */
  fillPlaces(row: number, places: PropertyPlaces): boolean {
    const integers = this.#integers
    const at = (row + 1) * ROW_INTEGERS
    if (integers[at + Field.hasPlaces] === 0) return false
    fill(places.tags, integers, at + Field.tags, false)
    fill(places.keys, integers, at + Field.keys, integers[at + Field.keysAreSeveral] !== 0)
    fill(places.uniqueKey, integers, at + Field.uniqueKey, false)
    places.delay.set(integers[at + Field.delay]!, integers[at + Field.delay + 1]!, 0, false)
    return true
  }

  #integer(row: number, field: number): number {
    return this.#integers[(row + 1) * ROW_INTEGERS + field]!
  }
}

function fill(place: Place, integers: Int32Array, at: number, isSeveral: boolean): void {
  place.set(integers[at]!, integers[at + 1]!, integers[at + 2]!, isSeveral)
}
