import type { ResolvedOptions } from '../options/options'
import type { DeletionReason } from '../types'
import { expiryOf, type UsedPercents } from './deletion-policy'

const READERS_NAMED = 3

/** What a reason is about. */
export interface Circumstances {
  options: ResolvedOptions
  now: number
  used: UsedPercents
  modifiedTime: number
}

/** Why a file of the commit log is deleted, for people. */
export function describeReason(reason: DeletionReason, circumstances: Circumstances): string {
  const { options, now, used } = circumstances
  const isOld = `its last message is of ${dateText(circumstances.modifiedTime)}, and kept for ${options.fileReservedTime} hours (fileReservedTime)`
  switch (reason) {
    case 'hour': return `${isOld}; it is the hour ${new Date(now).getHours()} (deleteWhen, ${timeZone()})`
    case 'space': return `${isOld}; ${shortageText(used, options, 'diskMaxUsedSpaceRatio')}`
    case 'manual': return `${isOld}; it was asked for`
    case 'forced': return `${shortageText(used, options, 'diskSpaceCleanForciblyRatio')}: files go before their time`
    case 'gone': return 'all its messages are gone from the log'
  }
}

/** Why a file is kept. */
export function describeKept({ options, modifiedTime }: Circumstances): string {
  const expiry = dateText(expiryOf(options, modifiedTime))
  return `its last message is of ${dateText(modifiedTime)}: it is kept until ${expiry} (fileReservedTime ${options.fileReservedTime} hours), then until the next deletion`
}

export function describeReaders(readers: readonly string[], until: number): string {
  const named = readers.slice(0, READERS_NAMED).join(', ')
  const others = readers.length > READERS_NAMED ? `, and ${readers.length - READERS_NAMED} others` : ''
  return `held by ${named}${others}; they lose it at ${dateText(until)} (destroyMappedFileIntervalForcibly)`
}

export function timeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** @param limit the one that is asked first; what is within it is too much all the same, where messages are refused */
function shortageText(used: UsedPercents, options: ResolvedOptions, limit: 'diskMaxUsedSpaceRatio' | 'diskSpaceCleanForciblyRatio'): string {
  const isBeyond = [used.log, used.queues].some((percent) => percent < 0 || percent > options[limit])
  return `${percentsText(used)}, ${isBeyond ? `more than ${options[limit]} % (${limit})` : 'and messages are refused for want of room'}`
}

function percentsText({ log, queues }: UsedPercents): string {
  const text = (percent: number): string => (percent < 0 ? 'full to an unknown degree' : `${percent} % full`)
  return log === queues ? `the volume is ${text(log)}` : `the volume of the log is ${text(log)}, that of the queues ${text(queues)}`
}

/** The file's time may be any. */
function dateText(milliseconds: number): string {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? `${milliseconds} ms` : date.toISOString()
}
