import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import { RecordFinder } from '../dispatch/found-record'
import type { RecordDispatch } from '../dispatch/record-dispatch'
import { StoreError } from '../errors'
import { minTimestamp } from '../format/checkpoint-layout'
import { readLong } from '../format/long'
import { isPrefill } from '../format/queue-entry'
import { RECORD_LENGTH_MIN } from '../format/record'
import type { Checkpoint } from '../flush/checkpoint'
import type { IndexFiles } from '../index-file/index-files'
import { allEnded } from '../storage/all-ended'
import type { Backend } from '../storage/ports'
import type { Segment } from '../storage/segment'
import { nonZeroRanges, writeZeros } from '../storage/zeros'
import type { RecoveryProgress, RecoveryReport } from '../types'
import { scanLog, type LogScanOptions, type LogScanResult } from './log-scan'
import { MANIFEST_NAME, type Manifest } from './manifest'
import { leadsToItsMessage } from './queue-place'
import { RecordCheck } from './record-check'
import { chooseCase, type RecoveryCase } from './recovery-cases'
import { WriteBehind } from './write-behind'

export interface RecoveryContext {
  backend: Backend
  log: CommitLog
  queues: ConsumeQueues
  index: IndexFiles | undefined
  checkpoint: Checkpoint
  dispatch: RecordDispatch
  readOnly: boolean
  isClean: boolean
  /** The index directory is there, and no file of the last close is missing from it. */
  hasIndex: boolean
  /** No queue has lost a file, or is gone. */
  queuesAreWhole: boolean
  /** The queues of the last close. */
  closedQueues: Manifest['queues']
  checkCRC: boolean
  forceVerifyPropCRC: boolean
  messageIndexSafe: boolean
  /** What is cut comes again, from the master; what is stepped over does not. */
  isSlave: boolean
  /** Yields to the event loop, reports, and throws when the open is to end. */
  pause(progress: RecoveryProgress): Promise<void>
}

/** Brings log, queues and index to one state, in which every whole message of the log has its place. */
export async function recover(context: RecoveryContext): Promise<Omit<RecoveryReport, 'files' | 'milliseconds'>> {
  const { log, queues } = context
  // Also what a wrong end of a queue says: the log behind it was on disk, whoever is hit there.
  const closedTo = context.isClean ? queues.dispatchedTo : 0
  const endsAreRight = !context.isClean || !(await cutWrongEnds(context))
  const row = chooseCase({
    hasLog: log.segments.length > 0,
    // A queue that was deleted says that there was a log, and after a close how far the others are: they were written with it.
    hasQueues: (context.isClean || log.segments.length === 0 ? queues.dispatchedTo : queues.logEnd) >= 0,
    isClean: context.isClean,
    hasIndex: context.index === undefined || context.hasIndex,
    queuesAreWhole: context.queuesAreWhole && endsAreRight,
  })
  const report = { label: row.label, story: row.story, scannedFrom: 0, dispatchedFrom: 0, logEnd: 0, zeroedBytes: 0, damage: [] }
  if (row.scan === 'refuse') throw logMissing(queues)
  if (row.scan === 'nothing') {
    await context.index?.cutFrom(0, true, () => pauseForIndex(context))
    return report
  }
  // What is left of an index that has lost a file is made again with the rest.
  if (!context.hasIndex) await context.index?.cutFrom(0, false, () => pauseForIndex(context))
  const planned = findScanStart(context, row)
  const cut = new Map<ConsumeQueue, number>()
  const scannedFrom = context.isClean ? planned : await forgetFrom(context, planned, cut)
  const { result, restartedFrom } = await scanAndDispatch(context, scannedFrom, cut, closedTo)
  const from = log.segments.at(restartedFrom)!.fromOffset
  log.setEnd(result.end)
  log.lastStoreTimestamp = result.lastStoreTimestamp
  const zeroed = await cutLog(context, result.end)
  if (!context.readOnly) await flushLog(context, from, zeroed.to)
  if (!context.readOnly && !context.isClean) restoreTimes(context, result.storedUntil, restartedFrom)
  await cutDerived(context, result.end, context.isClean && row.scan !== 'log-start')
  if (context.isClean) keepPlaces(context)
  if (!context.readOnly) await makeDerivedDurable(context)
  return { ...report, scannedFrom: from, dispatchedFrom: from, logEnd: result.end, zeroedBytes: zeroed.bytes, damage: result.damage }
}

/** Index of the segment in which the scan begins. */
function findScanStart(context: RecoveryContext, row: RecoveryCase): number {
  const { log: { segments }, queues } = context
  if (row.scan === 'log-start') return 0
  // Whatever the checkpoint says: what lies behind the last entry of all queues has none.
  const queuesEnd = segments.indexOf(row.scan === 'queues-end' ? queues.dispatchedTo : queues.logEnd)
  const newest = queuesEnd < 0 ? segments.length - 1 : queuesEnd
  return row.scan === 'queues-end' ? newest : findVouched(context, 0, newest)
}

/** Index of the newest segment behind `from` and up to `to` before which the checkpoint vouches for all; `from` where there is none. */
function findVouched(context: RecoveryContext, from: number, to: number): number {
  const { log, checkpoint, index, messageIndexSafe } = context
  const upTo = minTimestamp(checkpoint.fields)
  const safeUpTo = index !== undefined && messageIndexSafe ? Math.min(upTo, checkpoint.fields.indexMsgTimestamp) : upTo
  if (safeUpTo === 0) return from
  const check = makeCheck(context)
  for (let at = to; at > from; at--) {
    const timestamp = firstStoreTimestamp(log.segments.at(at)!, check)
    if (timestamp > 0 && timestamp <= safeUpTo) return at
  }
  return from
}

/** 0 where the segment does not begin with a whole record: the time of a torn one may be any. */
function firstStoreTimestamp(segment: Segment, check: RecordCheck): number {
  const { bytes, view } = segment.mapping
  return check.at(bytes, view, 0, segment.size, segment.fromOffset) === 'record' ? readLong(view, check.parts.storeTimestampAt) : 0
}

/**
 * After a crash nothing that points behind the start of the scan is trusted.
 * @param cut takes the queues that have lost entries, and from where on
 * @returns where to begin now: damage to the index may call for more
 */
async function forgetFrom(context: RecoveryContext, scanStart: number, cut: Map<ConsumeQueue, number>): Promise<number> {
  const { log, queues, index } = context
  const from = log.segments.at(scanStart)!.fromOffset
  for (const queue of queues) {
    const first = queue.firstAtOrBehind(from)
    if (first < queue.maxOffset) cut.set(queue, first)
    await truncate(queue, first)
  }
  const indexFrom = index === undefined ? from : await index.cutFrom(from, context.hasIndex, () => pauseForIndex(context))
  if (await cutWrongEnds(context)) return 0
  return indexFrom < from ? Math.max(0, log.segments.indexOf(indexFrom)) : scanStart
}

/** Drops the entries from `index` on, for others to take their places. */
async function truncate(queue: ConsumeQueue, index: number): Promise<void> {
  if (index >= queue.maxOffset) return
  await queue.files.makeOwn(index)
  queue.truncate(index)
}

/**
 * Takes off the last entries of queues that do not lead to a message that says it is this one: where a queue ends decides
 * where the next message goes. Of a queue without its first file all is taken off.
 * @returns whether there were any
 */
async function cutWrongEnds({ log, queues, backend, forceVerifyPropCRC }: RecoveryContext): Promise<boolean> {
  if (log.segments.length === 0) return false
  const check = new RecordCheck({ checkCRC: false, forceVerifyPropCRC, crc32: backend.crc32.bind(backend) })
  let someWere = false
  log.setEnd(log.segments.last!.toOffset)
  for (const queue of queues) {
    // A log that has its first message has the first of each queue.
    const hasBeginning = log.minOffset > 0 || (queue.files.starts[0] ?? 0) === 0
    let end = hasBeginning ? queue.maxOffset : 0
    while (end > 0 && !isRightEnd(log, check, queue, end - 1)) end--
    someWere ||= end < queue.maxOffset
    await truncate(queue, end)
  }
  return someWere
}

function isRightEnd(log: CommitLog, check: RecordCheck, queue: ConsumeQueue, index: number): boolean {
  const { offset, size } = queue.entryAt(index)
  // The place of a lost message, or of one that is no longer in the log, leads nowhere.
  const leadsNowhere = isPrefill(offset, size) || (offset >= 0 && offset < log.minOffset)
  if (leadsNowhere) return true
  try {
    return leadsToItsMessage(log, check, queue, index, offset, size)
  } catch {
    // What the disk does not give today is not to be cut off.
    return true
  }
}

/** A queue had so many messages when it was closed: whoever of them cannot be found keeps its place. */
function keepPlaces({ closedQueues, queues, log }: RecoveryContext): void {
  for (const { topic, queueId, maxOffset } of closedQueues) {
    const queue = queues.find(topic, queueId)
    if (queue === undefined || maxOffset <= queue.maxOffset) continue
    const fits = (maxOffset - queue.maxOffset) * RECORD_LENGTH_MIN <= log.maxOffset - queue.logEnd
    if (fits) queue.skipTo(maxOffset)
  }
}

function makeCheck({ checkCRC, forceVerifyPropCRC, backend }: RecoveryContext): RecordCheck {
  return new RecordCheck({ checkCRC, forceVerifyPropCRC, crc32: backend.crc32.bind(backend) })
}

/**
 * @param cut the queues that have lost entries, and from where on
 * @param closedTo how far the queues were when they were closed, 0 after a crash
 */
async function scanAndDispatch(
  context: RecoveryContext, scanStart: number, cut: ReadonlyMap<ConsumeQueue, number>, closedTo: number,
): Promise<{ result: LogScanResult; restartedFrom: number }> {
  const { log, dispatch, queues, index, backend, checkCRC, forceVerifyPropCRC } = context
  const check = makeCheck(context)
  // A scan ahead knows no CRC but that of the body.
  const scan = forceVerifyPropCRC ? undefined : backend.recordScan?.(checkCRC)
  const finder = new RecordFinder(queues)
  const total = log.segments.last!.toOffset - log.segments.at(scanStart)!.fromOffset
  const ends = new Map([...queues].map((queue) => [queue, queue.maxOffset]))
  await prepareWriting(context, scanStart)
  const isFromDisk = !context.isClean && !context.readOnly
  if (isFromDisk) dropCaches(context, scanStart)
  const writeBehind = new WriteBehind(queues, index)
  for (;;) {
    const mayBegin = scanStart === 0
    const result = await scanLog({
      segments: log.segments,
      check,
      isDamage: damageTest(context, closedTo),
      givesBack: isFromDisk,
      pause: (done) => {
        writeBehind.advance()
        return context.pause({ phase: 'log', done, total, unit: 'bytes' })
      },
      visit: (bytes, view, position) => dispatch.found(finder.inBytes(bytes, view, position, check.parts), mayBegin),
      ahead: scan && {
        scan,
        visitAll: (rows, mapping) => dispatch.foundAll(rows.runs, (run) => finder.placeOf(rows, rows.runs.row(run), mapping)),
        visit: (rows, row, mapping, logOffset) => dispatch.found(finder.inRows(rows, row, mapping, logOffset), mayBegin),
      },
    }, scanStart).finally(() => writeBehind.settle())
    // A queue lacks messages from before the scan: look at all of the log.
    const restart = result.isComplete ? findUnfilled(log, scanStart, cut) : 0
    if (restart === scanStart) return { result, restartedFrom: scanStart }
    // Whoever has a wrong number would lose a second place.
    for (const queue of queues) await truncate(queue, ends.get(queue) ?? 0)
    scanStart = restart
    await prepareWriting(context, scanStart)
  }
}

/**
 * Entries go to the files of queues while the log is read. Before that it is seen to that the log is found, whatever queues say
 * of it; that a crash meanwhile leads the next open here again, although what has been written may hide why; and that no backup
 * has the same files.
 */
async function prepareWriting(context: RecoveryContext, scanStart: number): Promise<void> {
  const { log: { segments }, queues, checkpoint, readOnly } = context
  if (readOnly) return
  // The checkpoint vouches for the segments before.
  for (let at = 0; at < scanStart; at++) segments.at(at)!.entryIsDurable = true
  await segments.first!.makeEntryDurable()
  if (findVouched(context, scanStart, segments.length - 1) > scanStart) {
    checkpoint.fields.logicsMsgTimestamp = 0
    await checkpoint.write()
  }
  for (const queue of queues) await queue.files.makeOwn(queue.maxOffset)
}

/**
 * A queue that was cut and got nothing back: its entries were of messages that the end of the log has lost, or they were wrong,
 * and its messages lie before the scan.
 * @returns index of the segment from which on all of them have to be
 */
function findUnfilled(log: CommitLog, scanStart: number, cut: ReadonlyMap<ConsumeQueue, number>): number {
  let start = scanStart
  for (const [queue, from] of cut) {
    if (queue.maxOffset === from) start = Math.min(start, Math.max(0, log.segments.indexOf(queue.logEnd)))
  }
  return start
}

/**
 * Tells damage, which is stepped over, from a torn tail, which is cut: by what the checkpoint and an orderly close
 * vouch for. Where nothing does, the checkpoint being lost, whole messages are kept rather than cut, but on a slave.
 */
function damageTest(context: RecoveryContext, closedTo: number): LogScanOptions['isDamage'] {
  const { checkpoint, isClean, isSlave, log } = context
  const { confirmPhyOffset, physicMsgTimestamp } = checkpoint.fields
  const flushedUpTo = Math.max(confirmPhyOffset, closedTo)
  return (finding, offset, lastStoreTimestamp) => {
    if (offset < flushedUpTo || (finding === 'missing' && !isSlave)) return true
    if (isClean) return finding === 'bad'
    if (confirmPhyOffset !== 0) return false
    // 4.9 keeps no offset, but a time. Of two messages of the same time one may have been flushed and the other not; what one
    // recovery has stepped over the next one must step over too, since messages have been acknowledged behind it.
    // A time from before the first message is damage itself, and none.
    const hasTime = physicMsgTimestamp >= Math.max(1, firstStoreTimestamp(log.segments.first!, makeCheck(context)))
    // A slave tells nobody of what lies behind damage before a later message has been flushed.
    if (isSlave) return hasTime && lastStoreTimestamp < physicMsgTimestamp
    return !hasTime || lastStoreTimestamp <= physicMsgTimestamp
  }
}

/** What the kernel remembers of a page that the disk refused is not what is on the disk. */
function dropCaches({ log }: RecoveryContext, scanStart: number): void {
  for (let at = scanStart; at < log.segments.length; at++) log.segments.at(at)!.dropCache()
}

/** Removes what lies behind the end: stale bytes must not come back as messages after the next crash. */
async function cutLog({ log, backend, readOnly }: RecoveryContext, end: number): Promise<{ bytes: number; to: number }> {
  while (log.segments.last !== undefined && log.segments.last.fromOffset > end) {
    const segment = log.segments.pop()!
    segment.close()
    if (!readOnly) backend.files.remove(segment.path)
  }
  const last = log.segments.last!
  if (!readOnly) await last.makeOwn()
  let bytes = 0
  let to = end
  for (const range of nonZeroRanges(backend.files, last.descriptor, end - last.fromOffset, last.size)) {
    bytes += range.to - range.from
    to = last.fromOffset + range.to
    if (!readOnly) writeZeros(backend.files, last.descriptor, range.from, range.to)
  }
  return { bytes, to }
}

/**
 * Of files that were full when the crash came nobody knows whether their times are those of their last messages, which decide on
 * when they are deleted. That of the one before the scan may be from before it was written to, where the power was lost.
 */
function restoreTimes(context: RecoveryContext, storedUntil: ReadonlyMap<Segment, number>, scannedFrom: number): void {
  const { segments } = context.log
  const before = segments.at(scannedFrom - 1)
  const check = makeCheck(context)
  try {
    for (const [segment, timestamp] of storedUntil) if (timestamp > 0) segment.modifiedTime = timestamp
    if (before === undefined || before.modifiedTime >= firstStoreTimestamp(before, check)) return
    const next = firstStoreTimestamp(segments.at(scannedFrom)!, check)
    if (next > 0) before.modifiedTime = next
  } catch {
    // Not our files: they go by the times that they have.
  }
}

/** @param endsAreKnown queues end in their files where they end here, unless they are cut now */
async function cutDerived(context: RecoveryContext, end: number, endsAreKnown: boolean): Promise<void> {
  const { queues, index, readOnly } = context
  for (const queue of queues) {
    const isAhead = queue.logEnd > end
    if (isAhead) await truncate(queue, queue.firstAtOrBehind(end))
    if (!readOnly && (isAhead || !endsAreKnown || queue.isBegunAnew)) queue.finishTruncation()
  }
  if (index !== undefined && index.coveredOffset >= end) await index.cutFrom(end, true, () => pauseForIndex(context))
}

function pauseForIndex({ pause }: RecoveryContext): Promise<void> {
  return pause({ phase: 'index', done: 0, total: 0, unit: 'entries' })
}

/** Before the first acknowledgement all that was kept is on the disk; and before anything that points into it is. */
async function flushLog({ log, isClean }: RecoveryContext, from: number, to: number): Promise<void> {
  if (!isClean || !log.isOnDisk || to > log.maxOffset) await log.flush(from, Math.max(to, log.maxOffset))
}

async function makeDerivedDurable({ log, queues, index, checkpoint }: RecoveryContext): Promise<void> {
  await allEnded([queues.sync(), ...(index === undefined ? [] : [index.sync()])])
  const { fields } = checkpoint
  fields.physicMsgTimestamp = Math.max(fields.physicMsgTimestamp, log.lastStoreTimestamp)
  fields.logicsMsgTimestamp = Math.max(fields.logicsMsgTimestamp, log.lastStoreTimestamp)
  fields.confirmPhyOffset = log.maxOffset
  await checkpoint.write()
}

function logMissing(queues: ConsumeQueues): StoreError {
  return new StoreError(
    'ERR_LOG_MISSING',
    `there is no commit log, but queues under ${queues.directory} point, or pointed, into one up to offset ${queues.dispatchedTo}. ` +
      `Mount or restore the commit log; or remove the queues, and ${MANIFEST_NAME} above them, if the messages are to be given up`,
    { file: queues.directory },
  )
}
