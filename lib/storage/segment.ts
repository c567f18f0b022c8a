import { dirname } from 'node:path'
import { StoreError } from '../errors'
import type { Backend, FileIdentity, Mapping } from './ports'

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
  readonly #backend: Backend
  readonly #access: 'read' | 'write'
  #descriptor: number | undefined
  #mapping: Mapping | undefined
  #identity: FileIdentity | undefined
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

  /** True when the path no longer leads to the file that is mapped. */
  isReplaced(): boolean {
    if (this.#identity === undefined) return false
    const status = this.#backend.files.status(this.path)
    return status === undefined || status.inode !== this.#identity.inode || status.device !== this.#identity.device
  }

  /** Makes [from, to) of the log durable, and before that the file's own entry. Offsets are the log's. */
  async flush(from: number, to: number): Promise<void> {
    if (!this.entryIsDurable) {
      await this.#backend.files.sync(this.descriptor)
      await this.#backend.files.syncDirectory(dirname(this.path))
      this.entryIsDurable = true
    }
    await this.mapping.flush(from - this.fromOffset, to - this.fromOffset)
  }

  close(): void {
    this.#closed = true
    this.#mapping?.unmap()
    this.#mapping = undefined
    if (this.#descriptor !== undefined) this.#backend.files.close(this.#descriptor)
    this.#descriptor = undefined
  }
}

