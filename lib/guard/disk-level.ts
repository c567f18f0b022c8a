import type { DiskLevel } from '../types'

/** From where on a volume has which level. Ratios are fractions of the whole, the rest bytes. */
export interface DiskLimits {
  /** Short of room above this. */
  warningRatio: number
  /** Full above this. */
  fullRatio: number
  /** Short of room with less than this left. */
  warningBytes: number
  /** Full with less than this left. */
  fullBytes: number
  /** Files go before their time above this. */
  forcedRatio: number
}

export interface Room {
  totalBytes: number
  freeBytes: number
}

/** How far behind a limit a volume has to be to leave a level again, so that it does not come and go with every file. */
const HYSTERESIS_RATIO = 0.02
/** Of a limit in bytes. */
const HYSTERESIS_BYTES = 1.1

/** The options in percent and MiB. @param nextFilesBytes what the next files of those that lie on the volume take */
export function limitsFrom(
  options: { diskMaxUsedSpaceRatio: number; diskSpaceCleanForciblyRatio: number; diskSpaceWarningLevelRatio: number; diskFreeSpaceMin: number },
  nextFilesBytes: number,
): DiskLimits {
  const fullRatio = options.diskSpaceWarningLevelRatio / 100
  const forcedRatio = options.diskSpaceCleanForciblyRatio / 100
  const fullBytes = options.diskFreeSpaceMin * (1 << 20)
  return {
    warningRatio: Math.min(options.diskMaxUsedSpaceRatio / 100, forcedRatio),
    fullRatio,
    warningBytes: fullBytes + nextFilesBytes,
    fullBytes,
    forcedRatio,
  }
}

/** The level of a volume that was at `before`. */
export function levelOf(room: Room, before: DiskLevel, limits: DiskLimits): DiskLevel {
  const used = usedRatio(room)
  const isFull = used > limits.fullRatio || room.freeBytes < limits.fullBytes
  if (isFull || (before === 'full' && excessOf(room, limits) > 0)) return 'full'
  const isShort = used > limits.warningRatio || room.freeBytes < limits.warningBytes
  const isShortStill = used > limits.warningRatio - HYSTERESIS_RATIO || room.freeBytes < limits.warningBytes * HYSTERESIS_BYTES
  return isShort || (before !== 'ok' && isShortStill) ? 'warning' : 'ok'
}

/** How many bytes have to go before a full volume is so no more; as RocketMQ has it, files then no longer go before their time. */
export function excessOf({ totalBytes, freeBytes }: Room, { fullRatio, forcedRatio, fullBytes }: DiskLimits): number {
  const byRatio = totalBytes - freeBytes - Math.floor(totalBytes * Math.min(forcedRatio, fullRatio - HYSTERESIS_RATIO))
  const byBytes = Math.ceil(fullBytes * HYSTERESIS_BYTES) - freeBytes
  return Math.max(0, byRatio, byBytes)
}

export function usedRatio({ totalBytes, freeBytes }: Room): number {
  return totalBytes === 0 ? 0 : (totalBytes - freeBytes) / totalBytes
}
