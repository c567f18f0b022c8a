import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueues, DeletedQueue } from '../consume-queue/consume-queues'
import type { IndexFiles } from '../index-file/index-files'
import type { Backend } from '../storage/ports'
import { whereThereIsRoom } from '../storage/where-there-is-room'
import { makeManifest, readManifest, withDeleted, writeManifest, type Manifest } from './manifest'

export interface ManifestWriterContext {
  backend: Backend
  path: string
  log: CommitLog
  queues: ConsumeQueues
  index: IndexFiles | undefined
}

/**
 * Writes the list of queues and index files at a close, and whenever the log has a new segment: the scan after a crash may
 * begin there, and what came before it is vouched for by the list.
 */
export class ManifestWriter {
  readonly #context: ManifestWriterContext
  /** Where the last segment of the log began when the list was made. */
  #listedSegment: number | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(context: ManifestWriterContext) {
    this.#context = context
    this.#listedSegment = context.log.segments.last?.fromOffset
  }

  /**
   * Makes a list of what is there now, when there is to be a new one.
   * @param flushedOffset up to where the log is on disk
   * @returns writes it; a list that there is no room for can wait
   */
  prepareIfDue(flushedOffset: number): (() => Promise<void>) | undefined {
    const { log, queues, index } = this.#context
    const last = log.segments.last?.fromOffset
    if (last === this.#listedSegment) return undefined
    queues.forgetDeleted(log.minOffset)
    const manifest = makeManifest(queues, index, flushedOffset)
    return async () => {
      if (await whereThereIsRoom(this.#write(manifest))) this.#listedSegment = last
    }
  }

  /** All that is there; the log is on disk. */
  writeLast(): Promise<void> {
    const { log, queues, index } = this.#context
    queues.forgetDeleted(log.minOffset)
    return this.#write(makeManifest(queues, index, log.maxOffset))
  }

  /** Adds to the queues that are deleted: once this is done they stay so. Of what else is there it says no more than the last list. */
  writeDeleted(deleted: readonly DeletedQueue[]): Promise<void> {
    const { backend, path } = this.#context
    return this.#write(withDeleted(readManifest(backend, path), deleted))
  }

  /** One after the other. */
  #write(manifest: Manifest): Promise<void> {
    const { backend, path } = this.#context
    const writing = this.#writing.then(() => writeManifest(backend, path, manifest))
    this.#writing = writing.catch(() => undefined)
    return writing
  }
}
