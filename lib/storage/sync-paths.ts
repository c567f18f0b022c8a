import { allEnded } from './all-ended'
import type { FileSystem } from './ports'

/** From this many files or directories on, one flush of the file system is cheaper than one each. */
const WHOLE_FILE_SYSTEM_FROM = 64
const CONCURRENCY = 4

/** Makes the data of all `paths` durable; files that are gone are passed over. */
export function syncPaths(files: FileSystem, root: string, paths: Iterable<string>, atOnce = CONCURRENCY): Promise<void> {
  return syncEach(files, root, paths, atOnce, async (path) => {
    // A descriptor of its own: those in the cache may be closed while the flush is under way.
    const descriptor = files.open(path, 'write')
    try {
      await files.sync(descriptor)
    } finally {
      files.close(descriptor)
    }
  })
}

/** Makes what `directories` have in them durable by its names; those that are gone are passed over. */
export function syncDirectories(files: FileSystem, root: string, directories: Iterable<string>): Promise<void> {
  return syncEach(files, root, directories, CONCURRENCY, (directory) => files.syncDirectory(directory))
}

async function syncEach(
  files: FileSystem, root: string, paths: Iterable<string>, atOnce: number, sync: (path: string) => Promise<void>,
): Promise<void> {
  const waiting = [...paths]
  if (waiting.length >= WHOLE_FILE_SYSTEM_FROM && files.syncFileSystem !== undefined) {
    await files.syncFileSystem(root)
    return
  }
  const worker = async (): Promise<void> => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (files.status(path) !== undefined) await sync(path)
    }
  }
  await allEnded(Array.from({ length: Math.min(atOnce, waiting.length) }, worker))
}
