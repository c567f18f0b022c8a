import { dirname } from 'node:path'
import type { FileSystem } from './ports'

/** True for a file that has another name as well, as in a backup: what is written to it is changed there too. */
export function isShared(files: FileSystem, path: string): boolean {
  return (files.status(path)?.links ?? 1) > 1
}

/** Makes a file that is to be written to one of its own: a shared one is copied, durably, and the copy takes its name. No descriptor of it may be open. */
export async function makeOwn(files: FileSystem, path: string): Promise<void> {
  const status = files.status(path)
  if (status === undefined || status.links === 1) return
  const draft = `${path}.draft`
  if (files.status(draft) !== undefined) files.remove(draft)
  await files.copyFile(path, draft)
  const descriptor = files.open(draft, 'write')
  try {
    await files.sync(descriptor)
  } finally {
    files.close(descriptor)
  }
  files.setModifiedTime(draft, status.modifiedTime)
  files.rename(draft, path)
  await files.syncDirectory(dirname(path))
}
