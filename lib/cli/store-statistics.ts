import { join } from 'node:path'
import { IndexOnDisk } from '../check/index-on-disk'
import { indexFileSize } from '../format/index-layout'
import { isIndexFileName } from '../format/file-name'
import { usedRatio } from '../guard/disk-level'
import { placesOf, type Place } from '../guard/places'
import type { StoreParts } from '../open-store'
import { logPathsOf } from '../options/options'
import type { Damage, RecoveryProgress } from '../types'
import { usageOfStore, type FileUsage } from './file-usage'
import { Tally, readLogStatistics, type Selection } from './log-statistics'
import type { Machine } from './machine'
import type { TimeSpan } from './time-histogram'

const SECOND = 1000

/** A tally with its rates, which are over the time from the oldest to the newest message of all; null where that is none. */
interface Counts {
  messages: number
  bytes: number
  oldest: number | null
  newest: number | null
  messagesPerSecond: number | null
  bytesPerSecond: number | null
}

export interface QueueStatistics extends Counts {
  queueId: number
  /** null for what is in no queue, or in one that is gone. */
  minOffset: number | null
  maxOffset: number | null
}

export interface TopicStatistics extends Counts {
  topic: string
  queues: QueueStatistics[]
}

export interface VolumeStatistics {
  path: string
  totalBytes: number
  freeBytes: number
  /** 0 to 1. */
  usedRatio: number
  /** Segments are made there. */
  takesSegments: boolean
}

/** What `mqstore stats` tells; sizes in bytes, times in milliseconds since 1970. */
export interface StoreStatistics extends Counts {
  directory: string
  now: number
  unqueued: number
  log: { segments: number; segmentSize: number; minPhyOffset: number; maxPhyOffset: number; lastSegmentUsedRatio: number | null }
  index: { files: number; lastFileUsedRatio: number | null }
  files: FileUsage[]
  volumes: VolumeStatistics[]
  times: { width: number; spans: TimeSpan[] }
  topics: TopicStatistics[]
  /** What of the log could not be read, and is not counted. */
  damage: Damage[]
}

export async function readStatistics(
  parts: StoreParts, machine: Machine, selection: Selection, onProgress: (progress: RecoveryProgress) => void,
): Promise<StoreStatistics> {
  const { log, options, directory } = parts
  const { total, unqueued, times, topics, damage } = await readLogStatistics(parts, selection, onProgress)
  const seconds = (total.newest - total.oldest) / SECOND
  const last = log.segments.last
  return {
    directory,
    now: machine.clock.now(),
    ...countsOf(total, seconds),
    unqueued,
    log: {
      segments: log.segments.length,
      segmentSize: log.segmentSize,
      minPhyOffset: log.minOffset,
      maxPhyOffset: log.maxOffset,
      lastSegmentUsedRatio: last === undefined ? null : Math.max(0, log.maxOffset - last.fromOffset) / last.size,
    },
    index: indexStatistics(parts),
    files: usageOfStore(directory, logPathsOf(options).all),
    volumes: volumesOf(placesOf(options), machine),
    times: { width: times.width, spans: times.spans },
    topics: topicStatistics(parts, topics, seconds, selection.topic),
    damage,
  }
}

function countsOf({ messages, bytes, oldest, newest }: Tally, seconds: number): Counts {
  const perSecond = (count: number): number | null => (seconds > 0 ? Number((count / seconds).toPrecision(6)) : null)
  return {
    messages,
    bytes,
    oldest: messages === 0 ? null : oldest,
    newest: messages === 0 ? null : newest,
    messagesPerSecond: perSecond(messages),
    bytesPerSecond: perSecond(bytes),
  }
}

/** Every queue that has files or messages, in the order of the other verbs: UTF-16 texts. */
function topicStatistics(
  { queues, log }: StoreParts, counted: ReadonlyMap<string, ReadonlyMap<number, Tally>>, seconds: number, only: string | undefined,
): TopicStatistics[] {
  const ids = new Map<string, Set<number>>()
  const note = (topic: string, queueId: number): void => {
    if (only !== undefined && only !== topic) return
    const known = ids.get(topic) ?? new Set()
    ids.set(topic, known.add(queueId))
  }
  for (const { topic, queueId } of queues) note(topic, queueId)
  for (const [topic, tallies] of counted) for (const queueId of tallies.keys()) note(topic, queueId)
  return [...ids.keys()].sort().map((topic) => {
    const total = new Tally()
    const sorted = [...ids.get(topic)!].map(String).sort().map(Number)
    const ofQueues = sorted.map((queueId): QueueStatistics => {
      const tally = counted.get(topic)?.get(queueId) ?? new Tally()
      const queue = queues.find(topic, queueId)
      total.include(tally)
      return { queueId, minOffset: queue?.minOffset(log.minOffset) ?? null, maxOffset: queue?.maxOffset ?? null, ...countsOf(tally, seconds) }
    })
    return { topic, ...countsOf(total, seconds), queues: ofQueues }
  })
}

function indexStatistics({ backend: { files }, directory, options: { maxHashSlotNum: slots, maxIndexNum: entries } }: StoreParts): StoreStatistics['index'] {
  const names = (files.list(join(directory, 'index')) ?? []).filter(isIndexFileName)
  const last = names.at(-1)
  const path = last === undefined ? undefined : join(directory, 'index', last)
  // How many entries a file has room for, only the options tell.
  if (path === undefined || files.status(path)?.size !== indexFileSize(slots, entries)) return { files: names.length, lastFileUsedRatio: null }
  const file = new IndexOnDisk(files, path, { slots, entries })
  file.close()
  return { files: names.length, lastFileUsedRatio: file.indexCount / entries }
}

/** One for each volume that a directory of the store is on. */
function volumesOf(places: readonly Place[], { disk }: Machine): VolumeStatistics[] {
  const volumes = new Map<number, VolumeStatistics>()
  for (const { path, takesSegments } of places) {
    const usage = disk.usage(path)
    if (usage === undefined) continue
    const { device, totalBytes, freeBytes } = usage
    const known = volumes.get(device) ?? { path, totalBytes, freeBytes, usedRatio: usedRatio(usage), takesSegments: false }
    volumes.set(device, { ...known, takesSegments: known.takesSegments || takesSegments })
  }
  return [...volumes.values()]
}
