import {
  EntryPosition, HeaderPosition, INDEX_ENTRY_LENGTH, INDEX_HEADER_LENGTH, INDEX_SLOT_LENGTH, entryPosition, slotPosition,
} from '../format/index-layout'
import { viewOf } from '../format/bytes'
import { readLong } from '../format/long'
import type { IndexGeometry } from '../index-file/index-file'
import type { FileSystem } from '../storage/ports'
import type { Report } from './finding'

const CHUNK_ENTRIES = 4096
const SECOND = 1000

export interface IndexEntry {
  file: IndexOnDisk
  number: number
  keyHash: number
  phyOffset: number
  timeDiff: number
  /** It continues the chain of its slot. */
  isChained: boolean
}

/** One index file as it is on disk. The slots are made again from the entries, and then compared. */
export class IndexOnDisk {
  readonly path: string
  readonly beginTimestamp: number
  readonly beginPhyOffset: number
  readonly endPhyOffset: number
  /** Number of the next entry, as the header says and the file allows. */
  readonly indexCount: number
  readonly #claimedCount: number
  readonly #files: FileSystem
  readonly #descriptor: number
  readonly #geometry: IndexGeometry

  constructor(files: FileSystem, path: string, geometry: IndexGeometry) {
    this.path = path
    this.#files = files
    this.#geometry = geometry
    this.#descriptor = files.open(path, 'read')
    const header = Buffer.alloc(INDEX_HEADER_LENGTH)
    files.read(this.#descriptor, header, 0, header.length, 0)
    const view = viewOf(header)
    this.beginTimestamp = readLong(view, HeaderPosition.beginTimestamp)
    this.beginPhyOffset = readLong(view, HeaderPosition.beginPhyOffset)
    this.endPhyOffset = readLong(view, HeaderPosition.endPhyOffset)
    this.#claimedCount = view.getInt32(HeaderPosition.indexCount)
    this.indexCount = Math.min(Math.max(1, this.#claimedCount), geometry.entries)
  }

  /** All entries in order; then says what is wrong with slots and header, unless the file is still being written. */
  *entries(isBeingWritten: boolean, report: Report): Generator<IndexEntry> {
    const slots = new Int32Array(this.#geometry.slots)
    const chunk = Buffer.alloc(Math.min(CHUNK_ENTRIES, this.indexCount) * INDEX_ENTRY_LENGTH)
    const view = viewOf(chunk)
    let first: IndexEntry | undefined
    let last: IndexEntry | undefined
    for (let from = 1; from < this.indexCount; from += CHUNK_ENTRIES) {
      const count = Math.min(CHUNK_ENTRIES, this.indexCount - from)
      chunk.fill(0)
      this.#files.read(this.#descriptor, chunk, 0, count * INDEX_ENTRY_LENGTH, this.positionOf(from))
      for (let index = 0; index < count; index++) {
        last = this.#entryIn(view, index * INDEX_ENTRY_LENGTH, from + index, slots)
        first ??= last
        yield last
      }
    }
    if (isBeingWritten) return
    this.#checkHeader(first, last, report)
    this.#checkSlots(slots, report)
  }

  positionOf(entry: number): number {
    return entryPosition(this.#geometry.slots, entry)
  }

  /** The seconds that an entry other than the first holds for a store time. */
  timeDiffOf(storeTimestamp: number): number {
    return Math.min(Math.max(0, Math.trunc((storeTimestamp - this.beginTimestamp) / SECOND)), 0x7fff_ffff)
  }

  close(): void {
    this.#files.close(this.#descriptor)
  }

  #entryIn(view: DataView, at: number, number: number, slots: Int32Array): IndexEntry {
    const keyHash = view.getInt32(at + EntryPosition.keyHash)
    const slot = keyHash < 0 ? -1 : keyHash % this.#geometry.slots
    const isChained = slot >= 0 && view.getInt32(at + EntryPosition.previous) === slots[slot]
    if (slot >= 0) slots[slot] = number
    const timeDiff = view.getInt32(at + EntryPosition.timeDiff)
    return { file: this, number, keyHash, phyOffset: readLong(view, at + EntryPosition.phyOffset), timeDiff, isChained }
  }

  #checkHeader(first: IndexEntry | undefined, last: IndexEntry | undefined, report: Report): void {
    const wrong = (field: keyof typeof HeaderPosition, says: number, is: number): void => {
      report({
        kind: 'index-header-wrong', file: this.path, offset: HeaderPosition[field], bytes: field === 'indexCount' ? 4 : 8,
        what: `${field} in the header is ${says}, the entries make it ${is}`,
      })
    }
    // A count of 0 is the engine's for a file that it has just made.
    if (this.#claimedCount !== this.indexCount && this.#claimedCount !== 0) wrong('indexCount', this.#claimedCount, this.indexCount)
    if (first !== undefined && first.phyOffset !== this.beginPhyOffset) wrong('beginPhyOffset', this.beginPhyOffset, first.phyOffset)
    if (last !== undefined && last.phyOffset !== this.endPhyOffset) wrong('endPhyOffset', this.endPhyOffset, last.phyOffset)
  }

  #checkSlots(slots: Int32Array, report: Report): void {
    const chunk = Buffer.alloc(Math.min(CHUNK_ENTRIES, slots.length) * INDEX_SLOT_LENGTH)
    let wrong = 0
    let firstWrong = 0
    for (let from = 0; from < slots.length; from += CHUNK_ENTRIES) {
      const count = Math.min(CHUNK_ENTRIES, slots.length - from)
      this.#files.read(this.#descriptor, chunk, 0, count * INDEX_SLOT_LENGTH, slotPosition(from))
      for (let index = 0; index < count; index++) {
        const value = chunk.readInt32BE(index * INDEX_SLOT_LENGTH)
        // Who reads takes such a value for an empty slot.
        const effective = value <= 0 || value >= this.indexCount ? 0 : value
        if (effective === slots[from + index]) continue
        if (wrong++ === 0) firstWrong = from + index
      }
    }
    if (wrong === 0) return
    report({
      kind: 'index-slots-wrong', file: this.path, offset: slotPosition(firstWrong), bytes: wrong * INDEX_SLOT_LENGTH,
      what: `${wrong} slots, the first number ${firstWrong}, do not lead to the last entry of their chain`,
    })
  }
}
