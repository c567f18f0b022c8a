/**
 * 64-bit big-endian integers as numbers, so that the hot path needs no BigInt. Exact for safe integers; what
 * lies outside (only damaged or hostile files hold such values) comes back rounded.
 */
const WORD = 0x1_0000_0000

export function readLong(view: DataView, position: number): number {
  return view.getInt32(position) * WORD + view.getUint32(position + 4)
}

export function writeLong(view: DataView, position: number, value: number): void {
  view.setInt32(position, Math.floor(value / WORD))
  view.setInt32(position + 4, value | 0)
}
