/** The same memory, for numbers of more than one byte. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Whether `expected` stands in `bytes` from `from` on; for a few bytes, where a call into the runtime costs more than the look. */
export function standsAt(expected: Buffer, bytes: Buffer, from: number): boolean {
  for (let at = 0; at < expected.length; at++) if (bytes[from + at] !== expected[at]) return false
  return true
}
