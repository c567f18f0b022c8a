import { basename, join } from 'node:path'
import { StoreError, isStoreError } from '../errors'
import { indexFileSize, keyHash } from '../format/index-layout'
import { indexFileName, isIndexFileName, parseIndexFileName } from '../format/file-name'
import type { RecordRuns } from '../storage/record-runs'
import type { Backend, Clock } from '../storage/ports'
import { IndexFile, type IndexGeometry, type IndexSnapshot, type IndexWanted } from './index-file'

export interface IndexFilesOptions {
  backend: Backend
  clock: Clock
  /** `…/index` */
  directory: string
  geometry: IndexGeometry
  readOnly: boolean
  warn(message: string, file: string): void
}

export interface IndexAnswer {
  /** Log offsets, newest first within a file, newest file first. */
  phyOffsets: number[]
  lastUpdateTimestamp: number
  lastUpdatePhyOffset: number
}

/** An entry that has yet to be put into a file. */
interface WaitingEntry {
  hash: number
  phyOffset: number
  storeTimestamp: number
}

/** The hash index over keys: files filled one after the other, each full before the next begins. */
export class IndexFiles {
  readonly #options: IndexFilesOptions
  readonly #files: IndexFile[] = []
  /** Full, and not yet durable. */
  readonly #sealed: IndexFile[] = []
  /** The rest of a message's keys, where the last file is full and the disk has no room for another: nobody finds them meanwhile. */
  readonly #waiting: WaitingEntry[] = []
  /** Given up for damage, newest first. They go once what has been lost is made again: until then only they tell of it. */
  #givenUp: string[] = []
  #active: IndexFile | undefined
  #entryIsDurable = true

  constructor(options: IndexFilesOptions) {
    this.#options = options
  }

  get length(): number {
    return this.#files.length
  }

  /** Of the files, oldest first. */
  get names(): string[] {
    return this.#files.map(({ path }) => basename(path))
  }

  /** Reads the headers. @throws ERR_INVALID_OPTION where the files are not of the size that the options make */
  load(): void {
    const { backend, directory, geometry, readOnly, warn } = this.#options
    const expected = indexFileSize(geometry.slots, geometry.entries)
    for (const name of backend.files.list(directory) ?? []) {
      const path = join(directory, name)
      if (!isIndexFileName(name)) {
        warn('not an index file: ignored', path)
        continue
      }
      const size = backend.files.status(path)!.size
      if (size === expected) {
        const file = new IndexFile(backend, geometry, path, readOnly ? 'read' : 'write')
        this.#files.push(file)
        file.load()
      } else if (size === 0) {
        // What a crash leaves between creating and sizing a file.
        if (!readOnly) backend.files.remove(path)
      } else if (readOnly) {
        warn(`an index file of ${size} bytes where the options make ${expected}: keys in it are not found`, path)
      } else {
        throw new StoreError(
          'ERR_INVALID_OPTION',
          `${path} has ${size} bytes, but maxHashSlotNum ${geometry.slots} and maxIndexNum ${geometry.entries} make ` +
            `${expected}: give the values that the store was made with`,
          { file: path, key: 'maxHashSlotNum', value: geometry.slots, allowed: `what makes ${size} bytes` },
        )
      }
    }
    this.#active = this.#files[this.#files.length - 1]
  }

  /** Whether the headers of all files agree with each other and with the entries that they are about. */
  get isSound(): boolean {
    return this.#files.every((file, index) => file.isSound(this.#files[index - 1]))
  }

  /** A query has met with damage. */
  get isDamaged(): boolean {
    return this.#files.some(({ isDamaged }) => isDamaged)
  }

  /** Log offset of the last message that has an entry, -1 for none. */
  get coveredOffset(): number {
    const isEmpty = this.#active === undefined || (this.#files.length === 1 && this.#active.indexCount <= 1)
    return isEmpty ? -1 : this.#active!.endPhyOffset
  }

  /**
   * Drops the entries of messages at or behind `phyOffset`, and makes the slots of the last file again: a file that was not
   * finished has none on the disk.
   * @param isPlanned whether a crash from now on leads to the same cut again, even where the files no longer show why
   * @returns log offset from which on messages are to be put again: `phyOffset`, or less where damage took more
   */
  async cutFrom(phyOffset: number, isPlanned: boolean, pause: () => Promise<void>): Promise<number> {
    let from = phyOffset
    // Whoever made the files may have died before their names were on the disk.
    this.#entryIsDurable = false
    for (let file = this.#active; file !== undefined; file = this.#active) {
      const previous = this.#files[this.#files.length - 2]
      const isSound = file.isSound(previous)
      // The last message of the file before may have entries in this one.
      if (!isSound) from = Math.min(from, previous?.endPhyOffset ?? 0)
      if (previous !== undefined && (!isSound || file.indexCount <= 1 || file.beginPhyOffset >= from)) {
        const path = this.#dropActive()
        if (isPlanned && from === phyOffset) await this.#remove(path)
        else this.#givenUp.push(path)
        continue
      }
      if (!this.#options.readOnly) await file.makeOwn()
      const lostFrom = await file.keepBelow(from, previous, isPlanned && from === phyOffset, pause)
      if (lostFrom >= from) break
      from = lostFrom
    }
    return from
  }

  /** Makes sure that there is a file to put to, before the message is written. @throws ERR_DISK_FULL */
  makeRoom(): void {
    if (this.#waiting.length > 0) this.#enterWaiting()
    if (this.#active !== undefined && this.#active.isFull) this.#roll()
  }

  /**
   * Adds an entry for a key, by what `keyHash` makes of it. The message is in the log by then, and its keys may begin another file:
   * where the disk has no room for that, they wait, and {@link makeRoom} and {@link write} say so.
   */
  put(hash: number, phyOffset: number, storeTimestamp: number): void {
    const active = this.#active
    if (active !== undefined && !active.isFull) {
      if (!active.isWriting) active.startWriting()
      active.put(hash, phyOffset, storeTimestamp)
      return
    }
    this.#waiting.push({ hash, phyOffset, storeTimestamp })
    try {
      this.#enterWaiting()
    } catch (error) {
      if (!isStoreError(error) || error.code !== 'ERR_DISK_FULL') throw error
    }
  }

  /** Whether all keys come behind those that are there, and fit into the file that is written to, which then still has room. */
  hasRoomFor(runs: RecordRuns): boolean {
    const isBehind = runs.keyCount === 0 || runs.keyLogOffset(0) > this.coveredOffset
    return isBehind && this.#waiting.length === 0 && this.#active !== undefined && this.#active.room > runs.keyCount
  }

  /** {@link put} for each key, for which there is room. */
  putAll(runs: RecordRuns): void {
    if (runs.keyCount === 0) return
    const active = this.#active!
    active.startWriting()
    for (let key = 0; key < runs.keyCount; key++) active.put(runs.keyHash(key), runs.keyLogOffset(key), runs.keyStoreTimestamp(key))
  }

  /** The newest `max` matches with a store time in [begin, end] whose log offset passes `accepts`. */
  query(
    topicHash: number, key: string, { begin, end, max }: { begin: number; end: number; max: number }, accepts: (phyOffset: number) => boolean,
  ): IndexAnswer {
    const phyOffsets: number[] = []
    const wanted: IndexWanted = { keyHash: keyHash(topicHash, key), begin, end, max, accepts }
    for (let index = this.#files.length - 1; index >= 0 && phyOffsets.length < max; index--) {
      const file = this.#files[index]!
      if (file.overlaps(begin, end)) {
        const wasDamaged = file.isDamaged
        file.find(wanted, phyOffsets)
        if (file.isDamaged && !wasDamaged) this.#options.warn('the index is damaged, keys may not be found: the next open makes it again', file.path)
      }
      if (file.beginTimestamp < begin) break
    }
    const newest = this.#files[this.#files.length - 1]
    return { phyOffsets, lastUpdateTimestamp: newest?.endTimestamp ?? 0, lastUpdatePhyOffset: newest?.endPhyOffset ?? 0 }
  }

  /** Hands what is in memory to the file system. @throws ERR_DISK_FULL */
  write(): void {
    if (this.#options.readOnly) return
    this.#enterWaiting()
    this.#active?.write()
  }

  /** The files, oldest first, as a clean stop would leave them now: those that are full, and the one that is written to. @throws ERR_DISK_FULL */
  snapshot(): { full: string[]; active: IndexSnapshot | undefined } {
    this.#enterWaiting()
    return { full: this.#files.slice(0, -1).map(({ path }) => path), active: this.#active?.snapshot() }
  }

  /** Makes the files whole, before an orderly close; {@link sync} comes behind. */
  finish(): void {
    if (!this.#options.readOnly) this.#active?.finish()
  }

  /**
   * Makes everything put so far durable.
   * @returns the end time of the last completed file that is durable now, 0 where none was completed
   */
  async sync(): Promise<number> {
    const { backend, directory, readOnly } = this.#options
    if (readOnly) return 0
    this.write()
    let completed = 0
    for (let file = this.#sealed.shift(); file !== undefined; file = this.#sealed.shift()) {
      await file.sync()
      completed = file.endTimestamp
    }
    await this.#active?.sync()
    if (!this.#entryIsDurable) await backend.files.syncDirectory(directory)
    this.#entryIsDurable = true
    for (const path of this.#givenUp) await this.#remove(path)
    this.#givenUp = []
    return completed
  }

  /** Makes files durable of which `leastBytes` or more have been written, but for their names; for whoever calls {@link sync} later. */
  async syncWritten(leastBytes: number): Promise<void> {
    for (const file of this.#files) if (file.unsyncedBytes >= leastBytes) await file.sync()
  }

  /**
   * Removes the first file, durably, if all its messages are gone from the log, of which `logMinOffset` is the start, and it is not
   * the last one. Not while {@link sync} is under way.
   * @returns its path, and undefined where it stays
   */
  async removeFirstBelow(logMinOffset: number): Promise<string | undefined> {
    const { backend: { files }, directory } = this.#options
    const [first, second] = this.#files
    if (second === undefined || first!.endPhyOffset >= logMinOffset) return undefined
    if (this.#files.length === 2 && second.indexCount <= 1) second.becomeFirst()
    this.#files.shift()
    if (this.#sealed[0] === first) this.#sealed.shift()
    first!.close()
    files.remove(first!.path)
    // At once: the next one must not go before it.
    await files.syncDirectory(directory)
    return first!.path
  }

  close(): void {
    for (const file of this.#files) file.close()
  }

  #enterWaiting(): void {
    for (let entry = this.#waiting[0]; entry !== undefined; entry = this.#waiting[0]) {
      const file = this.#active === undefined || this.#active.isFull ? this.#roll() : this.#active
      file.startWriting()
      file.put(entry.hash, entry.phyOffset, entry.storeTimestamp)
      this.#waiting.shift()
    }
  }

  #roll(): IndexFile {
    const { backend, clock, directory, geometry, readOnly } = this.#options
    const previous = this.#active
    const last = Math.max(0, ...[previous?.path, this.#givenUp[0]].map((path) => (path === undefined ? 0 : parseIndexFileName(basename(path))!)))
    const path = join(directory, indexFileName(Math.max(clock.now(), last + 1)))
    const file = new IndexFile(backend, geometry, path, readOnly ? 'read' : 'write')
    if (previous !== undefined && !readOnly) previous.seal()
    if (this.#files.length === 0 && !readOnly) backend.files.makeDirectory(directory)
    file.create(previous)
    // Not before: what had no room is tried again.
    if (previous !== undefined && !readOnly) this.#sealed.push(previous)
    this.#entryIsDurable = false
    this.#files.push(file)
    this.#active = file
    return file
  }

  #dropActive(): string {
    const { path } = this.#active!
    this.#files.pop()!.close()
    this.#active = this.#files[this.#files.length - 1]
    return path
  }

  /** From the newest to the oldest, each for good before the next: one that is gone while newer ones are there is a gap that nothing shows. */
  async #remove(path: string): Promise<void> {
    const { backend, directory, readOnly } = this.#options
    if (readOnly) return
    backend.files.remove(path)
    await backend.files.syncDirectory(directory)
  }
}
