import { StoreError } from '../errors'

const millisecondsPerUnit = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** What `messageDelayLevel` has to look like, for errors. */
export const delayLevelsAllowed =
  'durations such as 30s, 5m, 2h or 1d, with one space between two of them'

/** The delays in `text` in milliseconds, level 1 first; undefined where it is not well formed. */
function readDelayLevels(text: string): number[] | undefined {
  const delays: number[] = []
  for (const level of text.split(' ')) {
    const parts = /^(\d+)([smhd])$/.exec(level)
    if (parts === null) return undefined
    const unit = parts[2] as keyof typeof millisecondsPerUnit
    const delay = Number(parts[1]) * millisecondsPerUnit[unit]
    if (!Number.isSafeInteger(delay)) return undefined
    delays.push(delay)
  }
  return delays
}

export function isDelayLevels(text: string): boolean {
  return readDelayLevels(text) !== undefined
}

/** The delay of each level of `messageDelayLevel` in milliseconds; level 1 is at index 0. */
export function parseDelayLevels(text: string): number[] {
  const delays = readDelayLevels(text)
  if (delays !== undefined) return delays
  throw new StoreError(
    'ERR_INVALID_OPTION',
    `messageDelayLevel cannot be ${JSON.stringify(text)}: it takes ${delayLevelsAllowed}.`,
    { key: 'messageDelayLevel', value: text, allowed: delayLevelsAllowed },
  )
}
