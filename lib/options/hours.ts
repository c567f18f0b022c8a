/** What `deleteWhen` has to look like, for errors. */
export const hoursAllowed = 'hours from 0 to 23, with a semicolon between two of them, such as 04 or 4;16'

/**
 * The hours of the day in `deleteWhen`; undefined where it is not well formed. RocketMQ reads it the same way, and fails in
 * each look at what is to be deleted where it cannot; an hour that no day has would mean never.
 */
export function parseHours(text: string): ReadonlySet<number> | undefined {
  const parts = text.replace(/;+$/, '').split(';')
  const hours = parts.map((part) => (/^\+?\d+$/.test(part) ? Number(part) : NaN))
  return hours.every((hour) => hour <= 23) ? new Set(hours) : undefined
}
