import type { RecoveryProgress } from '../types'
import { bytesText, countText, durationText, percentText } from './units'

/** Milliseconds of work after which the rest can be guessed. */
const GUESSED_AFTER = 2000

const names: Record<RecoveryProgress['phase'], string> = {
  layout: 'files', queues: 'queues', index: 'index', log: 'log', dispatch: 'messages',
}

/** One line about work under way. @param elapsed milliseconds since it began */
export function progressText({ phase, done, total, unit }: RecoveryProgress, elapsed: number): string {
  const amount = (count: number): string => (unit === 'bytes' ? bytesText(count) : countText(count))
  const suffix = unit === 'bytes' ? '' : ` ${unit}`
  if (total === 0) return `reading ${names[phase]}: ${amount(done)}${suffix}`
  const rest = done > 0 && elapsed >= GUESSED_AFTER && done < total ? `, ${durationText((elapsed / done) * (total - done))} left` : ''
  return `reading ${names[phase]}: ${amount(done)} of ${amount(total)}${suffix}, ${percentText(Math.min(1, done / total))}${rest}`
}
