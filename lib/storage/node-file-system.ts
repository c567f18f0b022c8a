import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { StoreError, isStoreError, systemErrorCode } from '../errors'
import type { ByteRange, FileStatus, FileSystem } from './ports'

const openAsync = promisify(fs.open)
const closeAsync = promisify(fs.close)
const synchronize = promisify(fs.fsync)
const synchronizeData = promisify(fs.fdatasync)
const readAsync = promisify(fs.read)
const writeAsync = promisify(fs.write)
const copyAsync = promisify(fs.copyFile)
const nextTurn = promisify(setImmediate)

const openFlags = { read: 'r', write: 'r+', create: 'wx+' } as const

const reserveChunkSize = 1024 * 1024
const zeros = Buffer.alloc(reserveChunkSize)
const copyChunkSize = 1024 * 1024

/** What a disk can be too full for. A flush is not among them: by then the store has promised the room. */
const operationsThatNeedRoom = new Set(['write', 'reserve', 'truncate', 'create', 'make directory', 'rename', 'link', 'copy to'])

/** @returns what the port throws where a system call failed on `file` */
export function fileError(operation: string, file: string, cause: unknown, offset?: number): StoreError {
  if (isStoreError(cause)) return cause
  const systemCode = systemErrorCode(cause)
  if (operationsThatNeedRoom.has(operation) && (systemCode === 'ENOSPC' || systemCode === 'EDQUOT')) {
    const limit = systemCode === 'EDQUOT' ? 'the disk quota is used up' : 'no space is left on its file system'
    const message = `cannot ${operation} ${file}: ${limit}; free some there, then try again`
    return new StoreError('ERR_DISK_FULL', message, { file, reason: systemCode }, cause)
  }
  const text = cause instanceof Error ? cause.message : String(cause)
  const details = { file, ...(offset !== undefined && { offset }), reason: systemCode ?? text }
  return new StoreError('ERR_IO', `cannot ${operation} ${file}: ${text}`, details, cause)
}

/** Calls that a signal or a busy device cut short are repeated: they have done nothing yet. */
function repeatInterrupted<Result>(call: () => Result): Result {
  for (;;) {
    try {
      return call()
    } catch (error) {
      const code = systemErrorCode(error)
      if (code !== 'EINTR' && code !== 'EAGAIN') throw error
    }
  }
}

export function isAbsence(error: unknown): boolean {
  const code = systemErrorCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** The files locked in this thread, by device and inode; shared with other installed copies of the library. */
function locksOfThisThread(): Set<string> {
  const holder = globalThis as { [key: symbol]: Set<string> | undefined }
  return (holder[Symbol.for('mqstore.locks')] ??= new Set())
}

/** The file system as Node's own calls reach it. */
export class NodeFileSystem implements FileSystem {
  private readonly paths = new Map<number, string>()
  private readonly locks = new Map<number, string>()

  open(path: string, mode: 'read' | 'write' | 'create'): number {
    const operation = mode === 'create' ? 'create' : 'open'
    const descriptor = this.attempt(operation, path, () => fs.openSync(path, openFlags[mode]))
    this.paths.set(descriptor, path)
    return descriptor
  }

  close(descriptor: number): void {
    const path = this.pathOf(descriptor)
    // Forgotten before the call: whatever it answers, the system may hand the number out again.
    this.paths.delete(descriptor)
    const lock = this.locks.get(descriptor)
    if (lock !== undefined) {
      this.locks.delete(descriptor)
      locksOfThisThread().delete(lock)
    }
    try {
      fs.closeSync(descriptor)
    } catch (error) {
      // Of what could not be written, this would be the second report: what was promised has been flushed before.
      if (systemErrorCode(error) === 'EBADF') throw fileError('close', path, error)
    }
  }

  /** Where the file behind a descriptor is, as far as calls made here tell. */
  pathOf(descriptor: number): string {
    return this.paths.get(descriptor) ?? `descriptor ${descriptor}`
  }

  status(path: string): FileStatus | undefined {
    try {
      return statusFrom(fs.statSync(path))
    } catch (error) {
      if (isAbsence(error)) return undefined
      throw fileError('look at', path, error)
    }
  }

  statusOf(descriptor: number): FileStatus {
    return this.attemptOn('look at', descriptor, () => statusFrom(fs.fstatSync(descriptor)))
  }

  list(path: string): string[] | undefined {
    try {
      return fs.readdirSync(path).sort()
    } catch (error) {
      if (isAbsence(error)) return undefined
      throw fileError('list', path, error)
    }
  }

  makeDirectory(path: string): void {
    this.attempt('make directory', path, () => fs.mkdirSync(path, { recursive: true }))
  }

  realPath(path: string): string {
    return this.attempt('look at', path, () => fs.realpathSync(path))
  }

  truncate(descriptor: number, length: number): void {
    this.attemptOn('truncate', descriptor, () => fs.ftruncateSync(descriptor, length))
  }

  reserve(descriptor: number, length: number): void {
    this.attemptOn('reserve', descriptor, () => {
      for (let position = sizeOf(descriptor); position < length; position += reserveChunkSize) {
        writeFully(descriptor, zeros, 0, Math.min(reserveChunkSize, length - position), position)
      }
      fillHoles(descriptor, length)
    })
  }

  async reserveAsync(descriptor: number, length: number): Promise<void> {
    try {
      // Each chunk within one turn, at the end that the file has then: a writer that could not wait may have
      // reserved the rest and begun to use it.
      for (let position = sizeOf(descriptor); position < length; position = sizeOf(descriptor)) {
        writeFully(descriptor, zeros, 0, Math.min(reserveChunkSize, length - position), position)
        await nextTurn()
      }
      for (let position = 0; hasHoles(descriptor) && position < length; position += reserveChunkSize) {
        rewriteChunk(descriptor, position, length)
        await nextTurn()
      }
    } catch (error) {
      throw fileError('reserve', this.pathOf(descriptor), error)
    }
  }

  read(descriptor: number, target: Uint8Array, targetOffset: number, length: number, position: number): number {
    return this.attemptOn('read', descriptor, () => readFully(descriptor, target, targetOffset, length, position), position)
  }

  write(descriptor: number, source: Uint8Array, sourceOffset: number, length: number, position: number): void {
    this.attemptOn('write', descriptor, () => writeFully(descriptor, source, sourceOffset, length, position), position)
  }

  async sync(descriptor: number): Promise<void> {
    try {
      await synchronizeData(descriptor)
    } catch (error) {
      throw fileError('flush', this.pathOf(descriptor), error)
    }
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot open a directory, and needs no such call: its file systems journal their entries.
    if (process.platform === 'win32') return
    try {
      const descriptor = await openAsync(path, 'r')
      try {
        await synchronize(descriptor)
      } finally {
        await closeAsync(descriptor)
      }
    } catch (error) {
      throw fileError('flush', path, error)
    }
  }

  rename(from: string, to: string): void {
    this.attempt('rename', from, () => fs.renameSync(from, to))
    for (const [descriptor, path] of this.paths) if (path === from) this.paths.set(descriptor, to)
  }

  remove(path: string): void {
    this.attempt('remove', path, () => fs.unlinkSync(path))
  }

  removeDirectory(path: string): void {
    this.attempt('remove', path, () => fs.rmdirSync(path))
  }

  link(from: string, to: string): void {
    this.attempt('link', to, () => fs.linkSync(from, to))
  }

  async copyFile(from: string, to: string): Promise<void> {
    try {
      await copyAsync(from, to, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE)
    } catch (error) {
      throw fileError('copy to', to, error)
    }
  }

  async copyRange(source: number, target: number, from: number, to: number): Promise<void> {
    const chunk = Buffer.allocUnsafeSlow(Math.min(copyChunkSize, to - from))
    try {
      for (let at = from; at < to; ) {
        const { bytesRead } = await readAsync(source, chunk, 0, Math.min(chunk.length, to - at), at)
        if (bytesRead === 0) return
        for (let written = 0; written < bytesRead; ) {
          written += (await writeAsync(target, chunk, written, bytesRead - written, at + written)).bytesWritten
        }
        at += bytesRead
      }
    } catch (error) {
      throw fileError('copy to', this.pathOf(target), error)
    }
  }

  setModifiedTime(path: string, milliseconds: number): void {
    // Node passes seconds as a double, which mostly lies a trifle below the millisecond; a microsecond on
    // top keeps those who cut off the fraction, as Java does, from reading one less.
    const seconds = (milliseconds + 0.001) / 1000
    this.attempt('set the time of', path, () => fs.utimesSync(path, seconds, seconds))
  }

  dropCache(_descriptor: number, _from: number, _to: number): void {
    // Node has no such call, and the port takes it for a hint.
  }

  dataRanges(_descriptor: number, from: number, size: number): ByteRange[] {
    return from < size ? [{ from, to: size }] : []
  }

  /** Knows this thread's locks only: Node cannot reach the operating system's. */
  tryLock(descriptor: number, _path: string): string | undefined {
    const { device, inode } = this.statusOf(descriptor)
    const lock = `${device}:${inode}`
    const locks = locksOfThisThread()
    if (locks.has(lock)) return 'this process'
    locks.add(lock)
    this.locks.set(descriptor, lock)
    return undefined
  }

  /** Runs a system call; what it throws becomes an error of the port that names the file. */
  protected attempt<Result>(operation: string, path: string, call: () => Result): Result {
    try {
      return repeatInterrupted(call)
    } catch (error) {
      throw fileError(operation, path, error)
    }
  }

  /** @param offset where in the file, for what concerns a part of it */
  protected attemptOn<Result>(operation: string, descriptor: number, call: () => Result, offset?: number): Result {
    try {
      return repeatInterrupted(call)
    } catch (error) {
      throw fileError(operation, this.pathOf(descriptor), error, offset)
    }
  }
}

function sizeOf(descriptor: number): number {
  return fs.fstatSync(descriptor).size
}

function statusFrom(stats: fs.Stats): FileStatus {
  return {
    device: stats.dev,
    inode: stats.ino,
    size: stats.size,
    isDirectory: stats.isDirectory(),
    modifiedTime: Math.floor(stats.mtimeMs),
    links: stats.nlink,
  }
}

function readFully(descriptor: number, target: Uint8Array, offset: number, length: number, position: number): number {
  let total = 0
  while (total < length) {
    const count = repeatInterrupted(() =>
      fs.readSync(descriptor, target, offset + total, length - total, position + total),
    )
    if (count === 0) break
    total += count
  }
  return total
}

function writeFully(descriptor: number, source: Uint8Array, offset: number, length: number, position: number): void {
  let total = 0
  while (total < length) {
    total += repeatInterrupted(() =>
      fs.writeSync(descriptor, source, offset + total, length - total, position + total),
    )
  }
}

/** Java's files are sparse up to where it has written. */
function hasHoles(descriptor: number): boolean {
  const { size, blocks } = fs.fstatSync(descriptor)
  return blocks * 512 < size
}

function fillHoles(descriptor: number, length: number): void {
  for (let position = 0; position < length && hasHoles(descriptor); position += reserveChunkSize) {
    rewriteChunk(descriptor, position, length)
  }
}

/** Writes a chunk back as it is, which allocates its blocks; in one turn, so that no store of this thread is lost. */
function rewriteChunk(descriptor: number, position: number, length: number): void {
  const chunk = Buffer.allocUnsafe(Math.min(reserveChunkSize, length - position))
  writeFully(descriptor, chunk, 0, readFully(descriptor, chunk, 0, chunk.length, position), position)
}
