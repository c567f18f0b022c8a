import type { RecordFields } from '../format/record'
import type { RecordRows } from './record-rows'

/**
 * The ports: every effect on a disk, a lock or a clock goes through one of these interfaces, so that a
 * test can put a disk that loses power in their place.
 */

/** What a backend can do beyond the minimum; a test names the ones it needs. */
export type Capability =
  /** `Mapping.unmap` returns the address space at once. */
  | 'unmap'
  /** `FileSystem.tryLock` takes the operating-system lock that Java's `FileChannel.tryLock` conflicts with. */
  | 'lock'
  /** `FileSystem.reserve` allocates blocks without writing them. */
  | 'reserve'
  /** `Mapping.populate` touches pages ahead of the writer, on another thread. */
  | 'populate'
  /** `Mapping.flush` and the `sync` calls run off the main thread and flush just the range. */
  | 'range-flush'
  /** A page of a map that the disk cannot provide is `Mapping.findFault`'s to tell, and does not end the process. */
  | 'guard'
  /** Other threads of the process reach the same files by the same paths. */
  | 'shared-paths'

/** A part of a file. */
export interface ByteRange {
  from: number
  to: number
}

/** The identity of a file on its device: a path that names another file has been replaced. */
export interface FileIdentity {
  device: number
  inode: number
}

export interface FileStatus extends FileIdentity {
  size: number
  isDirectory: boolean
  /** Milliseconds since the epoch. */
  modifiedTime: number
  /** How many names the file has: what is written under one is there under all. */
  links: number
}

export interface FileSystem {
  /**
   * `read`: must exist. `write`: read and write, must exist. `create`: read and write, must not exist.
   * @returns a descriptor
   */
  open(path: string, mode: 'read' | 'write' | 'create'): number
  close(descriptor: number): void
  /** Undefined where nothing is at `path`. */
  status(path: string): FileStatus | undefined
  statusOf(descriptor: number): FileStatus
  /** Names in a directory, sorted by UTF-16 code unit; undefined where there is no such directory. */
  list(path: string): string[] | undefined
  makeDirectory(path: string): void
  /** The path of something that is there, without symbolic links. */
  realPath(path: string): string
  /** Sets the length without allocating blocks. */
  truncate(descriptor: number, length: number): void
  /**
   * Makes [0, length) of the file really there: blocks are allocated, so that later stores cannot fail for
   * want of room. Grows the file where it is shorter. Throws ERR_DISK_FULL; the file is then of any length.
   */
  reserve(descriptor: number, length: number): void
  /** As {@link reserve}, off the main thread. */
  reserveAsync(descriptor: number, length: number): Promise<void>
  /** Reads up to `length` bytes and returns how many there were. */
  read(descriptor: number, target: Uint8Array, targetOffset: number, length: number, position: number): number
  /** Writes all of it; throws ERR_DISK_FULL where there is no room. */
  write(descriptor: number, source: Uint8Array, sourceOffset: number, length: number, position: number): void
  /** Data and size durable, off the main thread. */
  sync(descriptor: number): Promise<void>
  /** Entries of a directory durable, off the main thread. */
  syncDirectory(path: string): Promise<void>
  /** Everything written to the file system of `path` durable; undefined where the backend has no such call. */
  syncFileSystem?(path: string): Promise<void>
  rename(from: string, to: string): void
  remove(path: string): void
  /** Removes a directory, which must be empty. */
  removeDirectory(path: string): void
  /** Gives the file at `from` a second name, which must not be there; not every file system can, and none across devices. */
  link(from: string, to: string): void
  /** Copies a file to a name that must not be there, off the main thread; where the file system can, both share their blocks until one is written to. */
  copyFile(from: string, to: string): Promise<void>
  /** Copies bytes [from, to) of a file to the same place of another, as far as there are any, off the main thread. */
  copyRange(source: number, target: number, from: number, to: number): Promise<void>
  setModifiedTime(path: string, milliseconds: number): void
  /** Drops clean cached pages of [from, to) of the file that no map shows, so that the next read comes from the disk; a hint. */
  dropCache(descriptor: number, from: number, to: number): void
  /**
   * The parts of [from, size) that are not in a hole, in their order; all of it from whoever cannot tell. Blocks that are reserved are a
   * hole until something is written to them, or a read, or the kernel's reading ahead, brings them into memory: ask before reading.
   */
  dataRanges(descriptor: number, from: number, size: number): ByteRange[]
  /**
   * Takes the exclusive lock on byte 0 of the file, held until the descriptor is closed.
   * @returns undefined when taken, else who holds it ("process 4711", "another process")
   */
  tryLock(descriptor: number, path: string): string | undefined
}

/** A file in memory. Offsets are bytes from the start of the file. */
export interface Mapping {
  /** The whole file; length 0 once unmapped. */
  readonly bytes: Buffer
  readonly view: DataView
  /** Makes [from, to) durable, off the main thread where the backend can. */
  flush(from: number, to: number): Promise<void>
  /**
   * Asks for [from, to) to be made present and writable ahead of use; returns at once.
   * @param inSinglePages for whoever flushes a little again and again: a flush writes all of a larger page that was stored to
   */
  populate(from: number, to: number, inSinglePages: boolean): void
  /** Has the disk provide [from, to) off the main thread; a hint, and undefined where there is no such call. */
  readAhead?(from: number, to: number): Promise<void> | undefined
  /** Shows the pages that hold [from, to) no longer, until they are touched; a hint. */
  unload?(from: number, to: number): void
  /**
   * Where in [from, to) a page was touched that the disk could not provide, or that the file has lost: it reads as
   * zeros, and what is stored to it goes nowhere. Undefined where all is well, which takes no call to find out.
   * Absent without the capability `guard`: touching such a page then ends the process.
   */
  findFault?(from: number, to: number): number | undefined
  /** A writer that does a record in one call, topics and properties out of `frame`; absent where there is no such call. */
  recordWriter?(frame: Uint8Array): RecordWriter
  /** Ends the mapping. Idempotent. Waits for flushes and populates in flight before the pages go. */
  unmap(): void
}

/** Finds whole records, by the rules of `RecordCheck`. */
export interface RecordScan {
  /**
   * Off the main thread: the records that stand in a row from `from` on, up to the first that begins at or behind `to`, and as many as there is
   * room for. One call at a time; what it resolves with is good until the second next one.
   * @param logOffset that of the file's first byte
   */
  scan(mapping: Mapping, from: number, to: number, logOffset: number): Promise<RecordRows>
  /** At once: the records that stand in a row in [from, to), as many as there is room for. Good until the next call of either. */
  scanNow(mapping: Mapping, from: number, to: number, logOffset: number): RecordRows
}

/** Writes records into a mapped file. */
export interface RecordWriter {
  /** Writes the record, its body's CRC included, to `position` of the file. */
  write(fields: RecordFields, position: number): void
}

export interface Mapper {
  map(descriptor: number, length: number, access: 'read' | 'write'): Mapping
}

/** One way to reach the machine: files and maps that belong together. */
export interface Backend {
  readonly name: string
  readonly capabilities: ReadonlySet<Capability>
  readonly files: FileSystem
  readonly mapper: Mapper
  /** CRC-32 (IEEE), all 32 bits, of bytes[from, to). */
  crc32(bytes: Uint8Array, from: number, to: number): number
  /** Absent where the backend has no such thing. @param checkCRC whether a record must have the CRC of its body */
  recordScan?(checkCRC: boolean): RecordScan
  /**
   * Puts entries of an index file into the chains of their slots; absent where the backend has no such call.
   * @param slots the number of the newest entry of each
   * @param dirtyPages takes a 1 for each 1024 slots of which one has changed
   * @param words the entries, five words each
   * @param from which of them is the first, and how many there are
   * @param number of the first one in its file
   * @returns how many chains began
   */
  chainEntries?(slots: Int32Array, dirtyPages: Uint8Array, words: Int32Array, from: number, count: number, number: number): number
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once after `milliseconds`; never keeps the process alive. @returns a function that cancels */
  startTimer(milliseconds: number, callback: () => void): () => void
}

/** The room of the volume (a mounted file system) on which a path lies. */
export interface DiskUsage {
  /** What is used and what may be: blocks that only the system may take are in neither. Bytes. */
  totalBytes: number
  /** What this process may still take. Bytes. */
  freeBytes: number
  /** Equal for paths of one volume. */
  device: number
}

export interface DiskMeter {
  /** Undefined where nothing is at `path`. @throws ERR_IO */
  usage(path: string): DiskUsage | undefined
}
