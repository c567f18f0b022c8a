import type { FileSystem } from './ports'

/** What a small file holds, `size` bytes of it. @throws ERR_IO */
export function readWholeFile(files: FileSystem, path: string, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  const descriptor = files.open(path, 'read')
  try {
    files.read(descriptor, bytes, 0, size, 0)
  } finally {
    files.close(descriptor)
  }
  return bytes
}

/**
 * Writes a small file to `draft`, durably, and gives it the name `path`: a crash leaves what was there before, or this. The name
 * is durable once the directory is.
 */
export async function replaceWholeFile(files: FileSystem, path: string, draft: string, bytes: Uint8Array): Promise<void> {
  if (files.status(draft) !== undefined) files.remove(draft)
  const descriptor = files.open(draft, 'create')
  try {
    files.write(descriptor, bytes, 0, bytes.length, 0)
    await files.sync(descriptor)
  } finally {
    files.close(descriptor)
  }
  files.rename(draft, path)
}
