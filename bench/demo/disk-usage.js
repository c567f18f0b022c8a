import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const blockLength = 512

/** Bytes that the files below a directory take on the disk: most of ours are longer than what is in them. */
export function diskUsage(directory) {
  let bytes = 0
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath ?? entry.path, entry.name)).blocks * blockLength
  }
  return bytes
}
