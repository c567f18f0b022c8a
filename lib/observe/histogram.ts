/** Values counted by size. */
export class Histogram {
  /** Ascending; a value that is equal to a bound is below it. */
  readonly bounds: readonly number[]
  /** How many values lie between a bound and the one before it; the last counts those above all bounds. */
  readonly counts: number[]
  count = 0
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  record(value: number): void {
    let bucket = 0
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++
    this.counts[bucket]!++
    this.count++
    this.sum += value
  }
}
