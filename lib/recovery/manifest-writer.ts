import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { StoreError } from '../errors'
import type { IndexFiles } from '../index-file/index-files'
import type { Backend } from '../storage/ports'
import { makeManifest, writeManifest, type Manifest } from './manifest'

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
  /** How many segments the log had when the list was made. */
  #listedSegments: number
  #writing: Promise<void> = Promise.resolve()

  constructor(context: ManifestWriterContext) {
    this.#context = context
    this.#listedSegments = context.log.segments.length
  }

  /** The list of what is there now, when there is to be a new one. @param flushedOffset up to where the log is on disk */
  makeIfDue(flushedOffset: number): Manifest | undefined {
    const { log, queues, index } = this.#context
    if (log.segments.length === this.#listedSegments) return undefined
    this.#listedSegments = log.segments.length
    return makeManifest(queues, index, flushedOffset)
  }

  /** A list that there is no room for can wait. */
  async writeWhereThereIsRoom(manifest: Manifest): Promise<void> {
    try {
      await this.#write(manifest)
    } catch (error) {
      if ((error as StoreError).code !== 'ERR_DISK_FULL') throw error
      this.#listedSegments = -1
    }
  }

  /** All that is there; the log is on disk. */
  writeLast(): Promise<void> {
    const { log, queues, index } = this.#context
    return this.#write(makeManifest(queues, index, log.maxOffset))
  }

  /** One after the other. */
  #write(manifest: Manifest): Promise<void> {
    const { backend, path } = this.#context
    const writing = this.#writing.then(() => writeManifest(backend, path, manifest))
    this.#writing = writing.catch(() => undefined)
    return writing
  }
}
