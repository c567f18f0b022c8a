import type { DiskMeter } from '../storage/ports'
import type { UsedPercents } from './deletion-policy'

export interface MeasuredPlaces {
  /** Where segments are made. */
  logs: readonly string[]
  queues: string
  /** Blocks that are the log's already, and still to be written: they count as free, as RocketMQ's do, which it takes as it writes. */
  reserved: readonly { path: string; bytes: number }[]
}

/** Measures as RocketMQ does: of several volumes that take segments the one with the most room decides. */
export function usedPercents(disk: DiskMeter, { logs, queues, reserved }: MeasuredPlaces): UsedPercents {
  return { log: Math.min(...logs.map((path) => usedPercent(disk, path, reserved))), queues: usedPercent(disk, queues, reserved) }
}

function usedPercent(disk: DiskMeter, path: string, reserved: MeasuredPlaces['reserved']): number {
  try {
    const usage = disk.usage(path)
    if (usage === undefined || usage.totalBytes === 0) return -1
    const { totalBytes, freeBytes, device } = usage
    const unwritten = reserved.filter(({ path }) => disk.usage(path)?.device === device).reduce((sum, { bytes }) => sum + bytes, 0)
    return Math.ceil((Math.max(0, totalBytes - freeBytes - unwritten) * 100) / totalBytes)
  } catch {
    return -1
  }
}
