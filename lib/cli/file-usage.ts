import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What some files take. */
export interface FileUsage {
  name: string
  files: number
  /** Bytes of the files as they are long. */
  length: number
  /** Bytes that they take on the disk: less where they have holes. */
  onDisk: number
}

const BLOCK = 512

/** The files of a store by the directory of its root that they are in; what else is there is `other`. */
export function usageOfStore(root: string, logs: readonly string[]): FileUsage[] {
  const named = new Map([['commitlog', logs]])
  for (const name of ['consumequeue', 'index', 'quarantine']) named.set(name, [join(root, name)])
  const usages = [...named].map(([name, directories]) => usageBelow(name, directories, new Set()))
  const other = usageBelow('other', [root], new Set([...named.values()].flat()))
  return [...usages.filter(({ name, files }) => files > 0 || name !== 'quarantine'), other]
}

function usageBelow(name: string, directories: readonly string[], except: ReadonlySet<string>): FileUsage {
  const usage: FileUsage = { name, files: 0, length: 0, onDisk: 0 }
  const waiting = [...directories]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const entry of entriesOf(next)) {
      const path = join(next, entry.name)
      if (except.has(path)) continue
      if (entry.isDirectory()) waiting.push(path)
      // A broker beside us may remove it at any time.
      const status = entry.isFile() ? statSync(path, { throwIfNoEntry: false }) : undefined
      if (status === undefined) continue
      usage.files++
      usage.length += status.size
      usage.onDisk += status.blocks === undefined ? status.size : status.blocks * BLOCK
    }
  }
  return usage
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch {
    return []
  }
}
