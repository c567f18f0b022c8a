import { PROPERTY_CRC_LENGTH, writePropertyCrc } from '../format/property-crc'
import { BLANK_LENGTH, encodeBlank } from '../format/record'
import type { Backend, RecordWriter } from '../storage/ports'
import { recordWriterFor } from '../storage/record-writer'
import type { Segment } from '../storage/segment'
import { SegmentList } from '../storage/segment-list'
import type { PreparedRecord } from './message-encoder'
import type { SegmentPlacement } from './segment-placement'
import { POPULATE_WINDOW, SegmentSupply, assertNotReplaced } from './segment-supply'

export interface CommitLogOptions {
  backend: Backend
  placement: SegmentPlacement
  /** Bytes. */
  segmentSize: number
  /** Whether each record ends in a CRC over all of it (5.x, `enabledAppendPropCRC`). */
  appendsPropertyCrc: boolean
  onRoll(segment: Segment): void
  warn(message: string, file: string): void
  onFlushFailure(error: Error): void
}

/** The log: all messages of all queues in the order in which they came, in segments of one size. */
export class CommitLog {
  readonly segments = new SegmentList()
  /** Bytes of a segment. */
  readonly segmentSize: number
  /** Store time of the last record, 0 before the first. */
  lastStoreTimestamp = 0
  readonly #options: CommitLogOptions
  readonly #supply: SegmentSupply
  #end = 0
  #current: Segment | undefined
  #bytes: Buffer = Buffer.alloc(0)
  #view: DataView = new DataView(this.#bytes.buffer)
  #frame: Buffer | undefined
  #writer!: RecordWriter
  #currentFrom = 0
  #currentTo = 0
  /** Full, and not yet on the disk to their ends. */
  readonly #sealed: Segment[] = []
  /** Offset at which the next segment is begun to be prepared. */
  #prepareAt = Infinity
  #populateAt = Infinity

  constructor(options: CommitLogOptions) {
    this.#options = options
    this.segmentSize = options.segmentSize
    this.#supply = new SegmentSupply(options)
  }

  /** Offset of the first byte that is kept. */
  get minOffset(): number {
    return this.segments.first?.fromOffset ?? this.#end
  }

  /** Offset behind the last record. */
  get maxOffset(): number {
    return this.#end
  }

  /** False until the first segment is known to be on disk, with its name. */
  get isOnDisk(): boolean {
    return this.segments.first?.entryIsDurable ?? false
  }

  /** The largest record, or batch of records, that a segment takes. */
  get recordSizeMax(): number {
    return this.segmentSize - BLANK_LENGTH
  }

  /** Where its segments are made. */
  get placement(): SegmentPlacement {
    return this.#options.placement
  }

  /** Blocks that are its own already, and still to be written; by the file that has them. */
  get reserved(): { path: string; bytes: number }[] {
    const { reserved } = this.#supply
    const rest = this.#current === undefined ? [] : [{ path: this.#current.path, bytes: this.#currentTo - this.#end }]
    return reserved === undefined ? rest : [...rest, { path: reserved.path, bytes: reserved.size }]
  }

  /** Where the log ends after recovery. */
  setEnd(offset: number): void {
    this.#end = offset
  }

  /** Makes the last segment the one that is written to. */
  startWriting(): void {
    const last = this.segments.last
    if (last === undefined || this.#end >= last.toOffset) {
      this.#currentTo = this.#end
      return
    }
    // Its blocks may be missing where Java or a copy made the file: reserve them before the first store.
    this.#options.backend.files.reserve(last.descriptor, last.size)
    last.rememberIdentity()
    this.#use(last)
  }

  /** Makes sure that the next `size` bytes go into one segment. @throws ERR_DISK_FULL, ERR_FILE_REPLACED */
  makeRoom(size: number): void {
    if (size + BLANK_LENGTH > this.#currentTo - this.#end) this.#roll()
  }

  /** Writes a record at the end; {@link makeRoom} comes first. @throws ERR_IO, ERR_FILE_REPLACED where it did not get there */
  append(record: PreparedRecord): void {
    const { size } = record
    const position = this.#end - this.#currentFrom
    this.#writerOf(record.frame).write(record, position)
    if (this.#options.appendsPropertyCrc) this.#appendPropertyCrc(position, position + size)
    this.#current!.assertIntact(position, position + size)
    this.#end += size
    this.lastStoreTimestamp = record.storeTimestamp
    if (this.#end >= this.#prepareAt) {
      this.#prepareAt = Infinity
      this.#supply.prepare(this.#currentTo)
    }
    if (this.#end >= this.#populateAt) this.#populate()
  }

  /** The segment that holds all of [offset, offset + size), when that has been written. */
  segmentOf(offset: number, size: number): Segment | undefined {
    if (!(size > 0) || offset + size > this.#end) return undefined
    const segment = this.segments.find(offset)
    return segment !== undefined && offset + size <= segment.toOffset ? segment : undefined
  }

  /**
   * Tells, behind a {@link flush}, whether what was stored at [from, to) is in its files: it need not be, where a page could not be had.
   * @throws ERR_IO, ERR_FILE_REPLACED
   */
  assertIntact(from: number, to: number): void {
    for (const segment of this.segments) {
      if (segment.toOffset <= from || segment.fromOffset >= to) continue
      segment.assertIntact(Math.max(0, from - segment.fromOffset), Math.min(to, segment.toOffset) - segment.fromOffset)
      // The one that is written to has been looked at behind the flush.
      if (segment !== this.#current) assertNotReplaced(segment)
    }
  }

  /** Makes [from, to) durable. @throws what the flush throws, ERR_FILE_REPLACED */
  async flush(from: number, to: number): Promise<void> {
    for (const segment of this.segments) {
      if (segment.toOffset <= from || segment.fromOffset >= to) continue
      await segment.flush(Math.max(from, segment.fromOffset), Math.min(to, segment.toOffset))
    }
    // A flush that preparing began may have met the error that this one was spared.
    await this.#supply.settleTaken()
    this.assertNotReplaced()
    this.#stampSealed(to)
  }

  /** Takes the oldest segment out of the log, to be deleted: nobody finds it any more, and who holds it may finish. Not the last one. */
  dropFirst(): Segment | undefined {
    return this.segments.length > 1 ? this.segments.shift() : undefined
  }

  /** @throws ERR_FILE_REPLACED when another program has removed or replaced a file that is written to */
  assertNotReplaced(): void {
    if (this.#current !== undefined) assertNotReplaced(this.#current)
    if (this.#supply.prepared !== undefined) assertNotReplaced(this.#supply.prepared)
  }

  /** Removes the segment prepared ahead, as the engine does when it stops. */
  async discardPrepared(): Promise<void> {
    await this.#supply.close()
  }

  /** A segment prepared ahead is left as a crash would leave it; the next open removes it. */
  async close(): Promise<void> {
    await this.#supply.settle()
    for (const segment of this.segments) segment.close()
  }

  #writerOf(frame: Buffer): RecordWriter {
    if (frame !== this.#frame) {
      this.#writer = recordWriterFor(this.#options.backend, this.#current!.mapping, frame)
      this.#frame = frame
    }
    return this.#writer
  }

  #appendPropertyCrc(from: number, to: number): void {
    const crc = this.#options.backend.crc32(this.#bytes, from, to - PROPERTY_CRC_LENGTH)
    writePropertyCrc(this.#bytes, to, crc)
  }

  /** The time of a file says how old its messages are: the engine deletes by it, and so does whoever comes after us. */
  #stampSealed(flushedOffset: number): void {
    while (this.#sealed.length > 0 && this.#sealed[0]!.toOffset <= flushedOffset) {
      const segment = this.#sealed.shift()!
      try {
        segment.modifiedTime = segment.modifiedTime
      } catch (error) {
        this.#options.warn(`its time could not be set: the next open takes the one at which it was written for it. ${(error as Error).message}`, segment.path)
      }
    }
  }

  #roll(): void {
    if (this.#current !== undefined) assertNotReplaced(this.#current)
    // Taken before the old one is sealed: a full disk then leaves everything as it was.
    const next = this.#supply.take(this.#currentTo)
    if (this.#current !== undefined) {
      const remaining = this.#currentTo - this.#end
      if (remaining >= BLANK_LENGTH) encodeBlank(this.#view, this.#end - this.#currentFrom, remaining)
      this.#current.seal(this.lastStoreTimestamp)
      this.#sealed.push(this.#current)
    }
    this.segments.push(next)
    this.#end = next.fromOffset
    this.#use(next)
    this.#options.onRoll(next)
  }

  #use(segment: Segment): void {
    const { bytes, view } = segment.mapping
    this.#current = segment
    this.#bytes = bytes
    this.#view = view
    this.#frame = undefined
    this.#currentFrom = segment.fromOffset
    this.#currentTo = segment.toOffset
    this.#prepareAt = segment.fromOffset + segment.size / 2
    this.#populateAt = this.#end
  }

  /** Keeps pages ready between half a window and a whole one ahead of the writer. */
  #populate(): void {
    const from = this.#end - this.#currentFrom
    const to = Math.min(from + POPULATE_WINDOW, this.#currentTo - this.#currentFrom)
    this.#current!.mapping.populate(from, to)
    this.#populateAt = to === this.#currentTo - this.#currentFrom ? Infinity : this.#end + POPULATE_WINDOW / 2
  }
}
