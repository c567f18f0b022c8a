import type { DeletionReport, PlannedDeletion, RetentionPreview, SegmentInfo } from '../types'
import { Cleaner, describeSegment, type CleanerContext } from './cleaner'
import { deletionReason, expiryOf, nextDeletionHour, type Occasion, type UsedPercents } from './deletion-policy'
import { describeKept, describeReason, timeZone } from './reasons'

/** After the open, in milliseconds: a store has other things to do then. */
const FIRST_LOOK = 60_000
/** What could not be deleted by hand is tried again with so many looks. */
const MANUAL_LOOKS = 20
const HOUR = 3_600_000

/** Says what is kept for how long, and deletes the rest. */
export class Retention {
  readonly #context: CleanerContext
  readonly #cleaner: Cleaner
  #manualLooks = 0
  #cancelTimer: (() => void) | undefined
  #isStopped = false

  /** @internal */
  constructor(context: CleanerContext) {
    this.#context = context
    this.#cleaner = new Cleaner(context)
  }

  /** What would be deleted now and in the next hour of `deleteWhen`, and why. Changes nothing. */
  preview(): RetentionPreview {
    const { clock, options, log } = this.#context
    const at = clock.now()
    const used = this.#cleaner.usedPercents()
    const nextHour = nextDeletionHour(options, at)
    const waiting = log.segments.all.slice(0, -1).map((segment) => describeSegment(segment, segment.modifiedTime))
    const { leaving } = this.#cleaner
    const now: PlannedDeletion[] = leaving === undefined ? [] : [{ ...leaving, expiresAt: expiryOf(options, leaving.lastStoreTime) }]
    if (leaving?.delayed === undefined) this.#plan(now, waiting, { occasion: this.#cleaner.occasionAt(at, used, false), at, until: at, used })
    const next: PlannedDeletion[] = []
    const isBlocked = now.at(-1)?.delayed !== undefined
    if (!isBlocked) this.#plan(next, waiting, { occasion: this.#cleaner.occasionAt(nextHour, used, false), at: nextHour, until: nextHour + HOUR - 1, used })
    return {
      at, timeZone: timeZone(), usedPercents: { ...used }, now, next: { at: nextHour, files: next }, kept: this.#describeKept(waiting, isBlocked, at, used),
    }
  }

  /**
   * Deletes what is old enough at any hour, as RocketMQ's executeDeleteFilesManually does, and resolves once the room is free: no map
   * and no descriptor is left. What somebody holds, a backup for one, is tried again with the next 20 looks.
   *
   * @throws ERR_READ_ONLY, ERR_STORE_CLOSED, ERR_FLUSH_FAILED, ERR_FILE_REPLACED, ERR_IO; once the store has stopped, the code with which it did
   */
  async deleteNow(): Promise<DeletionReport> {
    const total: DeletionReport = { deleted: [], delayed: undefined }
    for (let isDone = false; !isDone; ) {
      this.#context.assertChangeable()
      this.#manualLooks = MANUAL_LOOKS
      const { deleted, delayed } = await this.#look()
      total.deleted.push(...deleted)
      total.delayed = delayed
      isDone = !deleted.some(({ kind }) => kind === 'commitlog')
    }
    if (total.delayed === undefined) this.#manualLooks = 0
    this.#context.assertChangeable()
    return total
  }

  /** @internal Keeps all files until the function that is returned is called. */
  hold(): () => void {
    return this.#cleaner.hold()
  }

  /** @internal Begins to look for what is to be deleted, again and again. */
  start(): void {
    if (!this.#context.options.readOnly) this.#lookIn(FIRST_LOOK)
  }

  /** @internal Resolves once nothing is being deleted any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer?.()
    await this.#cleaner.stop()
  }

  #lookIn(milliseconds: number): void {
    const { clock, emit, options } = this.#context
    this.#cancelTimer = clock.startTimer(milliseconds, () => {
      this.#cancelTimer = undefined
      void this.#look()
        .catch((error: Error) => emit('warning', { message: `could not look for what is to be deleted: ${error.message}`, file: options.storePathRootDir }))
        .then(() => {
          if (!this.#isStopped) this.#lookIn(options.cleanResourceInterval)
        })
    })
  }

  #look(): Promise<DeletionReport> {
    const isManual = this.#manualLooks > 0
    if (isManual) this.#manualLooks--
    return this.#cleaner.run(isManual)
  }

  /** Moves the segments that may go from `waiting` to `planned`, the first one that is put off included. */
  #plan(
    planned: PlannedDeletion[], waiting: SegmentInfo[],
    { occasion, at, until, used }: { occasion: Occasion; at: number; until: number; used: UsedPercents },
  ): void {
    const { options } = this.#context
    for (let segment = waiting[0]; segment !== undefined; segment = waiting[0]) {
      const modifiedTime = segment.lastStoreTime
      const reason = deletionReason(options, occasion, modifiedTime, until)
      if (reason === undefined) return
      const delayed = this.#cleaner.objectionTo(segment, used)
      const text = describeReason(reason, { options, now: at, used, modifiedTime })
      planned.push({ ...segment, expiresAt: expiryOf(options, modifiedTime), reason, text, delayed })
      waiting.shift()
      if (delayed !== undefined) return
    }
  }

  #describeKept(waiting: readonly SegmentInfo[], isBlocked: boolean, now: number, used: UsedPercents): string {
    const [oldest] = waiting
    if (isBlocked) return 'all others wait for the one that is put off'
    if (oldest === undefined) return 'the last file of the log, which is never deleted'
    return `${oldest.file}: ${describeKept({ options: this.#context.options, now, used, modifiedTime: oldest.lastStoreTime })}`
  }
}
