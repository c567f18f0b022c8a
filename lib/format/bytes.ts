/** The same memory, for numbers of more than one byte. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** The class of every buffer, which `Buffer` itself is not. */
const BufferView = Buffer[Symbol.species as never] as new (memory: ArrayBufferLike, from: number, length: number) => Buffer

/**
 * `length` bytes of what `view` shows from `from` on, which must be there, not copied: `subarray` in a third of its time. Other than that
 * of a Buffer, the `buffer` of a view is no call into the runtime.
 */
export function partOf(view: DataView, from: number, length: number): Buffer {
  return new BufferView(view.buffer, view.byteOffset + from, length)
}

/** Whether `expected` stands in `bytes` from `from` on; for a few bytes, where a call into the runtime costs more than the look. */
export function standsAt(expected: Buffer, bytes: Buffer, from: number): boolean {
  for (let at = 0; at < expected.length; at++) if (bytes[from + at] !== expected[at]) return false
  return true
}
