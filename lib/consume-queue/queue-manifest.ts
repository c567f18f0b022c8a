import { dirname } from 'node:path'
import type { FileSystem } from '../storage/ports'

/** The library's own file, which the engine passes over. */
export const QUEUE_MANIFEST_NAME = 'mqstore-queues.ndjson'

/** A queue and how long it was when the store was closed. */
export interface QueueExtent {
  topic: string
  queueId: number
  maxOffset: number
}

/**
 * The list of queues at the last close. A queue that is lost leaves no trace otherwise: its messages may lie
 * in old segments, which no open reads. It holds lower bounds only, so that one that is out of date, since the
 * engine has written since, does no harm.
 */
export async function writeQueueManifest(files: FileSystem, path: string, queues: readonly QueueExtent[]): Promise<void> {
  const text = queues.map((queue) => JSON.stringify(queue)).join('\n')
  const bytes = Buffer.from(text)
  const draft = `${path}.draft`
  if (files.status(draft) !== undefined) files.remove(draft)
  const descriptor = files.open(draft, 'create')
  try {
    files.write(descriptor, bytes, 0, bytes.length, 0)
    await files.sync(descriptor)
  } finally {
    files.close(descriptor)
  }
  files.rename(draft, path)
  await files.syncDirectory(dirname(path))
}

/** Empty where there is none, or none that can be read: the list is a help, and not needed. */
export function readQueueManifest(files: FileSystem, path: string): QueueExtent[] {
  const size = files.status(path)?.size ?? 0
  if (size === 0) return []
  const bytes = Buffer.alloc(size)
  const descriptor = files.open(path, 'read')
  try {
    files.read(descriptor, bytes, 0, size, 0)
    return bytes.toString().split('\n').map((line) => JSON.parse(line) as QueueExtent)
  } catch {
    return []
  } finally {
    files.close(descriptor)
  }
}
