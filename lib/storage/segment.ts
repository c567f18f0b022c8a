import { dirname } from 'node:path'
import { StoreError } from '../errors'
import type { Lease } from './lease'
import { makeOwn } from './own-file'
import type { Backend, ByteRange, FileIdentity, Mapping } from './ports'

/**
 * One file of the commit log. It is opened and mapped when first touched, so that a store of many segments
 * opens at once.
 */
export class Segment {
  readonly path: string
  /** Commit log offset of its first byte. */
  readonly fromOffset: number
  readonly size: number
  /** False until the file and its directory entry are known to be on disk. */
  entryIsDurable: boolean
  /** Who reads from it now. */
  readonly leases = new Set<Lease>()
  /** Called when nobody does any more. */
  onFree: (() => void) | undefined
  readonly #backend: Backend
  readonly #access: 'read' | 'write'
  #descriptor: number | undefined
  #mapping: Mapping | undefined
  #identity: FileIdentity | undefined
  /** Of a sealed one, while its file does not say so. */
  #lastStoreTime: number | undefined
  #closed = false

  constructor(
    backend: Backend,
    place: { path: string; fromOffset: number; size: number },
    access: 'read' | 'write',
    created?: { descriptor: number },
  ) {
    this.#backend = backend
    this.path = place.path
    this.fromOffset = place.fromOffset
    this.size = place.size
    this.#access = access
    this.#descriptor = created?.descriptor
    this.entryIsDurable = created === undefined
  }

  get toOffset(): number {
    return this.fromOffset + this.size
  }

  get descriptor(): number {
    if (this.#closed) throw new StoreError('ERR_STORE_CLOSED', `${this.path} is closed`)
    this.#descriptor ??= this.#backend.files.open(this.path, this.#access)
    return this.#descriptor
  }

  get mapping(): Mapping {
    this.#mapping ??= this.#backend.mapper.map(this.descriptor, this.size, this.#access)
    return this.#mapping
  }

  /** Remembers which file this is, for {@link isReplaced}. */
  rememberIdentity(): void {
    const { device, inode } = this.#backend.files.statusOf(this.descriptor)
    this.#identity = { device, inode }
  }

  /** True when the path no longer leads to the file that is mapped, or that has become shorter. */
  isReplaced(): boolean {
    if (this.#identity === undefined) return false
    const status = this.#backend.files.status(this.path)
    if (status === undefined || status.inode !== this.#identity.inode || status.device !== this.#identity.device) return true
    return status.size < this.size
  }

  /**
   * Tells whether the bytes at [from, to) of the file, which have just been read or stored, are the disk's; nearly free
   * where they are.
   * @throws ERR_IO, ERR_FILE_REPLACED where a page could not be had: zeros were read, and what was stored is lost
   */
  assertIntact(from: number, to: number): void {
    const fault = this.findFault(from, to)
    if (fault !== undefined) throw this.#faultError(fault)
  }

  /** Where in [from, to) of the file a page was touched that could not be had. */
  findFault(from: number, to: number): number | undefined {
    return this.#mapping?.findFault?.(from, to)
  }

  /** The parts of the file from `from` on that may have been written to. */
  dataRanges(from: number): ByteRange[] {
    return this.#backend.files.dataRanges(this.descriptor, from, this.size)
  }

  /** Has [from, to) of the file read by the time it is touched, where the backend can do that off the main thread. */
  readAhead(from: number, to: number): Promise<void> | undefined {
    return this.mapping.readAhead?.(from, to)
  }

  /** What is touched from now on comes from the disk, as far as the backend can see to that. */
  dropCache(): void {
    // The kernel keeps pages that are mapped.
    this.#mapping?.unmap()
    this.#mapping = undefined
    this.#backend.files.dropCache(this.descriptor, 0, this.size)
  }

  /** Gives the memory of [from, to) of the file back to the kernel, as far as the backend can see to that; who touches it has the disk read it. */
  giveBack(from: number, to: number): void {
    this.#mapping?.unload?.(from, to)
    this.#backend.files.dropCache(this.descriptor, from, to)
  }

  /** Before the file is written to again: it may be part of a backup as well. */
  async makeOwn(): Promise<void> {
    if (this.#backend.files.statusOf(this.descriptor).links === 1) return
    this.#release()
    await makeOwn(this.#backend.files, this.path)
  }

  /** When it was last written to, milliseconds: of a sealed one, the store time of its last message. */
  get modifiedTime(): number {
    return this.#lastStoreTime ?? this.#backend.files.status(this.path)?.modifiedTime ?? 0
  }

  set modifiedTime(milliseconds: number) {
    this.#backend.files.setModifiedTime(this.path, milliseconds)
    this.#lastStoreTime = undefined
  }

  /** Nothing more is written to it; the file has yet to bear the time. */
  seal(lastStoreTime: number): void {
    this.#lastStoreTime = lastStoreTime
  }

  /** Makes the file durable, its entry in the directory included, where that is not known to be. */
  async makeEntryDurable(): Promise<void> {
    if (this.entryIsDurable) return
    await this.#backend.files.sync(this.descriptor)
    await this.#backend.files.syncDirectory(dirname(this.path))
    this.entryIsDurable = true
  }

  /** Makes [from, to) of the log durable, and before that the file's own entry. Offsets are the log's. */
  async flush(from: number, to: number): Promise<void> {
    await this.makeEntryDurable()
    await this.mapping.flush(from - this.fromOffset, to - this.fromOffset)
  }

  close(): void {
    this.#closed = true
    this.#release()
  }

  #release(): void {
    this.#mapping?.unmap()
    this.#mapping = undefined
    if (this.#descriptor !== undefined) this.#backend.files.close(this.#descriptor)
    this.#descriptor = undefined
  }

  #faultError(position: number): StoreError {
    const { path: file, size } = this
    const offset = this.fromOffset + position
    const actual = this.#backend.files.statusOf(this.descriptor).size
    if (actual < size) {
      const message = `${file} was cut from ${size} bytes to ${actual} while the store was open: another program has changed it. ` +
        'Stop that, then open the store again'
      return new StoreError('ERR_FILE_REPLACED', message, { file, offset })
    }
    const message = `the disk does not provide the page at byte ${position} of ${file}: look at the kernel's log and the disk`
    return new StoreError('ERR_IO', message, { file, offset, reason: 'a page of the map could not be had' })
  }
}

