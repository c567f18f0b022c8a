import { hashCode } from './java-string'

/** Delayed messages wait in this topic, one queue a level. */
export const SCHEDULE_TOPIC = 'SCHEDULE_TOPIC_XXXX'

/** Milliseconds that the engine assumes for a level it does not know. */
const UNKNOWN_LEVEL_DELAY = 1000

/** What a queue entry holds for a message that is not delayed: the hash code of its tags, 0 without. */
export function tagsCodeOf(tags: string | undefined): number {
  return tags === undefined || tags === '' ? 0 : hashCode(tags)
}

/**
 * For a message in the schedule topic the queue entry holds the time of delivery.
 * @param delayLevels milliseconds per level, level 1 first
 */
export function deliverTime(delay: string, storeTimestamp: number, delayLevels: readonly number[]): number | undefined {
  const level = Math.min(Number(delay), delayLevels.length)
  if (!(level > 0)) return undefined
  return storeTimestamp + (delayLevels[level - 1] ?? UNKNOWN_LEVEL_DELAY)
}
