import { buf as crc32 } from 'crc-32'
import * as path from 'node:path'
import { StoreError } from '../errors'
import type { Backend, ByteRange, Clock, FileStatus, FileSystem, Mapper, Mapping } from './ports'
import { systemClock } from './system-clock'

/** Files and maps that exist in this object only, for unit tests. */
export function createMemoryBackend(clock: Clock = systemClock): Backend {
  const files = new MemoryFileSystem(clock)
  return {
    name: 'memory',
    capabilities: new Set(['unmap']),
    files,
    mapper: files,
    crc32: (bytes, from, to) => crc32(bytes.subarray(from, to)) >>> 0,
  }
}

/** A file's bytes; maps, reads and writes all look at `content`. */
class MemoryFile {
  content = new Uint8Array(0)
  size = 0
  modifiedTime: number
  lockedBy: number | undefined
  links = 1
  readonly mappings = new Set<MemoryMapping>()

  constructor(
    readonly path: string,
    readonly inode: number,
    now: number,
  ) {
    this.modifiedTime = now
  }

  resize(size: number): void {
    this.provide(size)
    // What is cut off must not come back when the file grows again.
    if (size < this.size) this.content.fill(0, size, this.size)
    this.size = size
  }

  /** Makes room for `length` bytes behind the buffer that all maps share. */
  provide(length: number): void {
    if (length <= this.content.length) return
    if (this.mappings.size > 0) {
      const message = `cannot make ${this.path} longer than its map: the memory backend shares one buffer between them`
      throw new StoreError('ERR_UNSUPPORTED', message, { file: this.path })
    }
    const content = new Uint8Array(Math.max(length, this.content.length * 2))
    content.set(this.content)
    this.content = content
  }

  /** Ends every use of the present buffer and keeps the bytes. */
  detachViews(): void {
    const buffer = this.content.buffer
    this.content = new Uint8Array(structuredClone(buffer, { transfer: [buffer] }))
  }
}

class MemoryFileSystem implements FileSystem, Mapper {
  private readonly files = new Map<string, MemoryFile>()
  private readonly directories = new Map<string, { inode: number; modifiedTime: number }>()
  private readonly descriptors = new Map<number, { file: MemoryFile; writable: boolean }>()
  private nextDescriptor = 3
  private nextInode = 1

  constructor(private readonly clock: Clock) {
    this.makeDirectory(path.resolve('/'))
  }

  open(name: string, mode: 'read' | 'write' | 'create'): number {
    const resolved = path.resolve(name)
    let file = this.files.get(resolved)
    if (mode === 'create') {
      if (file !== undefined) throw failure('create', name, 'EEXIST')
      if (!this.directories.has(path.dirname(resolved))) throw failure('create', name, 'ENOENT')
      file = new MemoryFile(name, this.nextInode++, this.clock.now())
      this.files.set(resolved, file)
    }
    if (file === undefined) throw failure('open', name, 'ENOENT')
    const descriptor = this.nextDescriptor++
    this.descriptors.set(descriptor, { file, writable: mode !== 'read' })
    return descriptor
  }

  close(descriptor: number): void {
    const file = this.fileOf(descriptor)
    if (file.lockedBy === descriptor) file.lockedBy = undefined
    this.descriptors.delete(descriptor)
  }

  status(name: string): FileStatus | undefined {
    const resolved = path.resolve(name)
    const directory = this.directories.get(resolved)
    if (directory !== undefined) return { device: 1, size: 0, isDirectory: true, links: 1, ...directory }
    const file = this.files.get(resolved)
    return file && statusFrom(file)
  }

  statusOf(descriptor: number): FileStatus {
    return statusFrom(this.fileOf(descriptor))
  }

  list(name: string): string[] | undefined {
    const resolved = path.resolve(name)
    if (!this.directories.has(resolved)) return undefined
    return [...this.files.keys(), ...this.directories.keys()]
      .filter((entry) => entry !== resolved && path.dirname(entry) === resolved)
      .map((entry) => path.basename(entry))
      .sort()
  }

  makeDirectory(name: string): void {
    const resolved = path.resolve(name)
    if (this.directories.has(resolved)) return
    if (this.files.has(resolved)) throw failure('make directory', name, 'EEXIST')
    const parent = path.dirname(resolved)
    if (parent !== resolved) this.makeDirectory(parent)
    this.directories.set(resolved, { inode: this.nextInode++, modifiedTime: this.clock.now() })
  }

  realPath(name: string): string {
    if (this.status(name) === undefined) throw failure('look at', name, 'ENOENT')
    return path.resolve(name)
  }

  truncate(descriptor: number, length: number): void {
    const file = this.writableFileOf('truncate', descriptor)
    file.resize(length)
    file.modifiedTime = this.clock.now()
  }

  reserve(descriptor: number, length: number): void {
    const file = this.writableFileOf('reserve', descriptor)
    if (length > file.size) file.resize(length)
  }

  async reserveAsync(descriptor: number, length: number): Promise<void> {
    this.reserve(descriptor, length)
  }

  read(descriptor: number, target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const file = this.fileOf(descriptor)
    const end = Math.min(position + length, file.size)
    if (end <= position) return 0
    target.set(file.content.subarray(position, end), targetOffset)
    return end - position
  }

  write(descriptor: number, source: Uint8Array, sourceOffset: number, length: number, position: number): void {
    const file = this.writableFileOf('write', descriptor)
    if (position + length > file.size) file.resize(position + length)
    file.content.set(source.subarray(sourceOffset, sourceOffset + length), position)
    file.modifiedTime = this.clock.now()
  }

  async sync(descriptor: number): Promise<void> {
    this.fileOf(descriptor)
  }

  async syncDirectory(name: string): Promise<void> {
    if (!this.directories.has(path.resolve(name))) throw failure('flush', name, 'ENOENT')
  }

  rename(from: string, to: string): void {
    const [source, target] = [path.resolve(from), path.resolve(to)]
    const file = this.files.get(source)
    if (file === undefined || !this.directories.has(path.dirname(target))) throw failure('rename', from, 'ENOENT')
    if (this.directories.has(target)) throw failure('rename', from, 'EISDIR')
    if (this.files.has(target)) this.files.get(target)!.links--
    this.files.delete(source)
    this.files.set(target, file)
  }

  remove(name: string): void {
    const file = this.files.get(path.resolve(name))
    if (file === undefined) throw failure('remove', name, 'ENOENT')
    file.links--
    this.files.delete(path.resolve(name))
  }

  removeDirectory(name: string): void {
    if (this.list(name)?.length !== 0) throw failure('remove', name, this.list(name) === undefined ? 'ENOENT' : 'ENOTEMPTY')
    this.directories.delete(path.resolve(name))
  }

  link(from: string, to: string): void {
    const file = this.files.get(path.resolve(from))
    if (file === undefined || !this.directories.has(path.dirname(path.resolve(to)))) throw failure('link', to, 'ENOENT')
    if (this.status(to) !== undefined) throw failure('link', to, 'EEXIST')
    file.links++
    this.files.set(path.resolve(to), file)
  }

  async copyFile(from: string, to: string): Promise<void> {
    const source = this.open(from, 'read')
    const target = this.open(to, 'create')
    await this.copyRange(source, target, 0, Infinity)
    this.close(source)
    this.close(target)
  }

  async copyRange(source: number, target: number, from: number, to: number): Promise<void> {
    const { content, size } = this.fileOf(source)
    if (from < size) this.write(target, content, from, Math.min(to, size) - from, from)
  }

  setModifiedTime(name: string, milliseconds: number): void {
    const resolved = path.resolve(name)
    const entry = this.files.get(resolved) ?? this.directories.get(resolved)
    if (entry === undefined) throw failure('set the time of', name, 'ENOENT')
    entry.modifiedTime = milliseconds
  }

  dropCache(descriptor: number, _from: number, _to: number): void {
    this.fileOf(descriptor)
  }

  dataRanges(_descriptor: number, from: number, size: number): ByteRange[] {
    return from < size ? [{ from, to: size }] : []
  }

  tryLock(descriptor: number, _path: string): string | undefined {
    const file = this.writableFileOf('lock', descriptor)
    if (file.lockedBy !== undefined) return 'this process'
    file.lockedBy = descriptor
    return undefined
  }

  map(descriptor: number, length: number, access: 'read' | 'write'): Mapping {
    const file = access === 'write' ? this.writableFileOf('map', descriptor) : this.fileOf(descriptor)
    if (length <= 0) throw failure('map', file.path, 'EINVAL')
    file.provide(length)
    return new MemoryMapping(file, length)
  }

  private fileOf(descriptor: number): MemoryFile {
    const opened = this.descriptors.get(descriptor)
    if (opened === undefined) throw failure('use', `descriptor ${descriptor}`, 'EBADF')
    return opened.file
  }

  private writableFileOf(operation: string, descriptor: number): MemoryFile {
    const file = this.fileOf(descriptor)
    if (!this.descriptors.get(descriptor)?.writable) throw failure(operation, file.path, 'EBADF')
    return file
  }
}

class MemoryMapping implements Mapping {
  bytes: Buffer
  view: DataView

  constructor(
    private readonly file: MemoryFile,
    length: number,
  ) {
    this.bytes = Buffer.from(file.content.buffer, 0, length)
    this.view = new DataView(file.content.buffer, 0, length)
    file.mappings.add(this)
  }

  async flush(_from: number, _to: number): Promise<void> {
    if (!this.file.mappings.has(this)) throw failure('flush', this.file.path, 'EINVAL')
  }

  populate(): void {
    // Always present.
  }

  unmap(): void {
    if (!this.file.mappings.delete(this)) return
    this.bytes = Buffer.alloc(0)
    this.view = new DataView(new ArrayBuffer(0))
    // With the last map, whoever kept a view notices, as with real pages.
    if (this.file.mappings.size === 0) this.file.detachViews()
  }
}

function statusFrom(file: MemoryFile): FileStatus {
  return { device: 1, inode: file.inode, size: file.size, isDirectory: false, modifiedTime: file.modifiedTime, links: file.links }
}

function failure(operation: string, file: string, reason: string): StoreError {
  const cause = Object.assign(new Error(reason), { code: reason })
  return new StoreError('ERR_IO', `cannot ${operation} ${file}: ${reason}`, { file, reason }, cause)
}
