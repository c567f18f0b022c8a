/** Java's `String.hashCode`, continued from `hash` so that a concatenation need not be built. */
export function hashCode(text: string, hash = 0): number {
  for (let index = 0; index < text.length; index++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  }
  return hash
}
