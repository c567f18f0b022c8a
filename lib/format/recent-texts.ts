import { standsAt } from './bytes'

const PLACES = 256

/**
 * Texts that come again and again, in UTF-8 and as strings: one that was seen lately is not decoded anew. Two that fall on the same
 * place take turns.
 */
export class RecentTexts {
  readonly #bytes: (Buffer | undefined)[] = Array.from({ length: PLACES })
  readonly #texts: string[] = Array.from({ length: PLACES }, () => '')

  /** The text bytes[from, to). */
  decode(bytes: Buffer, from: number, to: number): string {
    if (from === to) return ''
    // Texts of a kind differ most at their ends, or in length.
    const place = (Math.imul(bytes[from]!, 7) + bytes[to - 1]! + Math.imul(to - from, 31)) & (PLACES - 1)
    const known = this.#bytes[place]
    if (known?.length === to - from && standsAt(known, bytes, from)) return this.#texts[place]!
    const text = bytes.utf8Slice(from, to)
    this.#bytes[place] = Buffer.from(bytes.subarray(from, to))
    this.#texts[place] = text
    return text
  }
}
