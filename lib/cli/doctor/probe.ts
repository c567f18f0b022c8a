import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Backend, FileSystem } from '../../storage/ports'
import { nearestExisting } from '../machine'

/** What a file system did when it was tried. */
export interface Probe {
  /** Whether reserved blocks are there; or why they could not be reserved. */
  reserve: boolean | string
  /** Whether what is not written takes no room. */
  holes: boolean
  /** Whether a second lock on a file is refused; or why no lock could be had. Undefined where the backend takes none. */
  lock: boolean | string | undefined
  /** Whether what is stored to a map is in the file; or why it could not be mapped. */
  map: boolean | string
  /** Milliseconds that the flush of a page takes, the middle of a few. */
  flush: number
}

const SIZE = 1 << 20
const BLOCK = 512
const PAGE = Buffer.alloc(4096, 'mqstore')
const FLUSHES = 5

/**
 * Tries what a store asks of the file system of its log, with files in a directory of its own that are removed again.
 * @returns why nothing could be tried, where that is so
 */
export async function probeFileSystem(backend: Backend, root: string, log: string): Promise<Probe | string> {
  let own: string
  try {
    own = makeOwnDirectory(root, log)
  } catch (error) {
    return (error as Error).message
  }
  try {
    return await tryIn(backend, own)
  } catch (error) {
    return (error as Error).message
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

/**
 * Beside the store where that is the same file system, else in it or beside the log; among the segments, where a 4.x broker takes
 * nothing else, only where the log is a mount point.
 */
function makeOwnDirectory(root: string, log: string): string {
  const { dev } = statSync(nearestExisting(log))
  const parents = [dirname(root), root, dirname(log)].map(nearestExisting).filter((parent) => statSync(parent).dev === dev)
  let failure: unknown
  for (const parent of parents.length > 0 ? parents : [nearestExisting(log)]) {
    try {
      return mkdtempSync(join(parent, 'mqstore-doctor-'))
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

async function tryIn(backend: Backend, own: string): Promise<Probe> {
  const { files } = backend
  const reserved = join(own, 'reserved')
  const sparse = join(own, 'sparse')
  const descriptors = [files.open(reserved, 'create'), files.open(sparse, 'create')] as const
  try {
    const reserve = attempt(() => {
      files.reserve(descriptors[0], SIZE)
      return bytesOnDisk(reserved) >= SIZE
    })
    files.truncate(descriptors[1], SIZE)
    return {
      reserve,
      holes: bytesOnDisk(sparse) < SIZE,
      lock: backend.capabilities.has('lock') ? attempt(() => refusesSecondLock(files, reserved)) : undefined,
      map: await tryMap(backend, descriptors[1]),
      flush: await measureFlush(files, descriptors[1]),
    }
  } finally {
    for (const descriptor of descriptors) files.close(descriptor)
  }
}

function attempt<Result>(call: () => Result): Result | string {
  try {
    return call()
  } catch (error) {
    return (error as Error).message
  }
}

function bytesOnDisk(path: string): number {
  const { blocks, size } = statSync(path)
  return blocks === undefined ? size : blocks * BLOCK
}

function refusesSecondLock(files: FileSystem, path: string): boolean {
  const descriptors = [files.open(path, 'write'), files.open(path, 'write')] as const
  try {
    return files.tryLock(descriptors[0], path) === undefined && files.tryLock(descriptors[1], path) !== undefined
  } finally {
    for (const descriptor of descriptors) files.close(descriptor)
  }
}

async function tryMap({ mapper, files }: Backend, descriptor: number): Promise<boolean | string> {
  try {
    const mapping = mapper.map(descriptor, SIZE, 'write')
    try {
      mapping.bytes.set(PAGE, 0)
      await mapping.flush(0, PAGE.length)
      const read = Buffer.alloc(PAGE.length)
      files.read(descriptor, read, 0, read.length, 0)
      return read.equals(PAGE)
    } finally {
      mapping.unmap()
    }
  } catch (error) {
    return (error as Error).message
  }
}

async function measureFlush(files: FileSystem, descriptor: number): Promise<number> {
  const times: number[] = []
  for (let count = 0; count < FLUSHES; count++) {
    files.write(descriptor, PAGE, 0, PAGE.length, count * PAGE.length)
    const started = performance.now()
    await files.sync(descriptor)
    times.push(performance.now() - started)
  }
  return times.sort((left, right) => left - right)[FLUSHES >> 1]!
}
