/**
 * 64-bit big-endian integers as numbers, so that the hot path needs no BigInt. Exact for safe integers; what
 * lies outside (only damaged or hostile files hold such values) comes back rounded.
 */
const WORD = 0x1_0000_0000

export function readLong(view: DataView, position: number): number {
  return fromWords(view.getInt32(position), view.getInt32(position + 4))
}

export function writeLong(view: DataView, position: number, value: number): void {
  view.setInt32(position, highWord(value))
  view.setInt32(position + 4, value | 0)
}

/** The upper 32 bits; the lower ones are `value | 0`. */
export function highWord(value: number): number {
  return Math.floor(value / WORD)
}

export function fromWords(high: number, low: number): number {
  return high * WORD + (low >>> 0)
}

/** A number that several threads see, whole at any moment. */
export class SharedLong {
  static readonly BYTES = 8
  readonly #cells: BigInt64Array

  /** @param position a multiple of {@link BYTES} */
  constructor(memory: SharedArrayBuffer, position: number) {
    this.#cells = new BigInt64Array(memory, position, 1)
  }

  get value(): number {
    return Number(Atomics.load(this.#cells, 0))
  }

  /** Whoever waits for it goes on. */
  set value(value: number) {
    Atomics.store(this.#cells, 0, BigInt(value))
    Atomics.notify(this.#cells, 0)
  }

  /** Resolves once it is another one than `known`. */
  async changedFrom(known: number): Promise<void> {
    await Atomics.waitAsync(this.#cells, 0, BigInt(known)).value
  }
}
