import { dirname, join, relative, resolve } from 'node:path'
import { indexFileName } from '../format/file-name'
import { systemErrorCode } from '../errors'
import type { FileSystem } from '../storage/ports'

const CHUNK = 1 << 20

/** The directory beside the store's files to which a repair puts what it takes out. */
export class Quarantine {
  readonly path: string
  readonly #files: FileSystem
  readonly #root: string

  /** @param now milliseconds, for a name that no repair before has used */
  constructor(files: FileSystem, root: string, now: number) {
    this.#files = files
    this.#root = root
    while (files.status(join(root, 'quarantine', indexFileName(now))) !== undefined) now++
    this.path = join(root, 'quarantine', indexFileName(now))
  }

  /** Where a file goes: to the place that it had in the store. */
  placeOf(file: string): string {
    const place = relative(this.#root, resolve(file))
    // A commit log may lie elsewhere; then its path without the dots tells where.
    return join(this.path, place.replace(/\.\.[/\\]/g, ''))
  }

  /** Copies [from, to) of a file, durably. */
  async copy(file: string, from: number, to: number, target: string): Promise<void> {
    await this.#makeParents(target)
    const source = this.#files.open(file, 'read')
    const copy = this.#files.open(target, 'create')
    try {
      const chunk = Buffer.allocUnsafe(CHUNK)
      for (let at = from; at < to; ) {
        const length = this.#files.read(source, chunk, 0, Math.min(CHUNK, to - at), at)
        if (length === 0) break
        this.#files.write(copy, chunk, 0, length, at - from)
        at += length
      }
      await this.#files.sync(copy)
    } finally {
      this.#files.close(copy)
      this.#files.close(source)
    }
    await this.#files.syncDirectory(dirname(target))
  }

  /**
   * Moves a file, or a directory with all that is in it, durably: at once where the file system can.
   * @param beforePiecemeal is called before a directory is moved file by file
   */
  async move(path: string, beforePiecemeal: () => Promise<void>): Promise<void> {
    const target = this.placeOf(path)
    await this.#makeParents(target)
    try {
      this.#files.rename(path, target)
    } catch (error) {
      const reason = systemErrorCode((error as Error).cause)
      // A mount point stays where it is, and a rename does not reach another file system: one by one, a copy first.
      if (reason !== 'EXDEV' && reason !== 'EBUSY') throw error
      await beforePiecemeal()
      await this.#moveByCopy(path)
    }
    await this.#files.syncDirectory(dirname(target))
    await this.#files.syncDirectory(dirname(path))
  }

  async #moveByCopy(path: string): Promise<void> {
    const names = this.#files.list(path)
    for (const name of names ?? []) await this.#moveByCopy(join(path, name))
    if (names !== undefined) return
    await this.copy(path, 0, this.#files.status(path)!.size, this.placeOf(path))
    this.#files.remove(path)
  }

  async #makeParents(target: string): Promise<void> {
    this.#files.makeDirectory(dirname(target))
    for (let directory = dirname(target); directory.startsWith(this.#root); directory = dirname(directory)) {
      await this.#files.syncDirectory(directory)
    }
  }
}
