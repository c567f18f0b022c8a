import { createRequire } from 'node:module'

/**
 * The packages that are compared with, and how each keeps a message in either mode. ASYNC_FLUSH: what is written survives the process, and
 * the disk gets it soon. SYNC_FLUSH: it is on the disk before it is acknowledged.
 */
export const peers = {
  lmdb: { ASYNC_FLUSH: 'synced behind each commit', SYNC_FLUSH: 'synced with each commit' },
  'lmdb-nosync': { ASYNC_FLUSH: 'noSync, and a sync every 500 ms; a power cut may cost all of it' },
  'classic-level': { ASYNC_FLUSH: 'log written, sync: false', SYNC_FLUSH: 'sync: true' },
  'better-sqlite3': { ASYNC_FLUSH: 'WAL, synchronous = NORMAL', SYNC_FLUSH: 'WAL, synchronous = FULL' },
}

const require = createRequire(import.meta.url)

/** The package that a peer is, or is a mode of. */
function packageOf(name) {
  return name.replace(/-nosync$/, '')
}

/** Of the benchmark's own package, which nothing of the library depends on. */
export function isInstalled(name) {
  try {
    require.resolve(packageOf(name))
    return true
  } catch {
    return false
  }
}
