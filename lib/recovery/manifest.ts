import type { ConsumeQueues, DeletedQueue } from '../consume-queue/consume-queues'
import type { IndexFiles } from '../index-file/index-files'
import { readCheckedJson, writeCheckedJson } from '../storage/checked-json'
import type { Backend } from '../storage/ports'

/** The library's own file, which the engine passes over. */
export const MANIFEST_NAME = 'mqstore-manifest.json'

/** What a store is made of, as far as its log is flushed. */
export interface Manifest {
  /** Names, oldest first. */
  indexFiles: string[]
  /** The index is damaged, and to be made again. */
  indexIsDamaged: boolean
  queues: { topic: string; queueId: number; maxOffset: number }[]
  /** Queues that were deleted, as long as the log has messages of them: recovery is not to make them again. */
  deleted: DeletedQueue[]
}

/** The list as an open finds it. */
export interface FoundManifest extends Manifest {
  /** It is there, and not as it was written: what else is gone leaves no trace, and anything may be. */
  isDamaged: boolean
}

const NOTHING: Manifest = { indexFiles: [], indexIsDamaged: false, queues: [], deleted: [] }

/** @param upTo commit log offset; messages from there on are not counted */
export function makeManifest(queues: ConsumeQueues, index: IndexFiles | undefined, upTo: number): Manifest {
  return {
    indexFiles: index?.names ?? [],
    indexIsDamaged: index?.isDamaged ?? false,
    queues: Array.from(queues, (queue) => ({
      topic: queue.topic, queueId: queue.queueId, maxOffset: queue.logEnd <= upTo ? queue.maxOffset : queue.firstAtOrBehind(upTo),
    })),
    deleted: [...queues.deletedQueues()],
  }
}

/** The same list when queues are deleted: they are no longer to be there. */
export function withDeleted({ indexFiles, indexIsDamaged, queues, deleted }: Manifest, more: readonly DeletedQueue[]): Manifest {
  const places = new Set(more.map(({ topic, queueId }) => `${topic} ${queueId}`))
  const isElsewhere = ({ topic, queueId }: { topic: string; queueId: number }): boolean => !places.has(`${topic} ${queueId}`)
  return { indexFiles, indexIsDamaged, queues: queues.filter(isElsewhere), deleted: [...deleted.filter(isElsewhere), ...more] }
}

/**
 * Writes the list of derived files, at a close and whenever the log has a new segment. What is lost leaves no trace otherwise: the messages of a queue
 * may all lie in old segments, which no open reads.
 */
export function writeManifest(backend: Backend, path: string, manifest: Manifest): Promise<void> {
  return writeCheckedJson(backend, path, manifest)
}

/** Empty where there is none, or not the one that was written: the list is a help, and not needed. */
export function readManifest(backend: Backend, path: string): FoundManifest {
  const found = readOrGiveUp(backend, path)
  const isDamaged = found === 'damaged'
  return { ...NOTHING, ...(isDamaged || found === undefined ? {} : (found as Partial<Manifest>)), isDamaged }
}

/** What cannot be read is no help. */
function readOrGiveUp(backend: Backend, path: string): ReturnType<typeof readCheckedJson> {
  try {
    return readCheckedJson(backend, path)
  } catch {
    return 'damaged'
  }
}

/**
 * True when a queue is gone, or shorter, or nobody can tell. The engine may have written since: then the list holds lower
 * bounds, and does no harm.
 */
export function lacksQueues({ isDamaged, queues }: FoundManifest, maxOffsetOf: (topic: string, queueId: number) => number): boolean {
  return isDamaged || queues.some(({ topic, queueId, maxOffset }) => maxOffsetOf(topic, queueId) < maxOffset)
}

/** True when an index file is gone, or none of them is any good, or nobody can tell. Only the oldest ones go in the course of things, as their messages do. */
export function lacksIndexFiles({ isDamaged, indexFiles, indexIsDamaged }: FoundManifest, names: readonly string[]): boolean {
  if (isDamaged || indexIsDamaged) return true
  const oldest = indexFiles.findIndex((name) => names.includes(name))
  return oldest < 0 ? indexFiles.length > 0 : indexFiles.slice(oldest).some((name) => !names.includes(name))
}
