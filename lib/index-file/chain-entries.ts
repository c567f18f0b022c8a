import { EntryPosition, INDEX_ENTRY_LENGTH } from '../format/index-layout'

export const WORD_LENGTH = 4
export const ENTRY_WORDS = INDEX_ENTRY_LENGTH / WORD_LENGTH
const PREVIOUS = EntryPosition.previous / WORD_LENGTH
/** A page of slots is what is written of them at a time. */
const SLOTS_PER_PAGE_BITS = 10
export const SLOTS_PER_PAGE = 1 << SLOTS_PER_PAGE_BITS

/** What `Backend.chainEntries` does, for a backend that has no such call. */
export function chainEntries(slots: Int32Array, dirtyPages: Uint8Array, words: Int32Array, from: number, count: number, number: number): number {
  let begun = 0
  for (let at = from * ENTRY_WORDS, entry = number; entry < number + count; entry++, at += ENTRY_WORDS) {
    const slot = words[at]! % slots.length
    const newest = slots[slot]!
    const previous = newest <= 0 || newest > entry ? 0 : newest
    words[at + PREVIOUS] = previous
    slots[slot] = entry
    dirtyPages[slot >>> SLOTS_PER_PAGE_BITS] = 1
    if (previous === 0) begun++
  }
  return begun
}
