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
