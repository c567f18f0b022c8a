import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { StoreError } from '../errors'
import type { IndexFiles } from '../index-file/index-files'
import { whereThereIsRoom } from '../storage/where-there-is-room'
import type { Checkpoint } from './checkpoint'

export interface DerivedFiles {
  log: CommitLog
  queues: ConsumeQueues
  index: IndexFiles | undefined
  checkpoint: Checkpoint
}

/** What there was no room for. */
export interface Backlog {
  of: 'queues' | 'index'
  error: StoreError
}

export interface DerivedFlushWork {
  /** Makes the log durable. */
  flushLog(): Promise<void>
  /** Makes a list of queues and index files, when there is to be a new one; what is returned writes it, where there is room. */
  prepareManifest(): (() => Promise<void>) | undefined
  hasFailed(): boolean
  onFailed(error: Error): void
  /** Told whenever something could not be written, and undefined once it could. */
  onBacklog(backlog: Backlog | undefined): void
}

/**
 * Brings to the disk what is derived from the log: queues, index, and the checkpoint that says how far they are. What the disk
 * has no room for stays in memory; any other error is one of the store.
 */
export class DerivedFlush {
  readonly #files: DerivedFiles
  readonly #work: DerivedFlushWork
  /** Whether the checkpoint is written with every {@link write}, as 5.3 does. */
  readonly #writesCheckpoint: boolean
  #backlog: Backlog | undefined
  #syncing: Promise<void> = Promise.resolve()
  #running: Promise<void> = Promise.resolve()

  constructor(files: DerivedFiles, work: DerivedFlushWork, writesCheckpoint: boolean) {
    this.#files = files
    this.#work = work
    this.#writesCheckpoint = writesCheckpoint
  }

  /** Why queues or index could not be written, until they could. */
  get backlog(): StoreError | undefined {
    return this.#backlog?.error
  }

  /** Hands queues and index to the file system. */
  write(): void {
    const { queues, index, checkpoint } = this.#files
    if (!this.#tryTo('queues', () => queues.write()) || !this.#tryTo('index', () => index?.write())) return
    if (this.#backlog !== undefined) this.#setBacklog(undefined)
    if (this.#writesCheckpoint && !this.#work.hasFailed()) void this.run(whereThereIsRoom(checkpoint.write()))
  }

  /** Begins to make queue files durable of which `leastBytes` or more have been written. */
  syncLargest(leastBytes: number): void {
    void this.run(this.#files.queues.syncLargest(leastBytes))
  }

  /** Makes queues and index durable, then the checkpoint that says so. */
  sync(): Promise<void> {
    // One at a time: the second takes for durable what the first has begun to flush.
    this.#syncing = this.#syncing.then(() => this.#syncNow())
    return this.#syncing
  }

  /** Does something while nothing is being made durable. */
  between<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#syncing.then(work)
    this.#syncing = done.then(() => undefined, () => undefined)
    return done
  }

  /** Waits for what is under way; never rejects. */
  async settle(): Promise<void> {
    await this.#syncing
    await this.#running
  }

  /** Work off the main thread whose failure is one of the store. */
  run(work: Promise<unknown>): Promise<void> {
    const settled = work.then(() => undefined, (error: Error) => this.#work.onFailed(error))
    this.#running = Promise.all([this.#running, settled]).then(() => undefined)
    return settled
  }

  async #syncNow(): Promise<void> {
    await this.run(this.#work.flushLog())
    if (this.#work.hasFailed()) return
    const timestamp = this.#files.log.lastStoreTimestamp
    this.write()
    if (this.#backlog === undefined && !this.#work.hasFailed()) await this.run(this.#makeDurable(timestamp))
  }

  /** @param timestamp store time of the last message that has been written */
  async #makeDurable(timestamp: number): Promise<void> {
    const { queues, index, checkpoint } = this.#files
    const writeManifest = this.#work.prepareManifest()
    await queues.sync()
    let completed = 0
    try {
      completed = (await index?.sync()) ?? 0
    } catch (error) {
      // Of what has come since the queues were begun.
      this.#refuse('index', error as StoreError)
      return
    }
    await writeManifest?.()
    checkpoint.fields.logicsMsgTimestamp = Math.max(timestamp, checkpoint.fields.logicsMsgTimestamp)
    if (completed > 0) checkpoint.fields.indexMsgTimestamp = completed
    await whereThereIsRoom(checkpoint.write())
  }

  #tryTo(of: Backlog['of'], write: () => void): boolean {
    try {
      write()
      return true
    } catch (error) {
      this.#refuse(of, error as StoreError)
      return false
    }
  }

  #refuse(of: Backlog['of'], error: StoreError): void {
    if (error.code === 'ERR_DISK_FULL') this.#setBacklog({ of, error })
    else this.#work.onFailed(error)
  }

  #setBacklog(backlog: Backlog | undefined): void {
    this.#backlog = backlog
    this.#work.onBacklog(backlog)
  }
}
