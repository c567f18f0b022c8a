import { systemErrorCode } from '../errors'
import type { FileSystem } from './ports'

/** Open files, the least recently used closed first: tens of thousands of queues share a bounded number. */
export class DescriptorCache {
  readonly #files: FileSystem
  readonly #mode: 'read' | 'write'
  readonly #open = new Map<string, number>()
  #capacity: number

  constructor(files: FileSystem, mode: 'read' | 'write', capacity: number) {
    this.#files = files
    this.#mode = mode
    this.#capacity = capacity
  }

  /** A descriptor that is good until the next call. */
  get(path: string): number {
    const known = this.#open.get(path)
    if (known !== undefined) {
      this.#open.delete(path)
      this.#open.set(path, known)
      return known
    }
    return this.#add(path, this.#openFile(path, this.#mode))
  }

  /** Makes a file that is not there yet. */
  create(path: string): number {
    return this.#add(path, this.#openFile(path, 'create'))
  }

  #add(path: string, descriptor: number): number {
    if (this.#open.size >= this.#capacity) this.#closeOldest()
    this.#open.set(path, descriptor)
    return descriptor
  }

  forget(path: string): void {
    const descriptor = this.#open.get(path)
    if (descriptor === undefined) return
    this.#open.delete(path)
    this.#files.close(descriptor)
  }

  close(): void {
    for (const descriptor of this.#open.values()) this.#files.close(descriptor)
    this.#open.clear()
  }

  #openFile(path: string, mode: 'read' | 'write' | 'create'): number {
    try {
      return this.#files.open(path, mode)
    } catch (error) {
      // The process has fewer descriptors than we hoped for: live with half of what we hold.
      const cause = (error as Error).cause ?? error
      if (systemErrorCode(cause) !== 'EMFILE' || this.#open.size < 2) throw error
      this.#capacity = Math.floor(this.#open.size / 2)
      while (this.#open.size > this.#capacity) this.#closeOldest()
      return this.#files.open(path, mode)
    }
  }

  #closeOldest(): void {
    const oldest = this.#open.keys().next()
    if (!oldest.done) this.forget(oldest.value)
  }
}
