import type { DiskMeter } from '../storage/ports'
import type { UsedPercents } from './deletion-policy'

/** Measures as RocketMQ does: of several volumes that take segments the one with the most room decides. */
export function usedPercents(disk: DiskMeter, paths: { logs: readonly string[]; queues: string }): UsedPercents {
  return { log: Math.min(...paths.logs.map((path) => usedPercent(disk, path))), queues: usedPercent(disk, paths.queues) }
}

function usedPercent(disk: DiskMeter, path: string): number {
  try {
    const { totalBytes, freeBytes } = disk.usage(path) ?? { totalBytes: 0, freeBytes: 0 }
    return totalBytes > 0 ? Math.ceil(((totalBytes - freeBytes) * 100) / totalBytes) : -1
  } catch {
    return -1
  }
}
