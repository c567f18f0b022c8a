import { StoreError } from '../errors'
import type { FileIdentity, FileSystem } from '../storage/ports'

/** The file that is there while a store is open: who finds it knows that the last writer did not close. */
export class AbortMarker {
  readonly #files: FileSystem
  readonly #path: string
  readonly #content: Buffer
  #identity: FileIdentity | undefined

  /** 5.x writes its process id, 4.x nothing. */
  constructor(files: FileSystem, path: string, compatibility: '4.9' | '5.3') {
    this.#files = files
    this.#path = path
    this.#content = Buffer.from(compatibility === '4.9' ? '' : String(process.pid))
  }

  isThere(): boolean {
    return this.#files.status(this.#path) !== undefined
  }

  write(): void {
    const descriptor = this.#files.open(this.#path, this.isThere() ? 'write' : 'create')
    try {
      this.#files.truncate(descriptor, 0)
      this.#files.write(descriptor, this.#content, 0, this.#content.length, 0)
      this.#identity = this.#files.statusOf(descriptor)
    } finally {
      this.#files.close(descriptor)
    }
  }

  /** A broker that starts and stops on our directory takes the marker away. @throws ERR_FILE_REPLACED */
  assertOurs(): void {
    const status = this.#files.status(this.#path)
    if (status?.inode === this.#identity?.inode) return
    throw new StoreError(
      'ERR_FILE_REPLACED',
      `${this.#path} was removed or replaced while the store was open: another program has used the directory. ` +
        'Stop it, then open the store again',
      { file: this.#path },
    )
  }

  remove(): void {
    if (this.isThere()) this.#files.remove(this.#path)
  }
}
