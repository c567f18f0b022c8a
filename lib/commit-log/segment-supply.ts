import { join } from 'node:path'
import { StoreError } from '../errors'
import { segmentName } from '../format/file-name'
import type { Backend } from '../storage/ports'
import { Segment } from '../storage/segment'
import type { SegmentPlacement } from './segment-placement'

/** Pages made present ahead of the writer, in bytes. */
export const POPULATE_WINDOW = 32 << 20
/** As many at a time: to ask for them wakes a thread, which takes the writer 20 to 100 µs. */
export const POPULATE_STEP = 8 << 20
/** The same for a writer who waits for flushes anyway, and for whom a flush beside so much work takes longer. */
export const POPULATE_STEP_BETWEEN_FLUSHES = 1 << 20

export interface SegmentSupplyOptions {
  backend: Backend
  placement: SegmentPlacement
  /** Bytes. */
  segmentSize: number
  isFlushedOften: boolean
  warn(message: string, file: string): void
  /** The disk refused a flush of a segment, or of the directory: a second one that succeeds proves nothing. */
  onFlushFailure(error: Error): void
}

interface Prepared {
  segment: Segment
  taken: boolean
  isReserved: boolean
}

/**
 * Creates segments, the next one ahead of its use: blocks are reserved before the file is mapped, since a
 * store through a map of a sparse file is a memory fault when the disk is full.
 */
export class SegmentSupply {
  readonly #backend: Backend
  readonly #segmentSize: number
  readonly #options: SegmentSupplyOptions
  #prepared: Prepared | undefined
  /** Of the last segment that was prepared, which may be in use by now: its descriptor is open until this has ended. */
  #work: Promise<void> = Promise.resolve()
  /** What was begun, and could not be removed: a full disk may refuse even that. It goes before the next try, which it would be in the way of. */
  #leftover: string | undefined
  /** Of the last segment that was taken. */
  #workOnTaken: Promise<void> = Promise.resolve()

  constructor(options: SegmentSupplyOptions) {
    this.#options = options
    this.#backend = options.backend
    this.#segmentSize = options.segmentSize
  }

  /** Begins to prepare the segment at `fromOffset`, off the main thread. */
  prepare(fromOffset: number): void {
    if (this.#prepared !== undefined) return
    let segment: Segment
    try {
      segment = this.#create(fromOffset)
    } catch (error) {
      this.#options.warn(`the next segment cannot be prepared: ${(error as Error).message}`, this.#path(fromOffset))
      return
    }
    this.#prepared = { segment, taken: false, isReserved: false }
    this.#work = this.#finish(this.#prepared, this.#work)
  }

  /** The segment at `fromOffset`, prepared or made now. @throws ERR_DISK_FULL, ERR_FILE_REPLACED */
  take(fromOffset: number): Segment {
    const prepared = this.#prepared
    if (prepared !== undefined && prepared.segment.fromOffset !== fromOffset) this.#abandon(prepared)
    if (prepared === undefined || prepared.taken) return this.#reserved(this.#create(fromOffset))
    assertNotReplaced(prepared.segment)
    this.#prepared = undefined
    prepared.taken = true
    this.#workOnTaken = this.#work
    return this.#reserved(prepared.segment)
  }

  /** A segment that was taken is as it was before, and nothing has been prepared since: it is the next one again. */
  giveBack(segment: Segment): void {
    this.#prepared = { segment, taken: false, isReserved: true }
  }

  /** The prepared segment, which another process may have removed. */
  get prepared(): Segment | undefined {
    return this.#prepared?.segment
  }

  /** The prepared segment, once its blocks are its own. */
  get reserved(): Segment | undefined {
    return this.#prepared?.isReserved ? this.#prepared.segment : undefined
  }

  /** Removes a prepared segment that was not used. */
  async close(): Promise<void> {
    this.#removeLeftover()
    const prepared = this.#prepared
    if (prepared === undefined) return
    await this.settle()
    this.#backend.files.remove(prepared.segment.path)
  }

  /** Waits for what preparing still does to a segment that was taken. */
  settleTaken(): Promise<void> {
    return this.#workOnTaken
  }

  /** Ends preparation, and closes what was prepared. */
  async settle(): Promise<void> {
    const prepared = this.#prepared
    this.#prepared = undefined
    if (prepared !== undefined) prepared.taken = true
    await this.#work
    prepared?.segment.close()
  }

  /** Blocks and directory entry, on disk before anybody waits for them; never rejects. */
  async #finish(prepared: Prepared, before: Promise<void>): Promise<void> {
    const { segment } = prepared
    try {
      await before
      if (prepared.taken) return
      await this.#backend.files.reserveAsync(segment.descriptor, segment.size)
      prepared.isReserved = true
      if (prepared.taken) return
      segment.mapping.populate(0, Math.min(POPULATE_WINDOW, segment.size), this.#options.isFlushedOften)
    } catch (error) {
      this.#giveUp(prepared, error as Error)
      return
    }
    try {
      await segment.flush(segment.fromOffset, segment.fromOffset)
    } catch (error) {
      this.#options.onFlushFailure(error as Error)
      this.#giveUp(prepared, error as Error)
    }
  }

  /** Whoever has taken the segment meets the error himself. */
  #giveUp(prepared: Prepared, error: Error): void {
    if (prepared.taken) return
    this.#prepared = undefined
    this.discard(prepared.segment)
    this.#options.warn(`the next segment cannot be prepared: ${error.message}`, prepared.segment.path)
  }

  /** Idempotent where the blocks are there already. */
  #reserved(segment: Segment): Segment {
    try {
      this.#backend.files.reserve(segment.descriptor, segment.size)
      return segment
    } catch (error) {
      this.discard(segment)
      throw error
    }
  }

  #create(fromOffset: number): Segment {
    this.#removeLeftover()
    const path = this.#path(fromOffset)
    const descriptor = this.#backend.files.open(path, 'create')
    const segment = new Segment(this.#backend, { path, fromOffset, size: this.#segmentSize }, 'write', { descriptor })
    try {
      // Its length at once, its blocks after that: 4.9 does not start where a crash has left a shorter one.
      this.#backend.files.truncate(descriptor, this.#segmentSize)
      segment.rememberIdentity()
      return segment
    } catch (error) {
      this.discard(segment)
      throw error
    }
  }

  /** The log goes on elsewhere: the segment goes once nothing is done to it any more. */
  #abandon(prepared: Prepared): void {
    this.#prepared = undefined
    prepared.taken = true
    this.#work = this.#work.then(() => this.discard(prepared.segment))
  }

  /** Closes and removes a segment that is no part of the log: nothing of it is left, unless the disk takes not even that. */
  discard(segment: Segment): void {
    try {
      segment.close()
      this.#backend.files.remove(segment.path)
    } catch (error) {
      this.#leftover = segment.path
      this.#options.warn(`a segment that is no part of the log cannot be removed: ${(error as Error).message}`, segment.path)
    }
  }

  #removeLeftover(): void {
    const { files } = this.#backend
    if (this.#leftover !== undefined && files.status(this.#leftover) !== undefined) files.remove(this.#leftover)
    this.#leftover = undefined
  }

  #path(fromOffset: number): string {
    return join(this.#options.placement.directoryFor(fromOffset), segmentName(fromOffset))
  }
}

/** @throws ERR_FILE_REPLACED */
export function assertNotReplaced(segment: Segment): void {
  if (!segment.isReplaced()) return
  throw new StoreError(
    'ERR_FILE_REPLACED',
    `${segment.path} was removed, replaced or cut short while the store was open: another program (a RocketMQ broker started ` +
      'on this directory recovers before it takes the lock) has changed the files. Stop it, then open the store again',
    { file: segment.path },
  )
}
