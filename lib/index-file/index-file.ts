import {
  EntryPosition, HeaderPosition, INDEX_ENTRY_LENGTH, INDEX_HEADER_LENGTH, INDEX_SLOT_LENGTH, entryPosition, indexFileSize,
  slotPosition,
} from '../format/index-layout'
import { readLong, writeLong } from '../format/long'
import type { Backend, Mapping } from '../storage/ports'

/** How many slots and entries the files of a store have. */
export interface IndexGeometry {
  slots: number
  entries: number
}

/** Entries kept in memory before they go to the file. */
const TAIL_ENTRIES = 4096
const PAGE = 4096
const SECOND = 1000

/** What is asked of a file: a hash, and the store times between which to look. */
export interface IndexWanted {
  keyHash: number
  begin: number
  end: number
  max: number
}

/**
 * One file of the hash index. Reading goes through a map. Writing does not: a store through a map of a
 * sparse file is a memory fault when the disk is full, so slots live in memory while the file is written
 * to, new entries in a tail, and both go to the file at the flush cadence. The entries alone are enough
 * to make the slots again.
 */
export class IndexFile {
  readonly path: string
  beginTimestamp = 0
  endTimestamp = 0
  beginPhyOffset = 0
  endPhyOffset = 0
  hashSlotCount = 0
  /** Number of the next entry; starts at 1. */
  indexCount = 1
  readonly #backend: Backend
  readonly #geometry: IndexGeometry
  #descriptor: number | undefined
  #mapping: Mapping | undefined
  /** All slots as on disk, while the file is written to. */
  #slots: Buffer | undefined
  #slotsView: DataView = new DataView(new ArrayBuffer(0))
  #dirtyPages = new Uint8Array(0)
  #hasDirtyPages = false
  #tail = Buffer.alloc(0)
  #tailView: DataView = new DataView(new ArrayBuffer(0))
  /** Number of the first entry in the tail. */
  #tailFrom = 1

  readonly #mode: 'read' | 'write'

  constructor(backend: Backend, geometry: IndexGeometry, path: string, mode: 'read' | 'write') {
    this.#backend = backend
    this.#mode = mode
    this.#geometry = geometry
    this.path = path
  }

  /** Makes the file, at full size. It takes over where `previous` ended, as the engine's does. */
  create(previous: IndexFile | undefined): void {
    this.#preset(previous)
    if (this.#mode === 'read') return
    this.#descriptor = this.#backend.files.open(this.path, 'create')
    this.#backend.files.truncate(this.#descriptor, indexFileSize(this.#geometry.slots, this.#geometry.entries))
  }

  /** Reads the header. */
  load(): void {
    const header = Buffer.alloc(INDEX_HEADER_LENGTH)
    this.#backend.files.read(this.#openDescriptor(), header, 0, header.length, 0)
    const view = new DataView(header.buffer, header.byteOffset, header.length)
    this.beginTimestamp = readLong(view, HeaderPosition.beginTimestamp)
    this.endTimestamp = readLong(view, HeaderPosition.endTimestamp)
    this.beginPhyOffset = readLong(view, HeaderPosition.beginPhyOffset)
    this.endPhyOffset = readLong(view, HeaderPosition.endPhyOffset)
    this.hashSlotCount = view.getInt32(HeaderPosition.hashSlotCount)
    this.indexCount = Math.min(Math.max(1, view.getInt32(HeaderPosition.indexCount)), this.#geometry.entries)
    this.#tailFrom = this.indexCount
  }

  get isFull(): boolean {
    return this.indexCount >= this.#geometry.entries
  }

  /** Reads the slots into memory, for {@link put}. */
  startWriting(): void {
    if (this.#slots !== undefined) return
    const length = this.#geometry.slots * INDEX_SLOT_LENGTH
    this.#slots = Buffer.alloc(length)
    this.#slotsView = new DataView(this.#slots.buffer, this.#slots.byteOffset, length)
    this.#dirtyPages = new Uint8Array(Math.ceil(length / PAGE))
    if (this.indexCount > 1) this.#backend.files.read(this.#openDescriptor(), this.#slots, 0, length, INDEX_HEADER_LENGTH)
    this.#tail = Buffer.alloc(Math.min(TAIL_ENTRIES, this.#geometry.entries) * INDEX_ENTRY_LENGTH)
    this.#tailView = new DataView(this.#tail.buffer, this.#tail.byteOffset, this.#tail.length)
  }

  /** Adds an entry; the file must not be full. The rules are the engine's, its quirk with the first entry of a rolled file included. */
  put(keyHash: number, phyOffset: number, storeTimestamp: number): void {
    const slot = keyHash % this.#geometry.slots
    const previous = this.#validSlot(slot)
    const tailIndex = this.indexCount - this.#tailFrom
    const at = tailIndex * INDEX_ENTRY_LENGTH
    const seconds = this.beginTimestamp > 0 ? Math.trunc((storeTimestamp - this.beginTimestamp) / SECOND) : 0
    this.#tailView.setInt32(at + EntryPosition.keyHash, keyHash)
    writeLong(this.#tailView, at + EntryPosition.phyOffset, phyOffset)
    this.#tailView.setInt32(at + EntryPosition.timeDiff, Math.min(Math.max(0, seconds), 0x7fff_ffff))
    this.#tailView.setInt32(at + EntryPosition.previous, previous)
    this.#setSlot(slot, this.indexCount)
    if (this.indexCount <= 1) {
      this.beginPhyOffset = phyOffset
      this.beginTimestamp = storeTimestamp
    }
    if (previous === 0) this.hashSlotCount++
    this.indexCount++
    this.endPhyOffset = phyOffset
    this.endTimestamp = storeTimestamp
    if (at + INDEX_ENTRY_LENGTH === this.#tail.length) this.#makeRoom()
  }

  /** Calls back with the log offsets of matching entries, newest first, until that returns false. */
  forEachMatch(wanted: IndexWanted, visit: (phyOffset: number) => boolean): void {
    if (this.indexCount <= 1) return
    let entry = this.#slotForReading(wanted.keyHash % this.#geometry.slots)
    // Chains lead to smaller numbers only; what does not is damage, and ends the walk.
    let bound = this.indexCount
    while (entry > 0 && entry < bound) {
      bound = entry
      const { view, at } = this.#entryForReading(entry)
      const timeDiff = view.getInt32(at + EntryPosition.timeDiff)
      if (timeDiff < 0) return
      const time = this.beginTimestamp + timeDiff * SECOND
      const matches = view.getInt32(at + EntryPosition.keyHash) === wanted.keyHash
      if (matches && time >= wanted.begin && time <= wanted.end) {
        if (!visit(readLong(view, at + EntryPosition.phyOffset))) return
      }
      if (time < wanted.begin) return
      entry = view.getInt32(at + EntryPosition.previous)
    }
  }

  /** True when some entry may lie between the two store times. */
  overlaps(begin: number, end: number): boolean {
    return (
      (begin < this.beginTimestamp && end > this.endTimestamp) ||
      (begin >= this.beginTimestamp && begin <= this.endTimestamp) ||
      (end >= this.beginTimestamp && end <= this.endTimestamp)
    )
  }

  /**
   * Keeps the entries of messages before `phyOffset` and makes the slots again from them, for a file that a
   * crash may have left half written. An entry that would not have been made just so ends the file there.
   * @returns log offset of the first message before `phyOffset` that may have lost entries, or Infinity
   */
  async keepBelow(phyOffset: number, previous: IndexFile | undefined, pause: () => Promise<void>): Promise<number> {
    const claimed = this.indexCount
    this.startWriting()
    this.#slots!.fill(0)
    this.#dirtyPages.fill(1)
    this.#hasDirtyPages = true
    this.hashSlotCount = 0
    let last = previous?.endPhyOffset ?? 0
    let entry = 1
    let lostFrom = Infinity
    for (; entry < claimed; entry++) {
      if (entry % 65_536 === 0) await pause()
      const { view, at } = this.#entryForReading(entry)
      const offset = readLong(view, at + EntryPosition.phyOffset)
      if (offset >= phyOffset) break
      const slotAt = (view.getInt32(at + EntryPosition.keyHash) % this.#geometry.slots) * INDEX_SLOT_LENGTH
      const chained = slotAt >= 0 && view.getInt32(at + EntryPosition.previous) === this.#slotsView.getInt32(slotAt)
      if (!chained || offset < last || view.getInt32(at + EntryPosition.timeDiff) < 0) {
        lostFrom = last
        break
      }
      if (this.#slotsView.getInt32(slotAt) === 0) this.hashSlotCount++
      this.#slotsView.setInt32(slotAt, entry)
      last = offset
    }
    this.#endAt(entry, previous)
    return lostFrom
  }

  /** Hands what is in memory to the file: entries, then slots, then the header that counts them. */
  write(): void {
    if (this.#slots === undefined || !this.#hasDirtyPages) return
    this.#writeEntries()
    this.#writeSlots()
    this.#backend.files.write(this.#openDescriptor(), this.#header(), 0, INDEX_HEADER_LENGTH, 0)
  }

  async sync(): Promise<void> {
    await this.#backend.files.sync(this.#openDescriptor())
  }

  /** Ends writing; the slots need no memory any more. */
  seal(): void {
    this.write()
    this.#slots = undefined
  }

  close(): void {
    this.#mapping?.unmap()
    this.#mapping = undefined
    if (this.#descriptor !== undefined) this.#backend.files.close(this.#descriptor)
    this.#descriptor = undefined
  }

  #validSlot(slot: number): number {
    const value = this.#slotsView.getInt32(slot * INDEX_SLOT_LENGTH)
    return value <= 0 || value > this.indexCount ? 0 : value
  }

  #setSlot(slot: number, entry: number): void {
    const at = slot * INDEX_SLOT_LENGTH
    this.#slotsView.setInt32(at, entry)
    this.#dirtyPages[Math.floor(at / PAGE)] = 1
    this.#hasDirtyPages = true
  }

  #slotForReading(slot: number): number {
    if (this.#slots !== undefined) return this.#slotsView.getInt32(slot * INDEX_SLOT_LENGTH)
    return this.#map().view.getInt32(slotPosition(slot))
  }

  #entryForReading(entry: number): { view: DataView; at: number } {
    if (entry >= this.#tailFrom) return { view: this.#tailView, at: (entry - this.#tailFrom) * INDEX_ENTRY_LENGTH }
    return { view: this.#map().view, at: entryPosition(this.#geometry.slots, entry) }
  }

  #map(): Mapping {
    const length = indexFileSize(this.#geometry.slots, this.#geometry.entries)
    this.#mapping ??= this.#backend.mapper.map(this.#openDescriptor(), length, 'read')
    return this.#mapping
  }

  #openDescriptor(): number {
    this.#descriptor ??= this.#backend.files.open(this.path, this.#mode)
    return this.#descriptor
  }

  #preset(previous: IndexFile | undefined): void {
    this.beginTimestamp = this.endTimestamp = previous?.endTimestamp ?? 0
    this.beginPhyOffset = this.endPhyOffset = previous?.endPhyOffset ?? 0
  }

  #endAt(entry: number, previous: IndexFile | undefined): void {
    if (entry === this.indexCount) return
    this.indexCount = entry
    this.#tailFrom = entry
    if (entry === 1) {
      this.#preset(previous)
      return
    }
    const { view, at } = this.#entryForReading(entry - 1)
    this.endPhyOffset = readLong(view, at + EntryPosition.phyOffset)
    // To the second: that is all an entry knows. The messages that come again from the log make it exact.
    this.endTimestamp = this.beginTimestamp + view.getInt32(at + EntryPosition.timeDiff) * SECOND
  }

  /** The tail is full. Where the file cannot take its entries, the next {@link write} says so: it grows until then. */
  #makeRoom(): void {
    try {
      if (this.#mode === 'write') this.#writeEntries()
    } catch {
      // Kept in memory, see above.
    }
    const held = this.indexCount - this.#tailFrom
    if (held === 0) return
    const grown = Buffer.alloc(this.#tail.length * 2)
    this.#tail.copy(grown)
    this.#tail = grown
    this.#tailView = new DataView(grown.buffer, grown.byteOffset, grown.length)
  }

  #writeEntries(): void {
    const length = (this.indexCount - this.#tailFrom) * INDEX_ENTRY_LENGTH
    const position = entryPosition(this.#geometry.slots, this.#tailFrom)
    this.#backend.files.write(this.#openDescriptor(), this.#tail, 0, length, position)
    this.#tailFrom = this.indexCount
  }

  #writeSlots(): void {
    const { files } = this.#backend
    const slots = this.#slots!
    for (let page = 0; page < this.#dirtyPages.length; page++) {
      if (this.#dirtyPages[page] === 0) continue
      let end = page
      while (this.#dirtyPages[end] === 1) this.#dirtyPages[end++] = 0
      const from = page * PAGE
      files.write(this.#openDescriptor(), slots, from, Math.min(end * PAGE, slots.length) - from, INDEX_HEADER_LENGTH + from)
      page = end
    }
    this.#hasDirtyPages = false
  }

  #header(): Buffer {
    const header = Buffer.alloc(INDEX_HEADER_LENGTH)
    const view = new DataView(header.buffer, header.byteOffset, header.length)
    writeLong(view, HeaderPosition.beginTimestamp, this.beginTimestamp)
    writeLong(view, HeaderPosition.endTimestamp, this.endTimestamp)
    writeLong(view, HeaderPosition.beginPhyOffset, this.beginPhyOffset)
    writeLong(view, HeaderPosition.endPhyOffset, this.endPhyOffset)
    view.setInt32(HeaderPosition.hashSlotCount, this.hashSlotCount)
    view.setInt32(HeaderPosition.indexCount, this.indexCount)
    return header
  }
}
