/** Java's `String.hashCode`, continued from `hash` so that a concatenation need not be built. */
export function hashCode(text: string, hash = 0): number {
  for (let index = 0; index < text.length; index++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  }
  return hash
}

/** The same of bytes[from, to), which are UTF-8; no string is made of ASCII. */
export function hashCodeOfBytes(bytes: Buffer, from: number, to: number, hash = 0): number {
  let continued = hash
  for (let at = from; at < to; at++) {
    const code = bytes[at]!
    if (code > 0x7f) return hashCode(bytes.utf8Slice(from, to), hash)
    continued = (Math.imul(continued, 31) + code) | 0
  }
  return continued
}
