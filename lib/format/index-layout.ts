import { hashCode } from './java-string'

/**
 * An index file: header (40), `slots` hash slots of 4 bytes, room for `entries` entries of 20. Entry 0 is never
 * used, since 0 ends a chain. Wire format: never change.
 *
 *     header: beginTimestamp 0, endTimestamp 8, beginPhyOffset 16, endPhyOffset 24, hashSlotCount 32, indexCount 36
 *     entry:  keyHash 0, phyOffset 4, timeDiff in seconds 12, number of the previous entry in the chain 16
 */
export const INDEX_HEADER_LENGTH = 40
export const INDEX_SLOT_LENGTH = 4
export const INDEX_ENTRY_LENGTH = 20

export const HeaderPosition = {
  beginTimestamp: 0,
  endTimestamp: 8,
  beginPhyOffset: 16,
  endPhyOffset: 24,
  hashSlotCount: 32,
  indexCount: 36,
} as const

export const EntryPosition = { keyHash: 0, phyOffset: 4, timeDiff: 12, previous: 16 } as const

export function indexFileSize(slots: number, entries: number): number {
  return INDEX_HEADER_LENGTH + slots * INDEX_SLOT_LENGTH + entries * INDEX_ENTRY_LENGTH
}

export function slotPosition(slot: number): number {
  return INDEX_HEADER_LENGTH + slot * INDEX_SLOT_LENGTH
}

export function entryPosition(slots: number, entry: number): number {
  return INDEX_HEADER_LENGTH + slots * INDEX_SLOT_LENGTH + entry * INDEX_ENTRY_LENGTH
}

/** The hash of `topic#`, from which {@link keyHash} goes on. */
export function topicHash(topic: string): number {
  return hashCode('#', hashCode(topic))
}

/** The hash of `topic#key` as the index stores it. */
export function keyHash(hashOfTopic: number, key: string): number {
  return keyHashOf(hashCode(key, hashOfTopic))
}

/** What the index stores of a hash code of `topic#key`; Math.abs(-2^31) is negative in Java, and counts as 0. */
export function keyHashOf(hash: number): number {
  return hash === -0x8000_0000 ? 0 : Math.abs(hash)
}

/** Calls back for each key of a KEYS property: parts between single spaces, empty ones left out. */
export function forEachKey(keys: string, visit: (key: string) => void): void {
  let from = 0
  while (from <= keys.length) {
    let to = keys.indexOf(' ', from)
    if (to < 0) to = keys.length
    if (to > from) visit(from === 0 && to === keys.length ? keys : keys.slice(from, to))
    from = to + 1
  }
}
