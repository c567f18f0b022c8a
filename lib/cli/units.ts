/** Numbers as people read them. */

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** From here on hours say nothing. */
const LONG = 30 * DAY

/** Longest first. */
const timeUnits: readonly (readonly [milliseconds: number, name: string])[] = [[DAY, 'd'], [HOUR, 'h'], [MINUTE, 'min'], [SECOND, 's']]

/** `1,234,567` */
export function countText(count: number): string {
  return count.toLocaleString('en')
}

/** `3 files`, `1 file`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`
}

/** `1.2 GiB`; what is even in its unit has no fraction. */
export function bytesText(bytes: number): string {
  const exponent = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(Math.max(1, Math.abs(bytes))) / 10))
  const value = bytes / 1024 ** exponent
  return `${Number.isInteger(value) || Math.abs(value) >= 100 ? countText(Math.round(value)) : value.toFixed(1)} ${BYTE_UNITS[exponent]}`
}

/** `24 %`, and a fraction where the last percent counts. */
export function percentText(ratio: number): string {
  const percent = ratio * 100
  const isNearEnd = (percent > 0 && percent < 1) || (percent > 99 && percent < 100)
  return `${isNearEnd ? percent.toFixed(1) : Math.round(percent)} %`
}

/** The two longest units: `2 d 3 h`, `4 min`, `350 ms`; of many days, only these. */
export function durationText(milliseconds: number): string {
  if (milliseconds < SECOND) return `${Math.round(milliseconds)} ms`
  if (milliseconds >= LONG) return `${countText(Math.floor(milliseconds / DAY))} d`
  const first = timeUnits.findIndex(([unit]) => milliseconds >= unit)
  const [unit, name] = timeUnits[first]!
  const [smaller, smallerName] = timeUnits[first + 1] ?? [unit, name]
  const rest = Math.floor((milliseconds % unit) / smaller)
  return `${Math.floor(milliseconds / unit)} ${name}${rest === 0 ? '' : ` ${rest} ${smallerName}`}`
}

/** `2026-11-21 09:38:17 UTC`; a number that is no time stays one. */
export function timeText(milliseconds: number): string {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? `${milliseconds} ms` : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** `2 d 3 h ago`, `4 s ahead`, `now`. */
export function agoText(milliseconds: number, now: number): string {
  const passed = now - milliseconds
  if (Math.abs(passed) < SECOND) return 'now'
  return passed > 0 ? `${durationText(passed)} ago` : `${durationText(-passed)} ahead`
}

/** `1,234`, `12.3`, `0.045`: as many digits as mean something. */
export function rateText(perSecond: number): string {
  if (perSecond === 0) return '0'
  if (perSecond >= 100) return countText(Math.round(perSecond))
  return perSecond >= 1 ? perSecond.toFixed(1) : perSecond.toPrecision(2)
}
