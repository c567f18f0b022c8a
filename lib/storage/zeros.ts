import type { FileSystem } from './ports'

const CHUNK = 64 << 10
const zeros = Buffer.alloc(CHUNK)
/** Read page by page: a longer read would fill the page cache with what is a hole. */
const PAGE = 4096
const page = Buffer.alloc(PAGE)

/**
 * Where in [from, size) of a file something other than zero stands, page by page. Holes are passed over
 * without being read where the backend can tell.
 */
export function* nonZeroRanges(
  files: FileSystem,
  descriptor: number,
  from: number,
  size: number,
): Generator<{ from: number; to: number }> {
  for (let at = files.nextData(descriptor, from, size); at < size; at = files.nextData(descriptor, at, size)) {
    const length = files.read(descriptor, page, 0, Math.min(PAGE - (at % PAGE), size - at), at)
    if (length === 0) return
    if (zeros.compare(page, 0, length, 0, length) !== 0) {
      let first = 0
      while (page[first] === 0) first++
      let end = length
      while (page[end - 1] === 0) end--
      yield { from: at + first, to: at + end }
    }
    at += length
  }
}

/** Writes zeros over [from, to) of a file. */
export function writeZeros(files: FileSystem, descriptor: number, from: number, to: number): void {
  for (let at = from; at < to; at += CHUNK) files.write(descriptor, zeros, 0, Math.min(CHUNK, to - at), at)
}
