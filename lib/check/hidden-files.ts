import { join } from 'node:path'
import type { Backend } from '../storage/ports'

/** The same backend, with some files not listed: what an open would find had they been moved away. */
export function withoutFiles(backend: Backend, hidden: ReadonlySet<string>): Backend {
  const list = (directory: string): string[] | undefined =>
    backend.files.list(directory)?.filter((name) => !hidden.has(join(directory, name)))
  return { ...backend, files: Object.create(backend.files, { list: { value: list } }) as Backend['files'] }
}
