/** The order of Java's strings: by UTF-16 code unit. For Array.sort. */
export function compareTexts(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
