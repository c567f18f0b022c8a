import { parseHours } from '../options/hours'
import type { ResolvedOptions } from '../options/options'
import type { DeletionReason } from '../types'

const HOUR = 3_600_000

/** The options by which files are deleted. */
export type DeletionRules = Pick<
  ResolvedOptions,
  | 'compatibility' | 'deleteWhen' | 'fileReservedTime' | 'cleanFileForciblyEnable' | 'diskMaxUsedSpaceRatio' | 'diskSpaceCleanForciblyRatio'
  | 'diskSpaceWarningLevelRatio'
>

/** How full the volumes are, in percent, rounded up as RocketMQ rounds; -1 where that is not known. */
export interface UsedPercents {
  /** Of several volumes with segments, the one with the most room. */
  log: number
  queues: number
}

/** What decides besides the clock. */
export interface Needs {
  used: UsedPercents
  /** Somebody asked. */
  isManual: boolean
  /** Messages are refused until files have gone. */
  lacksRoom: boolean
}

/** What a look at clock and disks says. */
export interface Occasion {
  /** Files that are old enough may go now, for the first of these reasons; undefined where none may. */
  reason: Exclude<DeletionReason, 'forced'> | undefined
  /** Those that are not may go too. */
  isForced: boolean
  /** A volume is short of room. */
  isSpaceShort: boolean
}

/**
 * Whether it is the time to delete, and what. The hour is that of the time zone of the process. Whatever the percents are: as long as
 * messages are refused for want of room, files go before their time. RocketMQ refuses by the same percents by which it deletes; here a
 * limit in bytes, a next file that does not fit, and a limit that is left only some way below it refuse too.
 */
export function occasionAt(rules: DeletionRules, now: number, { used, isManual, lacksRoom }: Needs): Occasion {
  const { isShort, isCritical } = lacksRoom ? { isShort: true, isCritical: true } : room(rules, used)
  const isHour = parseHours(rules.deleteWhen)!.has(new Date(now).getHours())
  const reason = isHour ? 'hour' : isShort ? 'space' : isManual ? 'manual' : undefined
  return { reason, isForced: reason !== undefined && isCritical && rules.cleanFileForciblyEnable, isSpaceShort: isShort }
}

/**
 * Both versions compare the same numbers in another order: under 4.9 a log that is just short of room hides queues without any,
 * and a forcible ratio below diskMaxUsedSpaceRatio waits for another reason.
 */
function room(rules: DeletionRules, used: UsedPercents): { isShort: boolean; isCritical: boolean } {
  const isShort = (percent: number): boolean => percent < 0 || percent > rules.diskMaxUsedSpaceRatio
  const isCritical = (percent: number): boolean => percent > Math.min(rules.diskSpaceWarningLevelRatio, rules.diskSpaceCleanForciblyRatio)
  if (rules.compatibility === '4.9') {
    if (isShort(used.log)) return { isShort: true, isCritical: isCritical(used.log) }
    return { isShort: isShort(used.queues), isCritical: isCritical(used.log) || isCritical(used.queues) }
  }
  const isAnyCritical = isCritical(used.log) || isCritical(used.queues)
  return { isShort: isAnyCritical || isShort(used.log) || isShort(used.queues), isCritical: isAnyCritical }
}

/** When a segment has been kept for as long as it is to be. @param modifiedTime of its file: the store time of its last message */
export function expiryOf({ fileReservedTime }: DeletionRules, modifiedTime: number): number {
  return modifiedTime + fileReservedTime * HOUR
}

/** Why the oldest segment is to go now; undefined where it stays, and so do all behind it. */
export function deletionReason(rules: DeletionRules, occasion: Occasion, modifiedTime: number, now: number): DeletionReason | undefined {
  if (occasion.reason === undefined) return undefined
  if (now >= expiryOf(rules, modifiedTime)) return occasion.reason
  return occasion.isForced ? 'forced' : undefined
}

/** When the next hour of `deleteWhen` begins, in the time zone of the process. */
export function nextDeletionHour({ deleteWhen }: DeletionRules, now: number): number {
  const hours = parseHours(deleteWhen)!
  let at = new Date(now).setMinutes(0, 0, 0)
  do at += HOUR
  while (!hours.has(new Date(at).getHours()))
  return at
}
