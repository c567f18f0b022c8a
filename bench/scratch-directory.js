import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** A new directory below `parent` that goes when the process does, whatever ends that (SIGKILL aside). */
export function makeScratchDirectory(parent, prefix) {
  const directory = mkdtempSync(join(parent, prefix))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))
  return directory
}
