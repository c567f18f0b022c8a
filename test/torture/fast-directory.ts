import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

const MEMORY = '/dev/shm'

/**
 * Lends a directory in memory, where there is one with `bytes` free: whether a process or the whole machine is made to
 * end, the disk under it all would only make it slow.
 */
export async function inMemory(otherwise: string, bytes: number, work: (directory: string) => Promise<void>): Promise<void> {
  if (!hasRoom(bytes)) return work(otherwise)
  const directory = mkdtempSync(join(MEMORY, 'mqstore-torture-'))
  try {
    await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function hasRoom(bytes: number): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize >= bytes
  } catch {
    return false
  }
}
