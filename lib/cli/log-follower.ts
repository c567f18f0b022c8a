import { StoreError } from '../errors'
import type { RecordParts } from '../format/record'
import { readLayout } from '../recovery/layout'
import { findNextRecord } from '../recovery/log-scan'
import { RecordCheck } from '../recovery/record-check'
import type { Backend } from '../storage/ports'
import { Segment } from '../storage/segment'
import { SegmentList } from '../storage/segment-list'

/** Records handed over at once. */
const RECORDS_MAX = 4096
/** Milliseconds between two searches for what stands behind damage. */
const SEARCH_EVERY = 5000

/** Called with the record at `position`; the bytes are good during the call only. */
export type RecordVisitor = (bytes: Buffer, view: DataView, position: number, parts: RecordParts) => void

export interface FollowerOptions {
  backend: Backend
  /** Of the commit log. */
  directories: readonly string[]
  /** Commit log offset to begin at. */
  from: number
  visit: RecordVisitor
  warn(message: string): void
}

/**
 * Reads a commit log that another process writes: a record that stands there whole, checksum and all, is one
 * that has been written. Queues and index lag behind the log, and are not looked at.
 */
export class LogFollower {
  readonly #options: FollowerOptions
  readonly #check: RecordCheck
  #offset: number
  #segment: Segment | undefined
  /** The last record handed over, to see that it is still there. */
  #last: { offset: number; size: number } | undefined
  /** A record that may be in the middle of being written. */
  #unsettled = -1
  #searchedAt = -Infinity

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#offset = options.from
    this.#check = new RecordCheck({ checkCRC: true, forceVerifyPropCRC: false, crc32: options.backend.crc32.bind(options.backend) })
  }

  /** Where the next record is awaited. */
  get offset(): number {
    return this.#offset
  }

  /**
   * Hands over what has been written since the last call.
   * @returns `cut` where what was handed over is no longer there, and the log has to be opened again
   */
  poll(): 'more' | 'end' | 'cut' {
    if (!this.#isStillThere()) return 'cut'
    for (let steps = 0; steps < RECORDS_MAX; steps++) if (!this.#step()) return 'end'
    return 'more'
  }

  close(): void {
    this.#segment?.close()
    this.#segment = undefined
  }

  /** @returns whether it came further */
  #step(): boolean {
    const segment = this.#open()
    if (segment === undefined) return this.#goOnBehind()
    const { bytes, view } = segment.mapping
    const position = this.#offset - segment.fromOffset
    const { parts } = this.#check
    const finding = this.#check.at(bytes, view, position, segment.size, this.#offset)
    if (finding === 'blank' || segment.size - position < 8) return this.#goOnBehind()
    if (finding !== 'record') return this.#hasGrown(segment) || this.#stepOver(segment, finding)
    if (!this.#isSettled(bytes, position, parts)) return false
    this.#last = { offset: this.#offset, size: parts.size }
    this.#offset += parts.size
    this.#options.visit(bytes, view, position, parts)
    return true
  }

  /** The segment that holds the offset. */
  #open(): Segment | undefined {
    const current = this.#segment
    if (current !== undefined && this.#offset >= current.fromOffset && this.#offset < current.toOffset) return current
    const entry = this.#entries().find(({ fromOffset, size }) => fromOffset <= this.#offset && this.#offset < fromOffset + size)
    if (entry === undefined) return undefined
    this.close()
    this.#segment = new Segment(this.#options.backend, entry, 'read')
    this.#segment.rememberIdentity()
    return this.#segment
  }

  /** A file that was mapped while it was being made is mapped anew. */
  #hasGrown(segment: Segment): boolean {
    if (this.#options.backend.files.statusOf(segment.descriptor).size === segment.size) return false
    this.close()
    return true
  }

  #goOnBehind(): boolean {
    const next = this.#entries().find(({ fromOffset, size }) => fromOffset > this.#offset && size > 0)
    if (next === undefined) return false
    if (this.#segment !== undefined && next.fromOffset > this.#segment.toOffset) {
      this.#options.warn(`segments between ${this.#segment.toOffset} and ${next.fromOffset} are gone: going on behind them`)
    }
    this.#offset = next.fromOffset
    return true
  }

  /** What does not become a record, though there are records behind it, is damage. */
  #stepOver(segment: Segment, finding: 'bad' | 'zeros'): boolean {
    if (performance.now() - this.#searchedAt < SEARCH_EVERY) return false
    this.#searchedAt = performance.now()
    const segments = new SegmentList()
    for (const entry of this.#entries()) {
      // Zeros are mostly the end; to read all of them for what may stand behind would be too much.
      const isWanted = finding === 'zeros' ? entry.fromOffset > this.#offset : entry.fromOffset + entry.size > this.#offset
      if (isWanted && entry.size > 0) segments.push(new Segment(this.#options.backend, entry, 'read'))
    }
    const next = finding === 'zeros' ? this.#firstThatBegins(segments) : findNextRecord({ segments, check: this.#check }, 0, this.#offset + 1)?.offset
    for (const segment of segments) segment.close()
    if (next === undefined) return false
    // The writer may have gone on during the search: damage is what still is none once records stand behind it.
    const { mapping, fromOffset, size } = segment
    if (this.#check.at(mapping.bytes, mapping.view, this.#offset - fromOffset, size, this.#offset) !== finding) return true
    this.#options.warn(`${next - this.#offset} bytes at ${this.#offset} cannot be read: going on behind them`)
    this.#offset = next
    return true
  }

  /** Start of the first segment that begins with a record: one made ahead of its use does not. */
  #firstThatBegins(segments: SegmentList): number | undefined {
    for (const { mapping, size, fromOffset } of segments) {
      if (this.#check.at(mapping.bytes, mapping.view, 0, size, fromOffset) === 'record') return fromOffset
    }
    return undefined
  }

  /** Properties are written last, and hold no zeros; one who does write zeros is believed at the second look. */
  #isSettled(bytes: Buffer, position: number, parts: RecordParts): boolean {
    const zeroAt = bytes.indexOf(0, position + parts.propertiesAt)
    if (zeroAt < 0 || zeroAt >= position + parts.size || this.#unsettled === this.#offset) return true
    this.#unsettled = this.#offset
    return false
  }

  #isStillThere(): boolean {
    const segment = this.#segment
    if (segment === undefined || this.#last === undefined || this.#last.offset < segment.fromOffset) return true
    const { bytes, view } = segment.mapping
    const { offset, size } = this.#last
    const isSame = this.#check.at(bytes, view, offset - segment.fromOffset, segment.size, offset) === 'record' && this.#check.parts.size === size
    // A segment that retention removes is replaced by nothing.
    return isSame && !(segment.isReplaced() && this.#options.backend.files.status(segment.path) !== undefined)
  }

  #entries(): { path: string; fromOffset: number; size: number }[] {
    const { backend, directories } = this.#options
    try {
      return readLayout(backend.files, directories).entries.filter(({ action }) => action === 'segment' || action === 'completed')
    } catch (error) {
      // A file may vanish or grow between listing it and looking at it: the next call sees what has become of it.
      if (error instanceof StoreError) return []
      throw error
    }
  }
}
