import { StoreError } from '../errors'
import type { FileSystem } from './ports'

/** What the engine writes into the file that it locks. */
const CONTENT = Buffer.from('lock')

/** The lock on a store's directory: the one that Java's `FileChannel.tryLock` takes, so that it holds both ways. */
export class DirectoryLock {
  readonly #files: FileSystem
  #descriptor: number | undefined

  private constructor(files: FileSystem, descriptor: number) {
    this.#files = files
    this.#descriptor = descriptor
  }

  /** @throws ERR_LOCKED, which names the holder */
  static take(files: FileSystem, path: string): DirectoryLock {
    const descriptor = files.open(path, files.status(path) === undefined ? 'create' : 'write')
    try {
      const holder = files.tryLock(descriptor, path)
      if (holder !== undefined) throw heldBy(holder, path)
      files.write(descriptor, CONTENT, 0, CONTENT.length, 0)
      return new DirectoryLock(files, descriptor)
    } catch (error) {
      files.close(descriptor)
      throw error
    }
  }

  release(): void {
    if (this.#descriptor !== undefined) this.#files.close(this.#descriptor)
    this.#descriptor = undefined
  }
}

function heldBy(holder: string, path: string): StoreError {
  return new StoreError(
    'ERR_LOCKED',
    `${path} is held by ${holder}: a directory has one writer. Close that store, or open this one with readOnly`,
    { file: path, holder },
  )
}
