import { join } from 'node:path'
import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'
import { parseSegmentName, segmentName } from '../format/file-name'
import type { DescriptorCache } from '../storage/descriptor-cache'
import { isShared, makeOwn } from '../storage/own-file'
import type { FileSystem } from '../storage/ports'
import { nonZeroRanges, writeZeros } from '../storage/zeros'
import { BLOCK_ENTRIES, type EntryBlock, type EntryBlocks } from './entry-blocks'

/** Entries that fill pages of the disk to the last byte, the fewest that do: written over old ones they need none of those read first. */
const ENTRIES_OF_PAGES = 1024

/** What all queues of a store share. */
export interface QueueFilesContext {
  files: FileSystem
  descriptors: DescriptorCache
  blocks: EntryBlocks
  /** Entries in a file. */
  entriesPerFile: number
  readOnly: boolean
  /** Files written since they were last made durable, and how many bytes. */
  dirty: Map<string, number>
  /** Directories with entries not yet durable. */
  dirtyDirectories: Set<string>
  warn(message: string, file: string): void
}

/**
 * The files of one queue: fixed-width entries addressed by their number. They are sparse, reached through the
 * shared descriptors, and created at full size, since the engine refuses any other.
 */
export class QueueFiles {
  readonly directory: string
  readonly #context: QueueFilesContext
  /** Number of the first entry of each file, ascending. */
  readonly #starts: number[]
  /** Entries that were wrong in the files, and could not be written there. */
  readonly #mended = new Map<number, Buffer>()
  /** Of the starts, those of files that a backup had as well when the store opened. */
  #shared: number[]
  /** What was read last for a reader who goes on behind it. */
  #block: EntryBlock | undefined
  /** The file that was asked for last: those who read and write go on there. */
  #pathStart = -1
  #pathThere = ''

  constructor(context: QueueFilesContext, directory: string, starts: number[], shared: number[] = []) {
    this.#context = context
    this.directory = directory
    this.#starts = starts
    this.#shared = shared
  }

  /**
   * Lists the files. One of another size, or behind one that is missing, ends the queue there: what was in it and
   * behind it comes back from the log. An empty one is what a crash leaves between creating and sizing a file.
   */
  static load(context: QueueFilesContext, directory: string): { files: QueueFiles; isDamaged: boolean } {
    const starts: number[] = []
    const shared: number[] = []
    let isDamaged = false
    for (const name of context.files.list(directory) ?? []) {
      const path = join(directory, name)
      const from = parseSegmentName(name)
      if (from === undefined || from % QUEUE_ENTRY_LENGTH !== 0) {
        context.warn('not a consume queue file: ignored', path)
        continue
      }
      const { size, links } = context.files.status(path) ?? { size: undefined, links: 1 }
      const isNext = starts.length === 0 || from / QUEUE_ENTRY_LENGTH === starts[starts.length - 1]! + context.entriesPerFile
      if (!isDamaged && isNext && size === context.entriesPerFile * QUEUE_ENTRY_LENGTH) {
        starts.push(from / QUEUE_ENTRY_LENGTH)
        if (links > 1) shared.push(from / QUEUE_ENTRY_LENGTH)
        continue
      }
      isDamaged ||= size !== 0
      context.warn(`a consume queue file of ${size} bytes${isNext ? '' : ' without the one before it'}: removed, the log has what was in it`, path)
      if (!context.readOnly) context.files.remove(path)
    }
    return { files: new QueueFiles(context, directory, starts, shared), isDamaged }
  }

  get starts(): readonly number[] {
    return this.#starts
  }

  get entriesPerFile(): number {
    return this.#context.entriesPerFile
  }

  /** When the file that begins at entry `start` was last modified, Infinity for one still in memory. 4.9 searches by it. */
  modifiedTime(start: number): number {
    return this.#context.files.status(this.#path(start))?.modifiedTime ?? Infinity
  }

  /** Reads up to `count` entries, none from beyond the file of the first; returns how many. */
  read(index: number, count: number, target: Uint8Array, targetOffset: number): number {
    const start = this.#startOf(index)
    if (!this.#starts.includes(start)) return 0
    const wanted = Math.min(count, start + this.entriesPerFile - index)
    const position = (index - start) * QUEUE_ENTRY_LENGTH
    const descriptor = this.#context.descriptors.get(this.#path(start))
    const length = this.#context.files.read(descriptor, target, targetOffset, wanted * QUEUE_ENTRY_LENGTH, position)
    const found = Math.floor(length / QUEUE_ENTRY_LENGTH)
    if (this.#mended.size > 0) this.#overlay(index, found, target, targetOffset)
    return found
  }

  /**
   * The block that has entry `index`, with those behind it as far as they are in the same file and below `end`; undefined where
   * there is none. Good until something is written.
   */
  block(index: number, end: number): EntryBlock | undefined {
    const known = this.#block
    if (known !== undefined && known.owner === this && index >= known.from && index < known.to) return known
    const block = this.#context.blocks.take(this)
    block.from = index
    block.to = index + this.read(index, Math.min(BLOCK_ENTRIES, end - index), block.bytes, 0)
    this.#block = block
    return block.to > index ? block : undefined
  }

  /**
   * Number of the entry in the file that begins at `start` from which on nothing was ever written, as far as the file system
   * can tell: at most a page too many.
   */
  endOfData(start: number): number {
    const { files, descriptors } = this.#context
    const descriptor = descriptors.get(this.#path(start))
    const end = files.dataRanges(descriptor, 0, this.entriesPerFile * QUEUE_ENTRY_LENGTH).at(-1)?.to ?? 0
    return start + Math.ceil(end / QUEUE_ENTRY_LENGTH)
  }

  /** Puts an entry right: in its file where that can be written and is no backup's as well, in memory otherwise. */
  mend(index: number, entry: Uint8Array): void {
    this.#forgetBlock()
    try {
      if (!this.#context.readOnly && !isShared(this.#context.files, this.#path(this.#startOf(index)))) {
        this.write(index, 1, entry, 0)
        return
      }
    } catch {
      // The file is derived from the log: it can be put right another time.
    }
    this.#mended.set(index, Buffer.from(entry))
  }

  /** The last place up to `index` to which a file is best written: where pages end, or the file begins. */
  pagesEnd(index: number): number {
    return index - ((index - this.#startOf(index)) % ENTRIES_OF_PAGES)
  }

  /** Writes `count` entries from `source`, over as many files as they need. */
  write(index: number, count: number, source: Uint8Array, sourceOffset: number): void {
    this.#forgetBlock()
    while (count > 0) {
      const start = this.#startOf(index)
      const now = Math.min(count, start + this.entriesPerFile - index)
      const path = this.#path(start)
      if (!this.#starts.includes(start)) this.#create(start, path)
      const position = (index - start) * QUEUE_ENTRY_LENGTH
      this.#context.files.write(
        this.#context.descriptors.get(path), source, sourceOffset, now * QUEUE_ENTRY_LENGTH, position,
      )
      this.#markDirty(path, now * QUEUE_ENTRY_LENGTH)
      index += now
      count -= now
      sourceOffset += now * QUEUE_ENTRY_LENGTH
    }
  }

  /** Before entries from `index` on are written anew: the files that hold them may be part of a backup as well. */
  async makeOwn(index: number): Promise<void> {
    const { files, descriptors, readOnly, entriesPerFile } = this.#context
    if (readOnly || this.#shared.length === 0) return
    for (const start of this.#shared.filter((start) => start + entriesPerFile > index && this.#starts.includes(start))) {
      descriptors.forget(this.#path(start))
      await makeOwn(files, this.#path(start))
    }
    this.#shared = this.#shared.filter((start) => start + entriesPerFile <= index)
  }

  /** Leaves nothing but zeros from entry `index` on, so that no stale entry comes back. */
  clearFrom(index: number): void {
    this.#forgetBlock()
    while (this.#starts.length > 0 && this.#starts[this.#starts.length - 1]! >= index) this.#removeLast()
    const last = this.#starts[this.#starts.length - 1]
    if (last === undefined || index >= last + this.entriesPerFile) return
    const path = this.#path(last)
    const descriptor = this.#context.descriptors.get(path)
    const from = (index - last) * QUEUE_ENTRY_LENGTH
    const size = this.entriesPerFile * QUEUE_ENTRY_LENGTH
    for (const range of nonZeroRanges(this.#context.files, descriptor, from, size)) {
      writeZeros(this.#context.files, descriptor, range.from, range.to)
      this.#markDirty(path, range.to - range.from)
    }
  }

  /** Removes the first file, durably; it must not be the only one. @returns its path */
  async removeFirst(): Promise<string> {
    const { files, descriptors, dirty } = this.#context
    const path = this.#path(this.#starts.shift()!)
    descriptors.forget(path)
    dirty.delete(path)
    files.remove(path)
    // At once: the next one must not go before it.
    await files.syncDirectory(this.directory)
    return path
  }

  #overlay(index: number, count: number, target: Uint8Array, targetOffset: number): void {
    for (let at = 0; at < count; at++) {
      const entry = this.#mended.get(index + at)
      if (entry !== undefined) target.set(entry, targetOffset + at * QUEUE_ENTRY_LENGTH)
    }
  }

  /** Removes all that is in the directory, and itself; what is no file of the queue stays. */
  removeAll(): void {
    const { files, descriptors, dirty, dirtyDirectories } = this.#context
    this.#forgetBlock()
    this.#starts.length = 0
    this.#mended.clear()
    dirtyDirectories.delete(this.directory)
    for (const name of files.list(this.directory) ?? []) {
      const path = join(this.directory, name)
      if (parseSegmentName(name) === undefined) continue
      descriptors.forget(path)
      dirty.delete(path)
      files.remove(path)
    }
    if (files.list(this.directory)?.length === 0) files.removeDirectory(this.directory)
  }

  /** Whoever made the files may have died before their names were on the disk. */
  distrustNames(): void {
    if (this.#starts.length > 0) this.#context.dirtyDirectories.add(this.directory)
  }

  #forgetBlock(): void {
    if (this.#block?.owner === this) this.#block.owner = undefined
    this.#block = undefined
  }

  #markDirty(path: string, bytes: number): void {
    this.#context.dirty.set(path, (this.#context.dirty.get(path) ?? 0) + bytes)
  }

  #removeLast(): void {
    const path = this.#path(this.#starts.pop()!)
    this.#context.descriptors.forget(path)
    this.#context.files.remove(path)
    this.#context.dirtyDirectories.add(this.directory)
  }

  #create(start: number, path: string): void {
    const { files, descriptors, dirtyDirectories } = this.#context
    if (this.#starts.length === 0) files.makeDirectory(this.directory)
    const descriptor = descriptors.create(path)
    try {
      files.truncate(descriptor, this.entriesPerFile * QUEUE_ENTRY_LENGTH)
    } catch (error) {
      // The next try makes it anew, and would take this one for another program's.
      descriptors.forget(path)
      files.remove(path)
      throw error
    }
    dirtyDirectories.add(this.directory)
    this.#starts.push(start)
    this.#starts.sort((left, right) => left - right)
  }

  #startOf(index: number): number {
    return index - (index % this.entriesPerFile)
  }

  #path(start: number): string {
    if (start !== this.#pathStart) {
      this.#pathThere = join(this.directory, segmentName(start * QUEUE_ENTRY_LENGTH))
      this.#pathStart = start
    }
    return this.#pathThere
  }
}
