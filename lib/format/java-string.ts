/** Java's `String.hashCode`, continued from `hash` so that a concatenation need not be built. */
export function hashCode(text: string, hash = 0): number {
  for (let index = 0; index < text.length; index++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  }
  return hash
}

/**
 * Writes `text` as UTF-8 and returns the position behind it. A loop wins over a call into the runtime for
 * the short ASCII strings that topics, tags and keys are.
 */
export function writeUtf8(target: Buffer, position: number, text: string): number {
  const length = text.length
  if (length > 64) return position + target.utf8Write(text, position)
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return position + target.utf8Write(text, position)
    target[position + index] = code
  }
  return position + length
}
