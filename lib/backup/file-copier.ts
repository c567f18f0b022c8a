import { dirname, join } from 'node:path'
import type { StoreError } from '../errors'
import type { FileStatus, FileSystem } from '../storage/ports'
import { syncDirectories, syncPaths } from '../storage/sync-paths'
import type { BackupMarker, SealedFile } from './backup-marker'
import type { FileToCopy } from './snapshot'

/** Bytes written or asked for at once. */
const CHUNK = 1 << 20
/** So few bytes are copied at once: to have another thread do it would take longer. */
const small = Buffer.alloc(64 << 10)

export interface FileCopierOptions {
  files: FileSystem
  /** Where the copy is made. */
  target: string
  /** A backup whose files are taken over where they still are those of the store. */
  previous: { directory: string; marker: BackupMarker } | undefined
  /** Called after each piece of work with the bytes done; may throw. */
  pause(done: number): Promise<void>
}

/** Puts files into the copy: by a link where that is safe and possible, else byte by byte; and then on the disk. */
export class FileCopier {
  /** How many files there are in the copy. */
  fileCount = 0
  linkedBytes = 0
  copiedBytes = 0
  readonly sealed: Record<string, SealedFile> = {}
  readonly #options: FileCopierOptions
  readonly #paths: string[] = []
  readonly #directories = new Set<string>()
  /** Directories from which no file could be linked: they lie on other devices, or on file systems without links. */
  readonly #unlinkable = new Set<string>()

  constructor(options: FileCopierOptions) {
    this.#options = options
    this.#directories.add(options.target)
  }

  async add(file: FileToCopy): Promise<void> {
    const { files, target } = this.#options
    const to = join(target, file.place)
    this.makeDirectory(dirname(file.place))
    try {
      await this.#put(file, to)
    } catch (error) {
      // A queue that has been deleted meanwhile, or what the broker keeps beside the store.
      if (!file.mayVanish || files.status(file.path) !== undefined) throw error
      return this.#drop(file, to)
    }
    // Asked behind the copy: so long it was the file that was found. The log has what was in it.
    if (file.isReplaced?.() === true) return this.#drop(file, to)
    this.#paths.push(to)
    this.fileCount++
    await this.#pause()
  }

  #drop({ place }: FileToCopy, to: string): void {
    const { files } = this.#options
    if (files.status(to) !== undefined) files.remove(to)
    delete this.sealed[place]
  }

  /** Makes a directory of the copy, which may stay empty, and those above it. */
  makeDirectory(place: string): void {
    const { files, target } = this.#options
    const path = join(target, place)
    if (this.#directories.has(path)) return
    this.makeDirectory(dirname(place))
    files.makeDirectory(path)
    this.#directories.add(path)
  }

  /** Makes everything so far durable, names included. */
  async sync(): Promise<void> {
    const { files, target } = this.#options
    await syncPaths(files, target, this.#paths)
    await syncDirectories(files, target, this.#directories)
  }

  async #put(file: FileToCopy, to: string): Promise<void> {
    const { files } = this.#options
    const { place, path, status } = file
    if (file.kind === 'sealed') {
      const { inode, size, modifiedTime } = status
      this.sealed[place] = { inode, size, modifiedTime }
      if (this.#link(path, to) || this.#linkPrevious(place, status, to)) {
        this.linkedBytes += size
        return
      }
    }
    if (file.kind === 'growing') {
      await this.#copyStart(file, to)
    } else {
      await files.copyFile(path, to)
      this.copiedBytes += status.size
    }
    // Who cleans up, and RocketMQ 4.9 when it searches by time, goes by the times of files.
    files.setModifiedTime(to, status.modifiedTime)
  }

  /** @returns false where the file system cannot do it */
  #link(from: string, to: string): boolean {
    const directory = dirname(from)
    if (this.#unlinkable.has(directory)) return false
    try {
      this.#options.files.link(from, to)
      return true
    } catch (error) {
      if (!cannotLink(error)) throw error
      this.#unlinkable.add(directory)
      return false
    }
  }

  /** Whether the backup before has the same file, and nobody has written to it. */
  #linkPrevious(place: string, { inode, size, modifiedTime }: FileStatus, to: string): boolean {
    const { files, previous } = this.#options
    const known = previous?.marker.sealed[place]
    if (known === undefined || known.inode !== inode || known.size !== size || known.modifiedTime !== modifiedTime) return false
    const path = join(previous!.directory, place)
    const copied = files.status(path)
    return copied?.size === size && copied.modifiedTime === modifiedTime && this.#link(path, to)
  }

  /** Holes of the file become holes of the copy. */
  async #copyStart({ path, head, length, size }: FileToCopy & { kind: 'growing' }, to: string): Promise<void> {
    const { files } = this.#options
    const source = files.open(path, 'read')
    const target = files.open(to, 'create')
    try {
      files.truncate(target, size)
      const from = head?.length ?? 0
      for (let at = 0; at < from; at += CHUNK) {
        files.write(target, head!, at, Math.min(CHUNK, from - at), at)
        await this.#count(Math.min(CHUNK, from - at))
      }
      for (const range of files.dataRanges(source, from, length)) {
        for (let at = range.from; at < range.to; at += CHUNK) {
          const end = Math.min(at + CHUNK, range.to)
          if (end - at > small.length) await files.copyRange(source, target, at, end)
          else files.write(target, small, 0, files.read(source, small, 0, end - at, at), at)
          await this.#count(end - at)
        }
      }
    } finally {
      files.close(source)
      files.close(target)
    }
  }

  #count(bytes: number): Promise<void> {
    this.copiedBytes += bytes
    return this.#pause()
  }

  #pause(): Promise<void> {
    return this.#options.pause(this.linkedBytes + this.copiedBytes)
  }
}

const reasonsNotToLink = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES'])

function cannotLink(error: unknown): boolean {
  return reasonsNotToLink.has((error as StoreError).details?.reason ?? '')
}
