import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import { isStoreError } from '../errors'
import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'
import { indexFileSize } from '../format/index-layout'
import type { IndexFiles } from '../index-file/index-files'
import { logPathsOf, type ResolvedOptions } from '../options/options'
import type { Backend, Clock, DiskMeter } from '../storage/ports'
import type { Segment } from '../storage/segment'
import type { DelayedDeletion, Deletion, DeletionReason, DeletionReport, RetentionOptions, SegmentInfo, StoreEvents } from '../types'
import { deletionReason, occasionAt, type Occasion, type UsedPercents } from './deletion-policy'
import { objectionTo } from './objections'
import { describeReaders, describeReason } from './reasons'
import { usedPercents } from './used-percents'

const nextTurn = promisify(setImmediate)
/** Queues looked at between two turns of the event loop. */
const QUEUES_PER_TURN = 256

export interface CleanerContext {
  backend: Backend
  clock: Clock
  disk: DiskMeter
  options: ResolvedOptions
  retention: RetentionOptions
  log: CommitLog
  queues: ConsumeQueues
  index: IndexFiles | undefined
  /** Everything below is on the disk. */
  flushedOffset(): number
  /** Makes durable what can be made so. */
  flush(): Promise<void>
  /** Does something while neither queues nor index are being flushed. */
  betweenFlushes<Result>(work: () => Promise<Result>): Promise<Result>
  /** Messages are refused until files have gone. */
  lacksRoom(): boolean
  /** @throws why nothing may be changed */
  assertChangeable(): void
  /** The disk has refused something: from then on no file is touched. */
  hasFailed(): boolean
  onFailed(error: Error): void
  emit<Name extends keyof StoreEvents>(name: Name, event: StoreEvents[Name]): void
}

/** A segment that has left the log, and is still a file. */
interface Leaving {
  segment: Segment
  info: SegmentInfo
  reason: DeletionReason
  text: string
  /** When it left. */
  since: number
}

/**
 * Deletes files, oldest first, each gone from the disk before the next: whenever the power fails, there is no gap. A segment leaves
 * the log, so that nobody begins to read it, then waits for those who do; queues and index follow what is gone for good.
 */
export class Cleaner {
  readonly #context: CleanerContext
  #leaving: Leaving | undefined
  /** Queues and index have no file that lies below. */
  #cleanedTo = 0
  #lastRetry = -Infinity
  #lastDelay = ''
  #isShortTold = false
  #holds = 0
  #isStopped = false
  #endPause: (() => void) | undefined
  #work: Promise<unknown> = Promise.resolve()

  constructor(context: CleanerContext) {
    this.#context = context
  }

  /** One look at what is to be deleted, behind the one under way. */
  run(isManual: boolean): Promise<DeletionReport> {
    return this.#inTurn(() => this.#look(isManual))
  }

  /** Keeps all files, also from the middle of a look on, until the function that is returned is called. */
  hold(): () => void {
    this.#holds++
    let isHeld = true
    return () => {
      if (isHeld) this.#holds--
      isHeld = false
    }
  }

  /** Deletes nothing more; a file that readers hold stays for the next open. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#endPause?.()
    await this.#work
    this.#leaving?.segment.close()
  }

  usedPercents(): UsedPercents {
    const { disk, options, log, queues } = this.#context
    return usedPercents(disk, { logs: logPathsOf(options).writable, queues: queues.directory, reserved: log.reserved })
  }

  occasionAt(now: number, used: UsedPercents, isManual: boolean): Occasion {
    const { options, lacksRoom } = this.#context
    return occasionAt(options, now, { used, isManual, lacksRoom: lacksRoom() })
  }

  /** What is on its way out, and what keeps it. */
  get leaving(): (SegmentInfo & { reason: DeletionReason; text: string; delayed: DelayedDeletion | undefined }) | undefined {
    if (this.#leaving === undefined) return undefined
    const { info, reason, text } = this.#leaving
    return { ...info, reason, text, delayed: this.#holdUp(this.#leaving) }
  }

  objectionTo(segment: SegmentInfo, used: UsedPercents): DelayedDeletion | undefined {
    const { log, retention } = this.#context
    if (this.#holds > 0) return describeBackup(segment)
    return objectionTo(retention, segment, { logBytes: log.segments.length * log.segmentSize, usedPercent: used.log })
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => undefined)
    return done
  }

  get #isRunning(): boolean {
    return !this.#isStopped && !this.#context.hasFailed()
  }

  get #mayGoOn(): boolean {
    return this.#isRunning && this.#holds === 0
  }

  async #look(isManual: boolean): Promise<DeletionReport> {
    const report: DeletionReport = { deleted: [], delayed: undefined }
    const used = this.usedPercents()
    const occasion = this.occasionAt(this.#context.clock.now(), used, isManual)
    if (occasion.reason !== undefined) await this.#deleteSegments(occasion, used, report)
    else if (this.#isRetryDue()) await this.#finish(report)
    this.#tellOfShortage(occasion, used, report)
    await this.#deleteDerived(report)
    return report
  }

  async #deleteSegments(occasion: Occasion, used: UsedPercents, report: DeletionReport): Promise<void> {
    const { options, flush } = this.#context
    for (let count = 0; count < options.deleteFileBatchMax && this.#isRunning; count++) {
      const next = this.#leaving ?? this.#findDue(occasion, used, report)
      if (next === undefined) return
      // Whoever comes after a crash is not to look for what has left the log: what lies behind it is on the disk.
      if (count === 0) await flush()
      else await this.#pause(options.deleteCommitLogFilesInterval)
      if (this.#leaving === undefined && !this.#dismiss(next)) return
      if (!(await this.#finish(report))) return
    }
  }

  #findDue(occasion: Occasion, used: UsedPercents, report: DeletionReport): Leaving | undefined {
    const { log: { segments }, options, clock } = this.#context
    const segment = segments.first
    if (segment === undefined || segments.length === 1) return undefined
    const now = clock.now()
    const { modifiedTime } = segment
    const reason = deletionReason(options, occasion, modifiedTime, now)
    if (reason === undefined) return undefined
    const info = describeSegment(segment, modifiedTime)
    const objection = this.objectionTo(info, used)
    if (objection === undefined) return { segment, info, reason, text: describeReason(reason, { options, now, used, modifiedTime }), since: now }
    this.#delay(objection, report)
    return undefined
  }

  /** Takes the segment out of the log: nobody begins to read it any more. */
  #dismiss(due: Leaving): boolean {
    const { log, flushedOffset } = this.#context
    if (!this.#mayGoOn || due.segment.toOffset > flushedOffset()) return false
    log.dropFirst()
    this.#leaving = due
    due.segment.onFree = () => {
      if (!this.#isStopped) void this.#inTurn(() => this.#finishFreed())
    }
    return true
  }

  async #finishFreed(): Promise<void> {
    const report: DeletionReport = { deleted: [], delayed: undefined }
    if (await this.#finish(report)) await this.#deleteDerived(report)
  }

  /** Deletes the file of what has left the log. @returns whether it is gone */
  async #finish(report: DeletionReport): Promise<boolean> {
    const leaving = this.#leaving
    if (leaving === undefined || !this.#isRunning) return false
    const { backend: { files }, clock, options, emit } = this.#context
    const { segment, reason, text } = leaving
    const now = clock.now()
    // A clock that was set back is no reason to wait for longer.
    leaving.since = Math.min(leaving.since, now)
    const holdUp = this.#holdUp(leaving)
    if (holdUp !== undefined && (this.#holds > 0 || now - leaving.since < options.destroyMappedFileIntervalForcibly)) {
      this.#delay(holdUp, report)
      return false
    }
    segment.onFree = undefined
    for (const lease of [...segment.leases]) {
      lease.revoke()
      emit('readRevoked', { file: segment.path, reader: lease.reader })
    }
    segment.close()
    if (!this.#remove(segment.path)) return false
    this.#leaving = undefined
    try {
      await files.syncDirectory(dirname(segment.path))
    } catch (error) {
      // It may be there again tomorrow; and what else the directory was to tell the disk may be lost.
      this.#context.onFailed(error as Error)
      return false
    }
    this.#note({ kind: 'commitlog', file: segment.path, bytes: segment.size, reason, text }, report)
    return true
  }

  #holdUp({ segment, info, since }: Leaving): DelayedDeletion | undefined {
    if (this.#holds > 0) return describeBackup(info)
    if (segment.leases.size === 0) return undefined
    const readers = Array.from(segment.leases, ({ reader }) => reader)
    return { ...info, by: 'readers', text: describeReaders(readers, since + this.#context.options.destroyMappedFileIntervalForcibly) }
  }

  /** @returns false where it is still there, to be tried again */
  #remove(path: string): boolean {
    const { backend: { files }, emit } = this.#context
    try {
      files.remove(path)
      return true
    } catch (error) {
      if (isStoreError(error) && error.details.reason === 'ENOENT') return true
      emit('warning', { message: `cannot be deleted, and will be tried again: ${(error as Error).message}`, file: path })
      return false
    }
  }

  #isRetryDue(): boolean {
    const { clock, options } = this.#context
    const now = clock.now()
    if (now >= this.#lastRetry && now - this.#lastRetry <= options.redeleteHangedFileInterval) return false
    this.#lastRetry = now
    return true
  }

  /** Files of queues and index all of whose messages are gone from the disk, and not only from the log. */
  async #deleteDerived(report: DeletionReport): Promise<void> {
    const { log, queues } = this.#context
    const logMinOffset = this.#leaving?.segment.fromOffset ?? log.minOffset
    if (logMinOffset <= this.#cleanedTo) return
    let looked = 0
    let deletedOf: ConsumeQueue | undefined
    for (const queue of [...queues]) {
      if (++looked % QUEUES_PER_TURN === 0) await nextTurn()
      if (!this.#mayGoOn) return
      if (queue.expiredFiles(logMinOffset) === 0) continue
      if (deletedOf !== undefined) await this.#pause(this.#context.options.deleteConsumeQueueFilesInterval)
      await this.#deleteQueueFiles(queue, logMinOffset, report)
      deletedOf = queue
    }
    if (await this.#deleteIndexFiles(logMinOffset, report)) this.#cleanedTo = logMinOffset
  }

  async #deleteQueueFiles(queue: ConsumeQueue, logMinOffset: number, report: DeletionReport): Promise<void> {
    const bytes = queue.files.entriesPerFile * QUEUE_ENTRY_LENGTH
    const { betweenFlushes } = this.#context
    while (this.#mayGoOn) {
      // Not while the queue itself is deleted.
      const file = await betweenFlushes(async () => (this.#mayGoOn && queue.expiredFiles(logMinOffset) > 0 ? queue.files.removeFirst() : undefined))
      if (file === undefined) return
      this.#note({ kind: 'consumequeue', file, bytes, ...describeGone(logMinOffset) }, report)
    }
  }

  /** @returns false where it did not come to the end */
  async #deleteIndexFiles(logMinOffset: number, report: DeletionReport): Promise<boolean> {
    const { index, options, betweenFlushes } = this.#context
    const bytes = indexFileSize(options.maxHashSlotNum, options.maxIndexNum)
    while (this.#mayGoOn) {
      const file = await betweenFlushes(async () => (this.#mayGoOn ? index?.removeFirstBelow(logMinOffset) : undefined))
      if (file === undefined) return this.#mayGoOn
      this.#note({ kind: 'index', file, bytes, ...describeGone(logMinOffset) }, report)
    }
    return false
  }

  #note(deletion: Deletion, report: DeletionReport): void {
    report.deleted.push(deletion)
    this.#context.emit('deletion', deletion)
  }

  #delay(delayed: DelayedDeletion, report: DeletionReport): void {
    report.delayed = delayed
    const told = `${delayed.by} ${delayed.file}`
    if (told === this.#lastDelay) return
    this.#lastDelay = told
    this.#context.emit('deletionDelayed', delayed)
  }

  #tellOfShortage({ isSpaceShort }: Occasion, used: UsedPercents, { deleted }: DeletionReport): void {
    const isStuck = isSpaceShort && deleted.length === 0 && Math.max(used.log, used.queues) >= 0
    if (isStuck && !this.#isShortTold) {
      const message = `the volume of the log is ${used.log} % full, that of the queues ${used.queues} %, and nothing may be deleted: retention.preview() says why`
      this.#context.emit('warning', { message, file: this.#context.options.storePathCommitLog })
    }
    this.#isShortTold = isStuck
  }

  /** Ends early when the cleaner is stopped. */
  async #pause(milliseconds: number): Promise<void> {
    if (milliseconds === 0 || this.#isStopped) return
    await new Promise<void>((resolve) => {
      const cancel = this.#context.clock.startTimer(milliseconds, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
    this.#endPause = undefined
  }
}

export function describeSegment({ path, fromOffset, toOffset }: Segment, modifiedTime: number): SegmentInfo {
  return { file: path, fromOffset, toOffset, lastStoreTime: modifiedTime }
}

function describeBackup(segment: SegmentInfo): DelayedDeletion {
  return { ...segment, by: 'backup', text: 'a backup is being made, and is to have it' }
}

function describeGone(logMinOffset: number): { reason: 'gone'; text: string } {
  return { reason: 'gone', text: `all its messages are gone from the log, which begins at ${logMinOffset}` }
}
