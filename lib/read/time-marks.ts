/** Messages from a mark to the next. */
export const MARK_DISTANCE = 32
/** Marks that a queue can have: their numbers have 31 bits. */
const NUMBERS = 2 ** 31
/** No message behind this has one. */
export const MARKED_MAX = MARK_DISTANCE * NUMBERS

/** Marks of a store that are kept, two numbers each: 2 MB. */
const PLACES = 1 << 17
/** Spreads the queues over the places; 2^32 divided by the golden ratio. */
const SPREAD = 0x9e37_79b1

/** What the queues of a store share: of all marks that fall on a place the newest. It takes no memory before the first search. */
export class TimeMarkTable {
  #cells: Float64Array | undefined
  #owners = 0

  get cells(): Float64Array {
    this.#cells ??= new Float64Array(2 * PLACES)
    return this.#cells
  }

  /** A number that no other marks have, from 1. Behind the four millionth the keys of neighbours are the same: some marks are wrong then. */
  newOwner(): number {
    return ++this.#owners
  }
}

/**
 * Store times of some messages of a queue, as searches have met with them: of each {@link MARK_DISTANCE}th one, by its number divided
 * by that. The next search may find them wrong.
 */
export class TimeMarks {
  readonly #table: TimeMarkTable
  #owner: number

  constructor(table: TimeMarkTable) {
    this.#table = table
    this.#owner = table.newOwner()
  }

  /** Milliseconds; undefined where it is not known. */
  find(mark: number): number | undefined {
    const { cells } = this.#table
    const cell = this.#cellOf(mark)
    return cells[cell] === this.#keyOf(mark) ? cells[cell + 1] : undefined
  }

  keep(mark: number, time: number): void {
    const { cells } = this.#table
    const cell = this.#cellOf(mark)
    cells[cell] = this.#keyOf(mark)
    cells[cell + 1] = time
  }

  forget(): void {
    this.#owner = this.#table.newOwner()
  }

  #cellOf(mark: number): number {
    return 2 * ((mark + Math.imul(this.#owner, SPREAD)) & (PLACES - 1))
  }

  #keyOf(mark: number): number {
    return this.#owner * NUMBERS + mark
  }
}
