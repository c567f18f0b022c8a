/** Random numbers that a seed repeats. */
export class Random {
  #state: number

  /** @param seeds together they name one sequence: the run's seed, the layer, the case */
  constructor(...seeds: readonly (number | string)[]) {
    this.#state = 0x9e3779b9
    for (const character of seeds.join('/')) this.#state = Math.imul(this.#state ^ character.charCodeAt(0), 0x01000193)
    // Neighbouring seeds begin far apart.
    for (let round = 0; round < 4; round++) this.next()
  }

  /** A number in [0, 1). Mulberry32, by its published constants. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  /** A whole number in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!
  }
}
