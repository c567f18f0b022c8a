import { sep } from 'node:path'

/** Whether `path` is `directory` or lies in it. */
export function isWithin(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep)
}
