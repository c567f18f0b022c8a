import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { StoreError } from '../errors'
import { makeDurableDirectory } from '../storage/durable-directory'
import { inSlices } from '../storage/in-slices'
import { isWithin } from '../storage/is-within'
import type { Backend, FileSystem } from '../storage/ports'
import { MARKER_NAME, readMarker, writeMarker, type BackupMarker } from './backup-marker'

const nextTurn = promisify(setImmediate)

/**
 * Where a backup goes. It is made beside its place, under another name, and takes the place when it is whole; the one that was
 * there before stays until then. So there is a whole one at any time, whatever happens; the next backup clears up behind one
 * that was interrupted.
 */
export class BackupTarget {
  readonly path: string
  /** Where the backup is made. */
  readonly draft: string
  /** Where the one before is while the new one takes its place. */
  readonly #outgoing: string
  readonly #backend: Backend
  readonly #store: string

  private constructor(backend: Backend, path: string, store: string) {
    this.#backend = backend
    this.#store = store
    this.path = path
    this.draft = `${path}.unfinished`
    this.#outgoing = `${path}.previous`
  }

  /**
   * Makes sure that a backup can be made at `path`, which has no symbolic links in it, and clears up behind an interrupted one.
   * @param store paths of the store's directory and of those of its commit log
   * @throws ERR_BACKUP_TARGET
   */
  static async prepare(backend: Backend, path: string, store: { directory: string; logs: Iterable<string> }): Promise<BackupTarget> {
    const { files } = backend
    const directories = [store.directory, ...store.logs].map((directory) => realPathOf(files, directory))
    if (directories.some((directory) => isWithin(directory, path) || isWithin(path, directory))) {
      throw refused(path, 'within', 'it lies within the store, or the store within it: choose a directory elsewhere')
    }
    await makeDurableDirectory(files, dirname(path))
    const status = files.status(path)
    if (status !== undefined && !status.isDirectory) throw refused(path, 'not-empty', 'it is a file: choose a directory')
    if (status !== undefined && status.device !== files.status(dirname(path))!.device) {
      throw refused(path, 'mount-point', 'a file system is mounted there, and a backup takes its place by a new name: choose a directory in it')
    }
    const target = new BackupTarget(backend, path, directories[0]!)
    await target.#clearUp()
    target.#assertFree()
    try {
      await target.#begin()
    } catch (error) {
      await target.discard().catch(() => undefined)
      throw error
    }
    return target
  }

  /** The backup takes its place. */
  async finish(marker: BackupMarker): Promise<void> {
    const { files } = this.#backend
    await writeMarker(this.#backend, this.draft, marker)
    await files.syncDirectory(dirname(this.path))
    const isReplaced = readMarker(this.#backend, this.path) !== undefined
    if (isReplaced) files.rename(this.path, this.#outgoing)
    else if (files.status(this.path) !== undefined) files.removeDirectory(this.path)
    try {
      files.rename(this.draft, this.path)
    } catch (error) {
      if (isReplaced) files.rename(this.#outgoing, this.path)
      throw error
    }
    await files.syncDirectory(dirname(this.path))
    if (isReplaced) await this.#remove(this.#outgoing)
  }

  /** Nothing stays of what was begun. */
  async discard(): Promise<void> {
    await this.#remove(this.draft)
  }

  /** What was made, and only named in part. */
  async #clearUp(): Promise<void> {
    const { files } = this.#backend
    const [drafted, outgoing] = [this.#ownAt(this.draft), this.#ownAt(this.#outgoing)]
    const isMissing = files.status(this.path) === undefined
    if (isMissing && drafted?.isWhole === true) files.rename(this.draft, this.path)
    else if (isMissing && outgoing?.isWhole === true) files.rename(this.#outgoing, this.path)
    if (isMissing) await files.syncDirectory(dirname(this.path))
    await this.#remove(this.draft)
    await this.#remove(this.#outgoing)
  }

  /** The marker of what stands in our way, if anything; what is not ours stays. */
  #ownAt(path: string): BackupMarker | undefined {
    const { files } = this.#backend
    const names = files.list(path)
    const isEmpty = names === undefined || names.every((name) => name === `${MARKER_NAME}.draft`)
    const marker = readMarker(this.#backend, path)
    if (marker?.store === this.#store || (isEmpty && files.status(path)?.isDirectory !== false)) return marker
    throw refused(path, 'not-empty', 'a backup needs this name for itself, and what is there was made by others: move it away')
  }

  #assertFree(): void {
    const { files } = this.#backend
    const names = files.list(this.path) ?? []
    if (names.length === 0) return
    const marker = readMarker(this.#backend, this.path)
    if (marker === undefined || !marker.isWhole) throw refused(this.path, 'not-empty', 'it is not empty: choose another directory')
    if (marker.store !== this.#store) {
      throw refused(this.path, 'other-store', `it is the backup of another store, ${marker.store}: choose another directory`)
    }
    if (!names.includes('lock')) return
    throw refused(this.path, 'opened', 'it has been opened as a store since it was made, and may hold messages of its own: choose another directory')
  }

  async #begin(): Promise<void> {
    this.#backend.files.makeDirectory(this.draft)
    await writeMarker(this.#backend, this.draft, { store: this.#store, isWhole: false, madeAt: 0, logEnd: 0, sealed: {} })
  }

  /** Removes a backup; one of which this has begun is none any more. */
  async #remove(path: string): Promise<void> {
    const { files } = this.#backend
    if (files.status(path) === undefined) return
    const marker = readMarker(this.#backend, path)
    if (marker?.isWhole === true) await writeMarker(this.#backend, path, { ...marker, isWhole: false })
    const pause = inSlices(nextTurn)
    const removeAll = async (directory: string): Promise<void> => {
      for (const name of files.list(directory) ?? []) {
        const inner = join(directory, name)
        if (inner === join(path, MARKER_NAME)) continue
        if (files.status(inner)?.isDirectory === true) {
          await removeAll(inner)
          files.removeDirectory(inner)
        } else {
          files.remove(inner)
        }
        await pause()
      }
    }
    await removeAll(path)
    if (files.status(join(path, MARKER_NAME)) !== undefined) files.remove(join(path, MARKER_NAME))
    files.removeDirectory(path)
  }
}

/** An absolute path, of which the end need not be there, without symbolic links. */
export function realPathOf(files: FileSystem, path: string): string {
  if (files.status(path) !== undefined) return files.realPath(path)
  return join(realPathOf(files, dirname(path)), basename(path))
}

function refused(path: string, reason: string, text: string): StoreError {
  return new StoreError('ERR_BACKUP_TARGET', `no backup can be made at ${path}: ${text}`, { file: path, reason })
}
