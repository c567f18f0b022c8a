/**
 * Java's `String.hashCode`, continued from `seed` so that a concatenation need not be built. The `| 0` tells the compiler
 * that the hash is an integer all along; without it each step goes through a double.
 */
export function hashCode(text: string, seed = 0): number {
  let hash = seed | 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  return hash
}

/** The same of bytes[from, to), which are UTF-8; no string is made of ASCII. */
export function hashCodeOfBytes(bytes: Buffer, from: number, to: number, seed = 0): number {
  let hash = seed | 0
  for (let at = from; at < to; at++) {
    const code = bytes[at]!
    if (code > 0x7f) return hashCode(bytes.utf8Slice(from, to), seed)
    hash = (Math.imul(hash, 31) + code) | 0
  }
  return hash
}
