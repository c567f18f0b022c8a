import type { BackupProgress, RecoveryProgress } from '../types'
import { bytesText, countText, durationText, percentText } from './units'

/** Milliseconds of work after which the rest can be guessed. */
const GUESSED_AFTER = 2000

/** What takes long enough to be told of. */
export type WorkProgress = RecoveryProgress | (BackupProgress & { unit: 'bytes' })

const names: Record<WorkProgress['phase'], string> = {
  layout: 'reading files', queues: 'reading queues', index: 'reading index', log: 'reading log', dispatch: 'reading messages',
  copy: 'copying', flush: 'flushing', verify: 'checking',
}

/** One line about work under way. @param elapsed milliseconds since it began */
export function progressText({ phase, done, total, unit }: WorkProgress, elapsed: number): string {
  const amount = (count: number): string => (unit === 'bytes' ? bytesText(count) : countText(count))
  const suffix = unit === 'bytes' ? '' : ` ${unit}`
  if (total === 0) return `${names[phase]}: ${amount(done)}${suffix}`
  const rest = done > 0 && elapsed >= GUESSED_AFTER && done < total ? `, ${durationText((elapsed / done) * (total - done))} left` : ''
  return `${names[phase]}: ${amount(done)} of ${amount(total)}${suffix}, ${percentText(Math.min(1, done / total))}${rest}`
}
