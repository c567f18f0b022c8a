import type { ByteRange, FileSystem } from './ports'

const CHUNK = 64 << 10
const zeros = Buffer.alloc(CHUNK)
const chunk = Buffer.alloc(CHUNK)
const PAGE = 4096

/**
 * Where in [from, size) of a file something other than zero stands, page by page. Holes are passed over
 * without being read where the backend can tell.
 */
export function* nonZeroRanges(
  files: FileSystem,
  descriptor: number,
  from: number,
  size: number,
): Generator<ByteRange> {
  for (const { from: start, to } of files.dataRanges(descriptor, from, size)) {
    for (let at = start; at < to; ) {
      const length = files.read(descriptor, chunk, 0, Math.min(CHUNK - (at % CHUNK), to - at), at)
      if (length === 0) return
      if (zeros.compare(chunk, 0, length, 0, length) !== 0) yield* nonZeroPages(at, length)
      at += length
    }
  }
}

/** The pages of which something is not zero in what was read at `at`, each from its first such byte to its last. */
function* nonZeroPages(at: number, length: number): Generator<ByteRange> {
  for (let start = 0; start < length; ) {
    let end = Math.min(start + PAGE - ((at + start) % PAGE), length)
    const next = end
    while (start < end && chunk[start] === 0) start++
    while (start < end && chunk[end - 1] === 0) end--
    if (start < end) yield { from: at + start, to: at + end }
    start = next
  }
}

/** Writes zeros over [from, to) of a file. */
export function writeZeros(files: FileSystem, descriptor: number, from: number, to: number): void {
  for (let at = from; at < to; at += CHUNK) files.write(descriptor, zeros, 0, Math.min(CHUNK, to - at), at)
}
