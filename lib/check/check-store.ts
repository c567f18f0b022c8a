import { join } from 'node:path'
import type { CommitLog } from '../commit-log/commit-log'
import { CHECKPOINT_LENGTH } from '../format/checkpoint-layout'
import type { RecordParts } from '../format/record'
import { readLayout, type LayoutAction } from '../recovery/layout'
import { scanLog } from '../recovery/log-scan'
import { MANIFEST_NAME, readManifest } from '../recovery/manifest'
import { RecordCheck } from '../recovery/record-check'
import { settleOptions, type StoreParts } from '../open-store'
import { logPathsOf } from '../options/options'
import { findLockHolder } from '../storage/native-backend'
import { nonZeroRanges } from '../storage/zeros'
import type { Damage, OpenOptions, RecoveryProgress } from '../types'
import { DamageRanges } from './damage-ranges'
import type { Finding, FindingKind, Report } from './finding'
import { IndexComparison } from './index-check'
import { closeParts, openForCheck } from './open-for-check'
import { QueuePlaces, checkQueueEntries, type QueueCheckContext } from './queue-check'
import { QueueInventory } from './queue-inventory'
import { RecordFacts } from './record-at'

/** So many zeros in a row are no text. */
const LOST = Buffer.alloc(8)

export interface CheckEvents {
  /** Each finding, soon after it was found. */
  onFinding(finding: Finding): Promise<void>
  onProgress(progress: RecoveryProgress): void
}

export interface CheckSummary {
  findings: number
  minPhyOffset: number
  maxPhyOffset: number
  segments: number
  records: number
  queues: number
  queueEntries: number
  indexFiles: number
  indexEntries: number
  /** The process that has the store open. */
  holder: string | undefined
}

/**
 * Reads everything in the directory and says what is wrong with it; changes nothing. The end of the log is
 * where an open would put it.
 */
export async function checkStore(directory: string, open: OpenOptions, events: CheckEvents): Promise<CheckSummary> {
  const waiting: Finding[] = []
  const lockedBy = findLockHolder(join(directory, 'lock'))
  // A repair holds the lock itself while it looks.
  const holder = lockedBy === process.pid ? undefined : lockedBy
  const summary: CheckSummary = {
    findings: 0, minPhyOffset: 0, maxPhyOffset: 0, segments: 0, records: 0, queues: 0, queueEntries: 0, indexFiles: 0, indexEntries: 0,
    holder: holder === undefined ? undefined : `process ${holder}`,
  }
  const report: Report = (finding) => {
    summary.findings++
    waiting.push(finding)
  }
  const handOver = async (): Promise<void> => {
    for (const finding of waiting.splice(0)) await events.onFinding(finding)
  }
  const pause = async (progress: RecoveryProgress): Promise<void> => {
    events.onProgress(progress)
    await handOver()
    await new Promise((resume) => setImmediate(resume))
  }
  const parts = await openForCheck(directory, open, report)
  if (parts !== undefined) {
    try {
      await checkParts({ parts, keepsIndex: keepsIndex(open), isLive: holder !== undefined, report, pause }, summary)
    } finally {
      await closeParts(parts)
    }
  }
  await handOver()
  return summary
}

interface PartsContext {
  parts: StoreParts
  keepsIndex: boolean
  isLive: boolean
  report: Report
  pause(progress: RecoveryProgress): Promise<void>
}

async function checkParts(context: PartsContext, summary: CheckSummary): Promise<void> {
  const { parts, isLive, report } = context
  const { log, options, directory, backend: { files } } = parts
  summary.minPhyOffset = log.minOffset
  summary.maxPhyOffset = log.maxOffset
  summary.segments = log.segments.length
  checkLayout(context)
  checkCheckpoint(context)
  checkManifest(context)
  const inventory = new QueueInventory(files, join(directory, 'consumequeue'), options.mappedFileSizeConsumeQueue)
  const indexDirectory = join(directory, 'index')
  const index = !context.keepsIndex ? undefined : new IndexComparison({
    files, log, directory: indexDirectory, isLive, report,
    geometry: { slots: options.maxHashSlotNum, entries: options.maxIndexNum },
    // Without its directory, an open makes the index from all of the log.
    openDispatchesFrom: files.list(indexDirectory) === undefined ? 0 : parts.recovery.dispatchedFrom,
  })
  try {
    inventory.load(report)
    const queues: QueueCheckContext = {
      log, inventory, queues: parts.queues, isLive, report, delayLevels: parts.delayLevels, openDispatchesFrom: parts.recovery.dispatchedFrom,
    }
    const places = new QueuePlaces(queues)
    const damage = new DamageRanges(await readLog(context, (record) => {
      summary.records++
      places.look(record)
      index?.look(record)
    }))
    if (!isLive) checkBehindEnd(context)
    const { entries, disagreeing } = await checkQueueEntries(queues, damage, (done) => context.pause({ phase: 'queues', done, total: 0, unit: 'entries' }))
    places.finish(disagreeing)
    index?.finish(damage, disagreeing)
    summary.queueEntries = entries
    summary.queues = [...inventory].length
    summary.indexFiles = index?.fileCount ?? 0
    summary.indexEntries = index?.entryCount ?? 0
  } finally {
    inventory.close()
    index?.close()
  }
}

/** Calls back with every whole record, and reports what lies between them. */
async function readLog({ parts, report, pause }: PartsContext, visit: (record: RecordFacts) => void): Promise<Damage[]> {
  const { log, backend, options } = parts
  const end = log.maxOffset
  if (log.segments.length === 0) return []
  const { forceVerifyPropCRC } = options
  const check = new RecordCheck({ checkCRC: true, forceVerifyPropCRC, crc32: backend.crc32.bind(backend) })
  const torn: Damage[] = []
  const { damage } = await scanLog({
    segments: log.segments,
    check,
    isDamage: (_finding, offset) => offset < end,
    pause: (done) => pause({ phase: 'log', done, total: end - log.minOffset, unit: 'bytes' }),
    visit: (bytes, view, position) => {
      const record = new RecordFacts(bytes, view, position, check.parts)
      if (record.offset >= end) return false
      if (hasLostProperties(bytes, position, check.parts)) torn.push(tornRecord(log, record))
      else visit(record)
      return true
    },
  }, 0)
  const within = [...damage, ...torn].filter(({ offset }) => offset < end).sort((left, right) => left.offset - right.offset)
  for (const { file, offset, resumeOffset, reason } of within) {
    report({ kind: 'log-damage', file, offset, what: reason, bytes: Math.min(resumeOffset, end) - offset })
  }
  return within
}

/** No checksum covers the properties: a sector of them that never reached the disk shows by its zeros. */
function hasLostProperties(bytes: Buffer, position: number, { propertiesAt, propertiesLength }: RecordParts): boolean {
  const from = position + propertiesAt
  const zerosAt = bytes.indexOf(LOST, from)
  return zerosAt >= 0 && zerosAt + LOST.length <= from + propertiesLength
}

function tornRecord(log: CommitLog, { offset, size }: RecordFacts): Damage {
  const file = log.segments.find(offset)!.path
  return { file, offset, unreadableBytes: size, reason: 'zeros in the properties of a message', resumeOffset: offset + size }
}

const layoutFindings: Partial<Record<LayoutAction, { kind: FindingKind; what: string }>> = {
  ignored: { kind: 'foreign-file', what: 'no segment of the log' },
  removed: { kind: 'segment-empty', what: 'an empty file' },
  completed: { kind: 'segment-short', what: 'a segment whose end is missing' },
}

function checkLayout({ parts: { backend: { files }, options }, isLive, report }: PartsContext): void {
  for (const { path, action, size } of readLayout(files, logPathsOf(options).all).entries) {
    const finding = layoutFindings[action]
    // A directory does no harm, and may be a mount point's own; a segment that is being made is of any size.
    const isFine = files.status(path)?.isDirectory !== false || (isLive && action !== 'ignored')
    if (finding !== undefined && !isFine) report({ ...finding, file: path, offset: 0, bytes: size })
  }
}

function checkCheckpoint({ parts: { backend: { files }, directory }, report }: PartsContext): void {
  const file = join(directory, 'checkpoint')
  const size = files.status(file)?.size ?? CHECKPOINT_LENGTH
  if (size >= CHECKPOINT_LENGTH) return
  report({ kind: 'checkpoint-short', file, offset: size, what: `the checkpoint has ${size} of ${CHECKPOINT_LENGTH} bytes`, bytes: CHECKPOINT_LENGTH - size })
}

function checkManifest({ parts: { backend, directory }, report }: PartsContext): void {
  const file = join(directory, MANIFEST_NAME)
  if (!readManifest(backend, file).isDamaged) return
  const bytes = backend.files.status(file)?.size ?? 0
  report({ kind: 'manifest-damaged', file, offset: 0, what: 'the list of queues and index files is not as it was written', bytes })
}

/** What could come back as messages after the next crash. */
function checkBehindEnd({ parts: { backend: { files }, options, log }, report }: PartsContext): void {
  const end = log.maxOffset
  for (const { path, action, fromOffset, size } of readLayout(files, logPathsOf(options).all).entries) {
    if ((action !== 'segment' && action !== 'completed') || fromOffset + size <= end) continue
    const descriptor = files.open(path, 'read')
    let from = Infinity
    let to = 0
    for (const range of nonZeroRanges(files, descriptor, Math.max(0, end - fromOffset), size)) {
      from = Math.min(from, range.from)
      to = range.to
    }
    files.close(descriptor)
    if (to > 0) report({ kind: 'stale-bytes', file: path, offset: fromOffset + from, what: 'bytes behind the end of the log', bytes: to - from })
  }
}

/** What the options say; the open for the check leaves the index alone. */
function keepsIndex(open: OpenOptions): boolean {
  return settleOptions(open).options.messageIndexEnable
}
