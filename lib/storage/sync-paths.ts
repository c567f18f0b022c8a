import { allEnded } from './all-ended'
import type { FileSystem } from './ports'

/** From this many files on, one flush of the file system is cheaper than one each. */
const WHOLE_FILE_SYSTEM_FROM = 64
const CONCURRENCY = 4

/** Makes the data of all `paths` durable; files that are gone are passed over. */
export async function syncPaths(files: FileSystem, root: string, paths: Iterable<string>): Promise<void> {
  const waiting = [...paths]
  if (waiting.length >= WHOLE_FILE_SYSTEM_FROM && files.syncFileSystem !== undefined) {
    await files.syncFileSystem(root)
    return
  }
  const worker = async (): Promise<void> => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (files.status(path) === undefined) continue
      // A descriptor of its own: those in the cache may be closed while the flush is under way.
      const descriptor = files.open(path, 'write')
      try {
        await files.sync(descriptor)
      } finally {
        files.close(descriptor)
      }
    }
  }
  await allEnded(Array.from({ length: Math.min(CONCURRENCY, waiting.length) }, worker))
}
