/** What a disk writes whole, or not at all. */
const SECTOR = 512
const zeros = Buffer.alloc(SECTOR)

/**
 * Whether properties look like those of a record that a crash has cut short. They are stored last and no checksum need cover
 * them: where they never came there are zeros, at the end or in a whole sector.
 */
export function isCutShort(bytes: Buffer, from: number, to: number): boolean {
  // Mostly a look at the last byte says no: what comes behind is a function of its own, for the compiler to put this one in its place.
  return (bytes[to - 1] === 0 || to - from >= SECTOR) && holdsZerosOfACrash(bytes, from, to)
}

function holdsZerosOfACrash(bytes: Buffer, from: number, to: number): boolean {
  if (from === to) return false
  return bytes[to - 1] === 0 || (to - from >= SECTOR && bytes.subarray(from, to).includes(zeros))
}
