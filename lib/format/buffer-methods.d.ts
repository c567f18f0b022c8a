/** Documented-by-use methods of Buffer that skip the argument checks of `write` and `toString`. */
interface Buffer {
  utf8Write(text: string, position?: number, length?: number): number
  utf8Slice(from?: number, to?: number): string
  latin1Write(text: string, position?: number, length?: number): number
  latin1Slice(from?: number, to?: number): string
}
