import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The files below `directory/folder`, by their path in `directory`, ascending. */
export function filesBelow(directory: string, folder = ''): Map<string, Buffer> {
  const root = join(directory, folder)
  if (!existsSync(root)) return new Map()
  const entries = readdirSync(root, { withFileTypes: true, recursive: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(paths.sort().map((path) => [relative(directory, path), readFileSync(path)]))
}
