import type { Damage } from '../types'

/** The ranges of the log that cannot be read, ascending. */
export class DamageRanges {
  readonly #ranges: readonly Damage[]

  constructor(ranges: readonly Damage[]) {
    this.#ranges = ranges
  }

  covers(offset: number): boolean {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#ranges[middle]!.resumeOffset <= offset) low = middle + 1
      else high = middle
    }
    const range = this.#ranges[low]
    return range !== undefined && range.offset <= offset
  }
}
