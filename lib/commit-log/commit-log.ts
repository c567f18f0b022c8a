import { PROPERTY_CRC_LENGTH, writePropertyCrc } from '../format/property-crc'
import { BLANK_LENGTH, encodeBlank } from '../format/record'
import type { Backend, RecordWriter } from '../storage/ports'
import { recordWriterFor } from '../storage/record-writer'
import type { Segment } from '../storage/segment'
import { SegmentList } from '../storage/segment-list'
import type { PreparedRecord } from './message-encoder'
import { ReceivedSegments } from './received-segments'
import type { SegmentPlacement } from './segment-placement'
import { POPULATE_STEP, POPULATE_STEP_BETWEEN_FLUSHES, POPULATE_WINDOW, SegmentSupply, assertNotReplaced } from './segment-supply'

export interface CommitLogOptions {
  backend: Backend
  placement: SegmentPlacement
  /** Bytes. */
  segmentSize: number
  /** Whether each record ends in a CRC over all of it (5.x, `enabledAppendPropCRC`). */
  appendsPropertyCrc: boolean
  /** Whether the end of the log is flushed again and again (SYNC_FLUSH). */
  isFlushedOften: boolean
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
  #populatedTo = 0
  /** The first of the two: nothing has to be made ready before. */
  #readyTo = Infinity
  /** Behind what was received; nothing was, where this is not behind the end. */
  #received = 0
  /** What was received behind the current segment, while the end has yet to come there. */
  readonly #ahead: ReceivedSegments
  /** Up to here zeros have taken the place of what was received, and the disk does not have them yet. */
  #zeroedTo = 0

  constructor(options: CommitLogOptions) {
    this.#options = options
    this.segmentSize = options.segmentSize
    this.#supply = new SegmentSupply(options)
    this.#ahead = new ReceivedSegments(this.#supply)
  }

  /** Offset of the first byte that is kept. */
  get minOffset(): number {
    return this.segments.first?.fromOffset ?? this.#end
  }

  /** Offset behind the last record. */
  get maxOffset(): number {
    return this.#end
  }

  /** Behind what {@link receive} has taken. */
  get receivedOffset(): number {
    return Math.max(this.#received, this.#end)
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
    if (this.#end >= this.#readyTo) this.#keepReady(this.#end)
  }

  /** Begins a log that has no record yet at `offset`, which is that of a segment. Nothing has been received, or it was cut back. */
  beginAt(offset: number): void {
    const empty = this.segments.pop()
    if (empty !== undefined) this.#supply.discard(empty)
    this.#current = undefined
    this.#end = offset
    this.#currentTo = offset
    this.#prepareAt = Infinity
    this.#populateAt = Infinity
    this.#readyTo = Infinity
  }

  /**
   * Copies bytes of another store's log behind what was received so far, from source[from] on, as many as the segment takes. They
   * are no part of the log until {@link advance} says so.
   * @returns how many
   * @throws ERR_DISK_FULL, with nothing taken, ERR_IO, ERR_FILE_REPLACED
   */
  receive(source: Uint8Array, from: number): number {
    const offset = this.receivedOffset
    const segment = this.#segmentToReceiveAt(offset)
    const position = offset - segment.fromOffset
    const count = Math.min(source.length - from, segment.size - position)
    const { bytes } = segment.mapping
    bytes.set(count === source.length ? source : source.subarray(from, from + count), position)
    segment.assertIntact(position, position + count)
    this.#received = offset + count
    if (segment === this.#current) this.#keepReady(this.#received)
    return count
  }

  /** The segment that holds the byte at `offset`, which may have been received only. */
  segmentReceivedAt(offset: number): Segment | undefined {
    return this.#ahead.find(offset) ?? this.segments.find(offset)
  }

  /** What was received is whole up to `offset`: the log goes on behind it. */
  advance(offset: number, lastStoreTimestamp: number): void {
    this.#end = offset
    while (offset > this.#currentTo) this.#goOnIn(this.#ahead.take())
    this.lastStoreTimestamp = lastStoreTimestamp
  }

  /** Forgets what was received behind the end: zeros are there again. @throws ERR_IO, ERR_FILE_REPLACED */
  cutBack(): void {
    const received = this.#received
    this.#received = 0
    this.#ahead.giveBack(received)
    const to = Math.min(received, this.#currentTo)
    if (this.#current === undefined || to <= this.#end) return
    this.#bytes.fill(0, this.#end - this.#currentFrom, to - this.#currentFrom)
    this.#current.assertIntact(this.#end - this.#currentFrom, to - this.#currentFrom)
    this.#zeroedTo = Math.max(this.#zeroedTo, to)
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
    const end = Math.max(to, this.#zeroedTo)
    this.#zeroedTo = 0
    for (const segment of this.segments) {
      if (segment.toOffset <= from || segment.fromOffset >= end) continue
      await segment.flush(Math.max(from, segment.fromOffset), Math.min(end, segment.toOffset))
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
    this.#ahead.giveBack(this.#received)
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
    // Taken before the old one is ended: a full disk then leaves everything as it was.
    const next = this.#supply.take(this.#currentTo)
    const remaining = this.#currentTo - this.#end
    if (this.#current !== undefined && remaining >= BLANK_LENGTH) encodeBlank(this.#view, this.#end - this.#currentFrom, remaining)
    this.#end = next.fromOffset
    this.#goOnIn(next)
  }

  #goOnIn(next: Segment): void {
    if (this.#current !== undefined) {
      this.#current.seal(this.lastStoreTimestamp)
      this.#sealed.push(this.#current)
    }
    this.segments.push(next)
    this.#use(next)
    this.#options.onRoll(next)
  }

  /** What is received may have its end where it is not yet known whether it is part of the log. */
  #segmentToReceiveAt(offset: number): Segment {
    const { last } = this.#ahead
    if (last !== undefined) return offset < last.toOffset ? last : this.#ahead.begin(offset)
    if (offset === this.#currentTo && offset > this.#end) return this.#ahead.begin(offset)
    if (offset === this.#currentTo) this.#roll()
    return this.#current!
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
    this.#populateAt = segment.fromOffset
    this.#populatedTo = segment.fromOffset
    this.#readyTo = segment.fromOffset
  }

  /** Prepares what comes behind `offset`, up to which the current segment has been written. */
  #keepReady(offset: number): void {
    if (offset >= this.#prepareAt) {
      this.#prepareAt = Infinity
      this.#supply.prepare(this.#currentTo)
    }
    if (offset >= this.#populateAt) this.#populate(offset)
    this.#readyTo = Math.min(this.#prepareAt, this.#populateAt)
  }

  /** Keeps pages ready a window ahead of the writer. */
  #populate(offset: number): void {
    const from = Math.max(offset, this.#populatedTo)
    const to = Math.min(offset + POPULATE_WINDOW, this.#currentTo)
    const { isFlushedOften } = this.#options
    this.#current!.mapping.populate(from - this.#currentFrom, to - this.#currentFrom, isFlushedOften)
    this.#populatedTo = to
    this.#populateAt = to === this.#currentTo ? Infinity : offset + (isFlushedOften ? POPULATE_STEP_BETWEEN_FLUSHES : POPULATE_STEP)
  }
}
