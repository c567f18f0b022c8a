import { readLong } from '../format/long'
import { Position, isQueued } from '../format/record'
import type { StoreParts } from '../open-store'
import { scanLog } from '../recovery/log-scan'
import { RecordCheck } from '../recovery/record-check'
import type { Damage, RecoveryProgress } from '../types'
import { TimeHistogram } from './time-histogram'

/** Messages, their bytes in the log, and the store times between which they lie. */
export class Tally {
  messages = 0
  bytes = 0
  /** Milliseconds; Infinity and -Infinity where there is none. */
  oldest = Infinity
  newest = -Infinity

  add(size: number, storeTimestamp: number): void {
    this.messages++
    this.bytes += size
    if (storeTimestamp < this.oldest) this.oldest = storeTimestamp
    if (storeTimestamp > this.newest) this.newest = storeTimestamp
  }

  /** The tally of both. */
  include({ messages, bytes, oldest, newest }: Tally): void {
    this.messages += messages
    this.bytes += bytes
    this.oldest = Math.min(this.oldest, oldest)
    this.newest = Math.max(this.newest, newest)
  }
}

export interface LogStatistics {
  total: Tally
  /** Of `total`, those that are in no queue: prepared and rolled back messages. */
  unqueued: number
  times: TimeHistogram
  /** By topic and queue id. */
  topics: Map<string, Map<number, Tally>>
  damage: Damage[]
}

/** What is counted. */
export interface Selection {
  /** Store times, both included, in milliseconds. */
  begin: number
  end: number
  /** Only this one, or all. */
  topic: string | undefined
}

/** Reads the log and counts what is selected. Bodies are not checked. */
export async function readLogStatistics(
  { log, backend, options }: StoreParts, selection: Selection, onProgress: (progress: RecoveryProgress) => void,
): Promise<LogStatistics> {
  const statistics: LogStatistics = { total: new Tally(), unqueued: 0, times: new TimeHistogram(), topics: new Map(), damage: [] }
  if (log.segments.length === 0) return statistics
  const { forceVerifyPropCRC } = options
  const check = new RecordCheck({ checkCRC: false, forceVerifyPropCRC, crc32: backend.crc32.bind(backend) })
  const first = firstSegmentWithin(log.segments, check, selection.begin)
  const end = log.maxOffset
  const total = end - log.segments.at(first)!.fromOffset
  const { damage } = await scanLog({
    segments: log.segments,
    check,
    isDamage: (_finding, offset) => offset < end,
    async pause(done) {
      onProgress({ phase: 'log', done, total, unit: 'bytes' })
      await new Promise((resume) => setImmediate(resume))
    },
    visit(bytes, view, position) {
      if (readLong(view, position + Position.physicalOffset) >= end) return false
      const storeTimestamp = readLong(view, position + check.parts.storeTimestampAt)
      const { topicAt, topicLength, size } = check.parts
      const topic = bytes.utf8Slice(position + topicAt, position + topicAt + topicLength)
      const isSelected = storeTimestamp >= selection.begin && storeTimestamp <= selection.end && topic === (selection.topic ?? topic)
      if (isSelected) count(statistics, { topic, queueId: view.getInt32(position + Position.queueId), size, storeTimestamp })
      if (isSelected && !isQueued(view.getInt32(position + Position.sysFlag))) statistics.unqueued++
      return true
    },
  }, first)
  statistics.damage = damage.filter(({ offset }) => offset < end)
  for (const queues of statistics.topics.values()) for (const tally of queues.values()) statistics.total.include(tally)
  return statistics
}

interface Counted {
  topic: string
  queueId: number
  size: number
  storeTimestamp: number
}

function count({ times, topics }: LogStatistics, { topic, queueId, size, storeTimestamp }: Counted): void {
  let queues = topics.get(topic)
  if (queues === undefined) topics.set(topic, (queues = new Map()))
  let tally = queues.get(queueId)
  if (tally === undefined) queues.set(queueId, (tally = new Tally()))
  tally.add(size, storeTimestamp)
  times.add(storeTimestamp, size)
}

/** The first whose successor begins behind `begin`: those before it hold older messages only. */
function firstSegmentWithin(segments: StoreParts['log']['segments'], check: RecordCheck, begin: number): number {
  for (let index = 0; index < segments.length - 1; index++) {
    const { mapping: { bytes, view }, size, fromOffset } = segments.at(index + 1)!
    const isRecord = check.at(bytes, view, 0, size, fromOffset) === 'record'
    if (!isRecord || readLong(view, check.parts.storeTimestampAt) > begin) return index
  }
  return segments.length - 1
}
