import {
  EntryPosition, HeaderPosition, INDEX_HEADER_LENGTH, entryPosition, indexFileSize, slotPosition,
} from '../format/index-layout'
import { StoreError } from '../errors'
import { viewOf } from '../format/bytes'
import { fromWords, highWord, readLong, writeLong } from '../format/long'
import { makeOwn } from '../storage/own-file'
import type { Backend, Mapping } from '../storage/ports'
import { ENTRY_WORDS, SLOTS_PER_PAGE, WORD_LENGTH, chainEntries } from './chain-entries'

/** How many slots and entries the files of a store have. */
export interface IndexGeometry {
  slots: number
  entries: number
}

/** A file that is written to, as it is at one moment. */
export interface IndexSnapshot {
  path: string
  /** Header and slots, which change. */
  head: Buffer
  /** Bytes up to the end of the entries, which do not. */
  length: number
  size: number
}

/** Entries kept in memory before they go to the file. */
const TAIL_ENTRIES = 16384
const SECOND = 1000
/** Entries that wait for each other to be put into their chains. */
const UNCHAINED_MAX = 256

/** Words on their way to the file. */
const chunk = Buffer.alloc(64 << 10)
const chunkView = viewOf(chunk)

/** What is asked of a file: a hash, the store times between which to look, and how many log offsets that pass. */
export interface IndexWanted {
  keyHash: number
  begin: number
  end: number
  max: number
  accepts(phyOffset: number): boolean
}

/**
 * One file of the hash index. Reading goes through a map. Writing does not: a store through a map of a
 * sparse file is a memory fault when the disk is full, so slots live in memory while the file is written
 * to, new entries in a tail, and both go to the file at the flush cadence. The entries alone are enough
 * to make the slots again.
 */
export class IndexFile {
  readonly path: string
  /** A chain of the file leads to where it cannot lead: some keys are not found. */
  isDamaged = false
  beginTimestamp = 0
  endTimestamp = 0
  beginPhyOffset = 0
  endPhyOffset = 0
  hashSlotCount = 0
  /** Number of the next entry; starts at 1. */
  indexCount = 1
  /** Bytes of entries and slots that have been written since {@link sync} was last called. */
  unsyncedBytes = 0
  readonly #backend: Backend
  readonly #geometry: IndexGeometry
  #descriptor: number | undefined
  #mapping: Mapping | undefined
  /** All slots, while the file is written to. */
  #slots: Int32Array | undefined
  #dirtyPages = new Uint8Array(0)
  #hasUnwritten = false
  /** New entries, as words of this machine's byte order; turned when they are written. */
  #tail = new Int32Array(0)
  /** Number of the first entry in the tail. */
  #tailFrom = 1
  /** Number of the first entry that is not in its chain yet. */
  #chainFrom = 1

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
    const { files } = this.#backend
    this.#descriptor = files.open(this.path, 'create')
    try {
      files.truncate(this.#descriptor, indexFileSize(this.#geometry.slots, this.#geometry.entries))
      files.write(this.#descriptor, this.#header(), 0, INDEX_HEADER_LENGTH, 0)
    } catch (error) {
      // The next try makes it anew, and would take this one for another program's.
      this.close()
      files.remove(this.path)
      throw error
    }
  }

  /** Reads the header. */
  load(): void {
    const header = Buffer.alloc(INDEX_HEADER_LENGTH)
    this.#backend.files.read(this.#openDescriptor(), header, 0, header.length, 0)
    const view = viewOf(header)
    this.beginTimestamp = readLong(view, HeaderPosition.beginTimestamp)
    this.endTimestamp = readLong(view, HeaderPosition.endTimestamp)
    this.beginPhyOffset = readLong(view, HeaderPosition.beginPhyOffset)
    this.endPhyOffset = readLong(view, HeaderPosition.endPhyOffset)
    this.hashSlotCount = view.getInt32(HeaderPosition.hashSlotCount)
    this.indexCount = Math.min(Math.max(1, view.getInt32(HeaderPosition.indexCount)), this.#geometry.entries)
    this.#tailFrom = this.indexCount
    this.#chainFrom = this.indexCount
  }

  get isFull(): boolean {
    return this.room <= 0
  }

  /** How many entries fit in. */
  get room(): number {
    return this.#geometry.entries - this.indexCount
  }

  get isWriting(): boolean {
    return this.#slots !== undefined
  }

  /** Reads the slots into memory, for {@link put}. */
  startWriting(): void {
    if (this.#slots !== undefined) return
    const slots = this.#makeSlots()
    if (this.indexCount <= 1) return
    const bytes = bytesOf(slots)
    this.#backend.files.read(this.#openDescriptor(), bytes, 0, bytes.length, INDEX_HEADER_LENGTH)
    toOtherByteOrder(bytes)
  }

  #makeSlots(): Int32Array {
    this.#slots = new Int32Array(this.#geometry.slots)
    this.#dirtyPages = new Uint8Array(Math.ceil(this.#geometry.slots / SLOTS_PER_PAGE))
    this.#tail = new Int32Array(Math.min(TAIL_ENTRIES, this.#geometry.entries) * ENTRY_WORDS)
    return this.#slots
  }

  /** Adds an entry; the file must not be full. The rules are the engine's, its quirk with the first entry of a rolled file included. */
  put(keyHash: number, phyOffset: number, storeTimestamp: number): void {
    const entry = this.indexCount
    const seconds = this.beginTimestamp > 0 ? Math.trunc((storeTimestamp - this.beginTimestamp) / SECOND) : 0
    const tail = this.#tail
    const at = (entry - this.#tailFrom) * ENTRY_WORDS
    tail[at] = keyHash
    tail[at + 1] = highWord(phyOffset)
    tail[at + 2] = phyOffset | 0
    tail[at + 3] = Math.min(Math.max(0, seconds), 0x7fff_ffff)
    if (entry <= 1) {
      this.beginPhyOffset = phyOffset
      this.beginTimestamp = storeTimestamp
    }
    this.indexCount = entry + 1
    this.endPhyOffset = phyOffset
    // A clock that goes back does not make what was found before unfindable.
    this.endTimestamp = Math.max(this.endTimestamp, storeTimestamp)
    this.#hasUnwritten = true
    if (entry - this.#chainFrom === UNCHAINED_MAX) this.#chain()
    if (at + ENTRY_WORDS === tail.length) this.#makeRoom()
  }

  /**
   * Puts new entries into their chains, many at a time: each needs a slot from somewhere in a large table, and the
   * processor waits for several at once when they are asked for in a row.
   */
  #chain(): void {
    const count = this.indexCount - this.#chainFrom
    if (count === 0) return
    const chain = this.#backend.chainEntries ?? chainEntries
    this.hashSlotCount += chain(this.#slots!, this.#dirtyPages, this.#tail, this.#chainFrom - this.#tailFrom, count, this.#chainFrom)
    this.#chainFrom = this.indexCount
  }

  /**
   * Adds the log offsets of matching entries to `found`, newest first, until those are `wanted.max`.
   * @throws ERR_IO where the disk does not provide what is on the way
   */
  find(wanted: IndexWanted, found: number[]): void {
    this.#walkChain(wanted, found)
    const fault = this.#forgetFaultedMap()
    if (fault === undefined) return
    const { path: file } = this
    const message = `the disk does not provide the page at byte ${fault} of ${file}. Queues and log are not concerned: repair the disk, ` +
      'or close the store and remove the file, and the next open makes it again'
    throw new StoreError('ERR_IO', message, { file, offset: fault, reason: 'a page of the map could not be had' })
  }

  #walkChain(wanted: IndexWanted, found: number[]): void {
    if (this.indexCount <= 1) return
    if (this.#slots !== undefined) this.#chain()
    const slot = wanted.keyHash % this.#geometry.slots
    let entry = this.#slotForReading(slot)
    // Chains lead to smaller numbers of the same slot; what does not is damage, and ends the walk.
    let bound = this.indexCount
    while (entry !== 0) {
      const keyHash = entry > 0 && entry < bound ? this.#field(entry, EntryPosition.keyHash) : -1
      const timeDiff = keyHash < 0 ? -1 : this.#field(entry, EntryPosition.timeDiff)
      if (timeDiff < 0 || keyHash % this.#geometry.slots !== slot) {
        this.isDamaged = true
        return
      }
      bound = entry
      const time = this.beginTimestamp + timeDiff * SECOND
      const matches = keyHash === wanted.keyHash
      if (matches && time >= wanted.begin && time <= wanted.end) {
        const phyOffset = this.#phyOffset(entry)
        if (wanted.accepts(phyOffset) && found.push(phyOffset) >= wanted.max) return
      }
      if (time < wanted.begin) return
      entry = this.#field(entry, EntryPosition.previous)
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
   * @param mayClear false where only the file as it is shows what is to be made again
   * @returns log offset of the first message before `phyOffset` that may have lost entries, or Infinity
   */
  async keepBelow(phyOffset: number, previous: IndexFile | undefined, mayClear: boolean, pause: () => Promise<void>): Promise<number> {
    const claimed = this.indexCount
    // What the file says of them is made again, and not even read: it may be what the disk does not give.
    const slots = this.#slots?.fill(0) ?? this.#makeSlots()
    this.#dirtyPages.fill(1)
    this.#hasUnwritten = true
    this.hashSlotCount = 0
    let last = previous?.endPhyOffset ?? 0
    /** Number of the first entry of the message at `last`. */
    let lastFrom = 1
    let entry = 1
    let lostFrom = Infinity
    for (; entry < claimed; entry++) {
      if (entry % 65_536 === 0) await pause()
      const offset = this.#phyOffset(entry)
      if (offset >= phyOffset) break
      const keyHash = this.#field(entry, EntryPosition.keyHash)
      const slot = keyHash % slots.length
      const isChained = keyHash >= 0 && this.#field(entry, EntryPosition.previous) === slots[slot]
      if (!isChained || offset < last || this.#field(entry, EntryPosition.timeDiff) < 0) {
        lostFrom = last
        break
      }
      if (offset > last) lastFrom = entry
      if (slots[slot] === 0) this.hashSlotCount++
      slots[slot] = entry
      last = offset
    }
    if (lostFrom < Infinity) {
      this.#unchain(lastFrom, entry)
      entry = lastFrom
    }
    this.#endAt(entry, previous)
    if (entry === 1 && lostFrom === Infinity && mayClear) this.#clear()
    this.#forgetFaultedMap()
    return lostFrom
  }

  /** Before the file is written to again: it may be part of a backup as well. */
  async makeOwn(): Promise<void> {
    this.close()
    await makeOwn(this.#backend.files, this.path)
  }

  /**
   * Hands new entries to the file, then the header that counts them. Slots lie all over it, so that new ones touch most of
   * its pages each time; they follow with {@link finish}, and a crash before that costs nothing, since it makes them again.
   */
  write(): void {
    if (this.#slots === undefined || !this.#hasUnwritten) return
    this.#writeEntries()
    this.#hasUnwritten = false
    this.#backend.files.write(this.#openDescriptor(), this.#header(), 0, INDEX_HEADER_LENGTH, 0)
  }

  /** What a clean stop would leave in the file now. */
  snapshot(): IndexSnapshot {
    this.startWriting()
    this.write()
    const { slots, entries } = this.#geometry
    const head = Buffer.alloc(entryPosition(slots, 0))
    this.#header().copy(head)
    bytesOf(this.#slots!).copy(head, INDEX_HEADER_LENGTH)
    toOtherByteOrder(head.subarray(INDEX_HEADER_LENGTH))
    return { path: this.path, head, length: entryPosition(slots, this.indexCount), size: indexFileSize(slots, entries) }
  }

  /** Nothing comes before this file any more, and nothing is in it yet: it is as the first one of a store is. */
  becomeFirst(): void {
    this.#preset(undefined)
    this.#backend.files.write(this.#openDescriptor(), this.#header(), 0, INDEX_HEADER_LENGTH, 0)
  }

  async sync(): Promise<void> {
    this.unsyncedBytes = 0
    await this.#backend.files.sync(this.#openDescriptor())
  }

  /** Hands everything to the file, which can then be read by itself. */
  finish(): void {
    if (this.#slots === undefined) return
    this.write()
    this.#writeSlots()
  }

  /** Ends writing; the slots need no memory any more. */
  seal(): void {
    this.finish()
    this.#slots = undefined
  }

  close(): void {
    this.#mapping?.unmap()
    this.#mapping = undefined
    if (this.#descriptor !== undefined) this.#backend.files.close(this.#descriptor)
    this.#descriptor = undefined
  }

  /** Makes one hole of the file: what is written to the middle of an old page waits until the disk has found the rest of it. */
  #clear(): void {
    if (this.#mode === 'read') return
    const { files } = this.#backend
    files.truncate(this.#openDescriptor(), 0)
    files.truncate(this.#openDescriptor(), indexFileSize(this.#geometry.slots, this.#geometry.entries))
    this.#dirtyPages.fill(0)
  }

  #slotForReading(slot: number): number {
    return this.#slots === undefined ? this.#map().view.getInt32(slotPosition(slot)) : this.#slots[slot]!
  }

  /** A 32-bit field of an entry, from the tail or the file. */
  #field(entry: number, position: number): number {
    if (entry >= this.#tailFrom) return this.#tail[(entry - this.#tailFrom) * ENTRY_WORDS + position / WORD_LENGTH]!
    return this.#map().view.getInt32(entryPosition(this.#geometry.slots, entry) + position)
  }

  #phyOffset(entry: number): number {
    return fromWords(this.#field(entry, EntryPosition.phyOffset), this.#field(entry, EntryPosition.phyOffset + WORD_LENGTH))
  }

  #map(): Mapping {
    const length = indexFileSize(this.#geometry.slots, this.#geometry.entries)
    this.#mapping ??= this.#backend.mapper.map(this.#openDescriptor(), length, 'read')
    return this.#mapping
  }

  /**
   * A map in which a page could not be had shows zeros there for ever, whatever is written to the file: the next one looks
   * at the file again.
   * @returns where that page begins
   */
  #forgetFaultedMap(): number | undefined {
    const fault = this.#mapping?.findFault?.(0, this.#mapping.bytes.length)
    if (fault === undefined) return undefined
    this.#mapping!.unmap()
    this.#mapping = undefined
    return fault
  }

  #openDescriptor(): number {
    this.#descriptor ??= this.#backend.files.open(this.path, this.#mode)
    return this.#descriptor
  }

  #preset(previous: IndexFile | undefined): void {
    this.beginTimestamp = this.endTimestamp = previous?.endTimestamp ?? 0
    this.beginPhyOffset = this.endPhyOffset = previous?.endPhyOffset ?? 0
  }

  /** Takes entries [from, to), the newest, out of their chains. */
  #unchain(from: number, to: number): void {
    const slots = this.#slots!
    for (let entry = to - 1; entry >= from; entry--) {
      const slot = this.#field(entry, EntryPosition.keyHash) % slots.length
      slots[slot] = this.#field(entry, EntryPosition.previous)
      if (slots[slot] === 0) this.hashSlotCount--
    }
  }

  /** Whether the header agrees with the file before, and with the first and the last entry. */
  isSound(previous: IndexFile | undefined): boolean {
    const endOfPrevious = previous?.endPhyOffset ?? 0
    if (this.indexCount <= 1) return this.endPhyOffset === endOfPrevious
    const isInOrder = this.beginPhyOffset >= endOfPrevious && this.endPhyOffset >= this.beginPhyOffset
    return isInOrder && this.#readPhyOffset(1) === this.beginPhyOffset && this.#readPhyOffset(this.indexCount - 1) === this.endPhyOffset
  }

  /**
   * As {@link #phyOffset}, without the map: the first touch of a page of that has the disk read megabytes around it.
   * @returns -1 where the disk does not provide it
   */
  #readPhyOffset(entry: number): number {
    if (entry >= this.#tailFrom) return this.#phyOffset(entry)
    const position = entryPosition(this.#geometry.slots, entry) + EntryPosition.phyOffset
    try {
      this.#backend.files.read(this.#openDescriptor(), chunk, 0, 2 * WORD_LENGTH, position)
    } catch {
      return -1
    }
    return readLong(chunkView, 0)
  }

  #endAt(entry: number, previous: IndexFile | undefined): void {
    if (entry === this.indexCount) return
    this.indexCount = entry
    this.#tailFrom = entry
    this.#chainFrom = entry
    if (entry === 1) {
      this.#preset(previous)
      return
    }
    this.endPhyOffset = this.#phyOffset(entry - 1)
    // To the second: that is all an entry knows. The messages that come again from the log make it exact.
    this.endTimestamp = this.beginTimestamp + this.#field(entry - 1, EntryPosition.timeDiff) * SECOND
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
    const grown = new Int32Array(this.#tail.length * 2)
    grown.set(this.#tail)
    this.#tail = grown
  }

  #writeEntries(): void {
    this.#chain()
    const bytes = bytesOf(this.#tail.subarray(0, (this.indexCount - this.#tailFrom) * ENTRY_WORDS))
    // In place: nobody needs them here once they are in the file.
    toOtherByteOrder(bytes)
    try {
      this.#backend.files.write(this.#openDescriptor(), bytes, 0, bytes.length, entryPosition(this.#geometry.slots, this.#tailFrom))
    } catch (error) {
      toOtherByteOrder(bytes)
      throw error
    }
    this.unsyncedBytes += bytes.length
    this.#tailFrom = this.indexCount
  }

  #writeSlots(): void {
    for (let page = 0; page < this.#dirtyPages.length; page++) {
      if (this.#dirtyPages[page] === 0) continue
      let end = page
      while (this.#dirtyPages[end] === 1) end++
      const from = page * SLOTS_PER_PAGE
      this.#writeWords(this.#slots!.subarray(from, end * SLOTS_PER_PAGE), slotPosition(from))
      this.#dirtyPages.fill(0, page, end)
      page = end
    }
  }

  #writeWords(words: Int32Array, position: number): void {
    const bytes = bytesOf(words)
    for (let from = 0; from < bytes.length; from += chunk.length) {
      const length = bytes.copy(chunk, 0, from)
      toOtherByteOrder(chunk)
      this.#backend.files.write(this.#openDescriptor(), chunk, 0, length, position + from)
      this.unsyncedBytes += length
    }
  }

  #header(): Buffer {
    const header = Buffer.alloc(INDEX_HEADER_LENGTH)
    const view = viewOf(header)
    writeLong(view, HeaderPosition.beginTimestamp, this.beginTimestamp)
    writeLong(view, HeaderPosition.endTimestamp, this.endTimestamp)
    writeLong(view, HeaderPosition.beginPhyOffset, this.beginPhyOffset)
    writeLong(view, HeaderPosition.endPhyOffset, this.endPhyOffset)
    view.setInt32(HeaderPosition.hashSlotCount, this.hashSlotCount)
    // The engine writes the count with the first entry.
    view.setInt32(HeaderPosition.indexCount, this.indexCount <= 1 ? 0 : this.indexCount)
    return header
  }
}

function bytesOf(words: Int32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength)
}

const isLittleEndian = new Uint8Array(Int32Array.of(1).buffer)[0] === 1

/** Between this machine's order of bytes and the file's; in place. */
function toOtherByteOrder(bytes: Buffer): Buffer {
  return isLittleEndian ? bytes.swap32() : bytes
}
