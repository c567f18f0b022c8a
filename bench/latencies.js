/** How long each call took, in milliseconds: the room is there and touched before the first, so that keeping them costs nothing but a write. */
export class Latencies {
  #samples
  #count = 0

  constructor(most) {
    this.#samples = new Float64Array(most).fill(1)
  }

  add(milliseconds) {
    this.#samples[this.#count++] = milliseconds
  }

  /** @returns the figures of rows.js */
  figures() {
    const sorted = this.#samples.subarray(0, this.#count).sort()
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999), longest: sorted.at(-1) }
  }
}
