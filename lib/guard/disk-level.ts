import type { DiskLevel } from '../types'

/** Something that a volume should not come to: less than `below` bytes left. It is behind it with `until` or more. */
export interface Threshold {
  level: 'warning' | 'full'
  below: number
  until: number
}

export interface DiskOptions {
  diskMaxUsedSpaceRatio: number
  diskSpaceCleanForciblyRatio: number
  diskSpaceWarningLevelRatio: number
  diskFreeSpaceMin: number
}

/** How far from a limit a volume has to get to have it behind it, so that levels do not come and go with every file. */
const HYSTERESIS_PERCENT = 2
/** A limit in bytes is behind one a tenth of it further on. */
const HYSTERESIS_PART = 10
const MEBIBYTE = 1 << 20

/** @param nextFilesBytes what the next files take of those that lie on the volume: it should be warned of before they do not fit */
export function thresholdsOf(totalBytes: number, options: DiskOptions, nextFilesBytes: number): Threshold[] {
  const { diskMaxUsedSpaceRatio, diskSpaceCleanForciblyRatio: forced, diskSpaceWarningLevelRatio: full } = options
  const shortage = Math.min(diskMaxUsedSpaceRatio, forced)
  const fullBytes = options.diskFreeSpaceMin * MEBIBYTE
  const ratio = (level: Threshold['level'], percent: number, untilPercent: number): Threshold =>
    ({ level, below: bytesLeftAt(percent, totalBytes), until: bytesLeftAt(untilPercent, totalBytes) })
  const bytes = (level: Threshold['level'], below: number): Threshold => ({ level, below, until: below + Math.ceil(below / HYSTERESIS_PART) })
  return [
    // As RocketMQ has it, until files no longer go before their time.
    ratio('full', full, Math.min(forced, full - HYSTERESIS_PERCENT)),
    bytes('full', fullBytes),
    ratio('warning', shortage, shortage - HYSTERESIS_PERCENT),
    bytes('warning', fullBytes + nextFilesBytes),
  ]
}

/** What is left of a volume of which so much is used. */
export function bytesLeftAt(percent: number, totalBytes: number): number {
  return Math.ceil((totalBytes * (100 - percent)) / 100)
}

/** The thresholds that a volume has come to, of which it had come to some `before`. */
export function crossed(thresholds: readonly Threshold[], freeBytes: number, before: readonly boolean[]): boolean[] {
  return thresholds.map(({ below, until }, index) => freeBytes < (before[index] ? until : below))
}

export function levelOf(thresholds: readonly Threshold[], isCrossed: readonly boolean[]): DiskLevel {
  const levels = thresholds.filter((_, index) => isCrossed[index]).map(({ level }) => level)
  return levels.includes('full') ? 'full' : (levels[0] ?? 'ok')
}

/** How many bytes have to go before a volume is full no more. */
export function excessOf(thresholds: readonly Threshold[], isCrossed: readonly boolean[], freeBytes: number): number {
  const wanted = thresholds.filter(({ level }, index) => isCrossed[index] && level === 'full').map(({ until }) => until - freeBytes)
  return Math.max(0, ...wanted)
}

/** Between 0 and 1. */
export function usedRatio({ totalBytes, freeBytes }: { totalBytes: number; freeBytes: number }): number {
  return totalBytes === 0 ? 0 : (totalBytes - freeBytes) / totalBytes
}
