/** Rows of one length, which native code fills: doubles stand at multiples of 8 bytes in them, integers at multiples of 4. */
export class PackedRows {
  readonly #integers: Int32Array
  readonly #doubles: Float64Array
  readonly #integersInRow: number
  readonly #doublesInRow: number

  /** @param from where the first row begins, and `rowLength` how many bytes each has: both are multiples of 8 */
  constructor(memory: ArrayBuffer, from: number, rowLength: number, count: number) {
    this.#integersInRow = rowLength / Int32Array.BYTES_PER_ELEMENT
    this.#doublesInRow = rowLength / Float64Array.BYTES_PER_ELEMENT
    this.#integers = new Int32Array(memory, from, count * this.#integersInRow)
    this.#doubles = new Float64Array(memory, from, count * this.#doublesInRow)
  }

  /** @param field how many integers would stand before it */
  integer(row: number, field: number): number {
    return this.#integers[row * this.#integersInRow + field]!
  }

  /** @param field how many doubles would stand before it */
  double(row: number, field: number): number {
    return this.#doubles[row * this.#doublesInRow + field]!
  }
}
