import { readLong } from '../format/long'
import type { Mapping, RecordScan } from '../storage/ports'
import type { RecordRows } from '../storage/record-rows'
import type { Segment } from '../storage/segment'
import type { SegmentList } from '../storage/segment-list'
import type { Damage } from '../types'
import { GiveBack } from './give-back'
import { ReadAhead } from './read-ahead'
import type { Finding, RecordCheck } from './record-check'
import { ScanAhead } from './scan-ahead'

/** Bytes between two pauses. */
const PAUSE_EVERY = 16 << 20
/** The three bytes that both magic codes begin with, and where they stand in a record. */
const MAGIC_PREFIX = Buffer.from([0xda, 0xa3, 0x20])
const MAGIC_AT = 4

export interface LogScanOptions {
  segments: SegmentList
  check: RecordCheck
  /** True when what is wrong at `offset`, where a segment may be missing, is damage, and no torn tail: the log behind it has been on disk. */
  isDamage(finding: Finding | 'missing', offset: number, lastStoreTimestamp: number): boolean
  /** Whether the memory of what has been looked at goes back to the kernel: where nobody had read it before. */
  givesBack?: boolean
  /** Called now and then with the bytes done; may throw to end the scan. */
  pause(done: number): Promise<void>
  /** @returns false to end the scan */
  visit(bytes: Buffer, view: DataView, position: number): boolean
  /** Looks at whole records beforehand, off the main thread; only what else there is, is then left to `check` and `visit`. */
  ahead?: {
    scan: RecordScan
    /** All rows at once. @returns false where they are to be visited one by one: then nothing was done */
    visitAll(rows: RecordRows, mapping: Mapping): boolean
    /** @param logOffset that of the file @returns false to end the scan */
    visit(rows: RecordRows, row: number, mapping: Mapping, logOffset: number): boolean
  }
}

export interface LogScanResult {
  /** Where the log ends. */
  end: number
  damage: Damage[]
  lastStoreTimestamp: number
  /** Store time of the last record of each segment that has others behind it. */
  storedUntil: Map<Segment, number>
  /** False when the visitor ended the scan. */
  isComplete: boolean
}

/**
 * Walks the records from the start of a segment to the end of the log.
 * @throws ERR_IO, ERR_FILE_REPLACED where a page cannot be read, and its loss is not damage that can be stepped over: what
 *   the disk does not give today is not to be cut off
 */
export async function scanLog(options: LogScanOptions, fromSegment: number): Promise<LogScanResult> {
  const readAhead = new ReadAhead(options.segments, fromSegment)
  const scanAhead = options.ahead && new ScanAhead(options.ahead.scan)
  try {
    return await walk(options, fromSegment, readAhead, scanAhead)
  } finally {
    await scanAhead?.settle()
    await readAhead.settle()
  }
}

async function walk(
  options: LogScanOptions, fromSegment: number, readAhead: ReadAhead, scanAhead: ScanAhead | undefined,
): Promise<LogScanResult> {
  const { segments, check, ahead } = options
  const first = segments.at(fromSegment)!
  const result: LogScanResult = { end: first.fromOffset, damage: [], lastStoreTimestamp: 0, storedUntil: new Map(), isComplete: true }
  const giveBack = options.givesBack === true ? new GiveBack(segments, fromSegment) : undefined
  let pausedAt = first.fromOffset
  let index = fromSegment
  let offset = first.fromOffset
  readAhead.advance(offset)
  for (;;) {
    const segment = segments.at(index)!
    const { mapping } = segment
    const { bytes, view } = mapping
    const position = offset - segment.fromOffset
    if (offset - pausedAt >= PAUSE_EVERY) {
      pausedAt = offset
      readAhead.advance(offset)
      giveBack?.advance(offset)
      await options.pause(offset - first.fromOffset)
    }
    if (ahead !== undefined && position < segment.size) {
      const { rows, count } = await scanAhead!.blockAt(segment, position)
      const last = count - 1
      if (count > 0 && count === rows.count && ahead.visitAll(rows, mapping)) {
        result.lastStoreTimestamp = rows.storeTimestamp(last)
        result.end = offset = segment.fromOffset + rows.position(last) + rows.size(last)
        continue
      }
      for (let row = 0; row < count; row++) {
        result.lastStoreTimestamp = rows.storeTimestamp(row)
        if (!ahead.visit(rows, row, mapping, segment.fromOffset)) return { ...result, isComplete: false }
        result.end = offset += rows.size(row)
      }
      if (count > 0) continue
    }
    const finding = check.at(bytes, view, position, segment.size, offset)
    const isUnreadable = couldNotRead(segment, position, finding, check)
    if (finding === 'record' && !isUnreadable) {
      result.lastStoreTimestamp = readLong(view, position + check.parts.storeTimestampAt)
      if (!options.visit(bytes, view, position)) return { ...result, isComplete: false }
      offset += check.parts.size
      result.end = offset
      continue
    }
    if (finding === 'blank') {
      const next = segments.at(index + 1)
      // Without a successor the writer goes on at the blank, as the engine does.
      if (next === undefined) return { ...result, end: offset }
      if (next.fromOffset > segment.toOffset) {
        if (!options.isDamage('missing', segment.toOffset, result.lastStoreTimestamp)) return { ...result, end: offset }
        result.damage.push(damageAt(segment.path, segment.toOffset, next.fromOffset, 'a segment is missing'))
      }
      result.storedUntil.set(segment, result.lastStoreTimestamp)
      index++
      offset = next.fromOffset
      result.end = offset
      continue
    }
    const reason = isUnreadable ? 'the disk does not provide it' : finding === 'zeros' ? 'zeros where a record was' : check.reason
    const isDamage = options.isDamage(isUnreadable ? 'bad' : finding, offset, result.lastStoreTimestamp)
    const resume = isDamage ? findNextRecord(options, index, offset + 1) : undefined
    if (resume === undefined) {
      if (isUnreadable) segment.assertIntact(position, segment.size)
      return { ...result, end: offset }
    }
    result.damage.push(damageAt(segment.path, offset, resume.offset, reason))
    if (resume.index > index) result.storedUntil.set(segment, result.lastStoreTimestamp)
    index = resume.index
    offset = resume.offset
  }
}

/**
 * True when a page could not be had that this finding may rest on. How far one looked at what is no record is not known: any
 * such page from here to the end of the segment makes it doubtful.
 */
function couldNotRead(segment: Segment, position: number, finding: Finding, check: RecordCheck): boolean {
  const to = finding === 'record' ? position + check.parts.size : segment.size
  return segment.findFault(position, to) !== undefined
}

/** The whole records that begin in [from, to), whatever lies between them; valid until the next one is asked for. */
export function* recordsBetween(
  segments: SegmentList, check: RecordCheck, from: number, to: number,
): Generator<{ bytes: Buffer; view: DataView; position: number }> {
  let next: { index: number; offset: number } | undefined = { index: segments.indexOf(from), offset: from }
  if (next.index < 0) next = findNextRecord({ segments, check }, 0, from)
  while (next !== undefined && next.offset < to) {
    const segment: Segment = segments.at(next.index)!
    const { bytes, view } = segment.mapping
    const position = next.offset - segment.fromOffset
    const finding = position < segment.size ? check.at(bytes, view, position, segment.size, next.offset) : 'blank'
    if (finding === 'record') {
      const { size } = check.parts
      yield { bytes, view, position }
      next = { index: next.index, offset: next.offset + size }
    } else if (finding === 'blank') {
      next = findNextRecord({ segments, check }, next.index + 1, segment.toOffset)
    } else {
      next = findNextRecord({ segments, check }, next.index, next.offset + 1)
    }
  }
}

function damageAt(file: string, from: number, to: number, reason: string): Damage {
  return { file, offset: from, unreadableBytes: to - from, reason, resumeOffset: to }
}

/** The next place at or behind `from` where a whole record stands that names this place as its own. */
export function findNextRecord(
  { segments, check }: Pick<LogScanOptions, 'segments' | 'check'>, index: number, from: number,
): { index: number; offset: number } | undefined {
  for (let segment = segments.at(index); segment !== undefined; segment = segments.at(++index)) {
    const { bytes, view } = segment.mapping
    const start = Math.max(0, from - segment.fromOffset)
    // A hole need not be looked through, and every page of it that is touched takes memory.
    for (const range of segment.dataRanges(start)) {
      const data = bytes.subarray(0, range.to)
      const first = Math.max(start + MAGIC_AT, range.from)
      for (let at = data.indexOf(MAGIC_PREFIX, first); at >= 0; at = data.indexOf(MAGIC_PREFIX, at + 1)) {
        const position = at - MAGIC_AT
        const offset = segment.fromOffset + position
        if (check.at(bytes, view, position, segment.size, offset) === 'record') return { index, offset }
      }
    }
  }
  return undefined
}
