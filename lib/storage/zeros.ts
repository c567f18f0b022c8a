import type { FileSystem } from './ports'

const CHUNK = 1 << 20
const zeros = Buffer.alloc(CHUNK)

/**
 * Where in [from, size) of a file something other than zero stands, chunk by chunk. Holes are passed over
 * without being read where the backend can tell.
 */
export function* nonZeroRanges(
  files: FileSystem,
  descriptor: number,
  from: number,
  size: number,
): Generator<{ from: number; to: number }> {
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(0, size - from)))
  for (let at = files.nextData(descriptor, from, size); at < size; at = files.nextData(descriptor, at, size)) {
    const length = files.read(descriptor, chunk, 0, Math.min(chunk.length, size - at), at)
    if (length === 0) return
    if (zeros.compare(chunk, 0, length, 0, length) !== 0) {
      let first = 0
      while (chunk[first] === 0) first++
      let end = length
      while (chunk[end - 1] === 0) end--
      yield { from: at + first, to: at + end }
    }
    at += length
  }
}

/** Writes zeros over [from, to) of a file. */
export function writeZeros(files: FileSystem, descriptor: number, from: number, to: number): void {
  for (let at = from; at < to; at += CHUNK) files.write(descriptor, zeros, 0, Math.min(CHUNK, to - at), at)
}
