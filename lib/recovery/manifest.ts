import { dirname } from 'node:path'
import type { FileSystem } from '../storage/ports'

/** The library's own file, which the engine passes over. */
export const MANIFEST_NAME = 'mqstore-manifest.json'

/** What a store was made of when it was closed. */
export interface Manifest {
  /** Names, oldest first. */
  indexFiles: string[]
  queues: { topic: string; queueId: number; maxOffset: number }[]
}

const NOTHING: Manifest = { indexFiles: [], queues: [] }

/**
 * Writes the list of derived files at a close. What is lost leaves no trace otherwise: the messages of a queue
 * may all lie in old segments, which no open reads.
 */
export async function writeManifest(files: FileSystem, path: string, manifest: Manifest): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(manifest))
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
export function readManifest(files: FileSystem, path: string): Manifest {
  const size = files.status(path)?.size ?? 0
  if (size === 0) return NOTHING
  const bytes = Buffer.alloc(size)
  const descriptor = files.open(path, 'read')
  try {
    files.read(descriptor, bytes, 0, size, 0)
    const content: unknown = JSON.parse(bytes.toString())
    return isManifest(content) ? content : NOTHING
  } catch {
    return NOTHING
  } finally {
    files.close(descriptor)
  }
}

function isManifest(content: unknown): content is Manifest {
  const { indexFiles, queues } = (content ?? {}) as { [key in keyof Manifest]: unknown }
  return Array.isArray(indexFiles) && Array.isArray(queues) && queues.every((queue) => typeof queue === 'object' && queue !== null)
}

/**
 * True when a queue is gone, or shorter. The engine may have written since: then the list holds lower bounds,
 * and does no harm.
 */
export function lacksQueues({ queues }: Manifest, maxOffsetOf: (topic: string, queueId: number) => number): boolean {
  return queues.some(({ topic, queueId, maxOffset }) => maxOffsetOf(topic, queueId) < maxOffset)
}

/** True when an index file is gone. Only the oldest ones go in the course of things, as their messages do. */
export function lacksIndexFiles({ indexFiles }: Manifest, names: readonly string[]): boolean {
  const oldest = indexFiles.findIndex((name) => names.includes(name))
  return oldest < 0 ? indexFiles.length > 0 : indexFiles.slice(oldest).some((name) => !names.includes(name))
}
