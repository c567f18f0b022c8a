import { StoreError, assertWhole } from '../errors'
import type { DelayedDeletion, RetentionOptions, SegmentInfo } from '../types'

const names = ['mayDelete', 'oldestUnconsumed', 'hardLimit']
const limitNames = ['logBytes', 'usedPercent']

/** @throws ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function assertRetention(retention: RetentionOptions): void {
  assertNames('retention', retention, names)
  for (const name of ['mayDelete', 'oldestUnconsumed'] as const) {
    const value: unknown = retention[name]
    if (value === undefined || typeof value === 'function') continue
    throw new StoreError('ERR_INVALID_OPTION', `retention.${name} is a function, not ${typeof value}`, { key: name, value, allowed: 'a function' })
  }
  const { hardLimit = {} } = retention
  assertNames('retention.hardLimit', hardLimit, limitNames)
  for (const [name, value] of Object.entries(hardLimit)) if (value !== undefined) assertWhole(`retention.hardLimit.${name}`, value)
}

function assertNames(what: string, given: object, allowed: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (allowed.includes(key)) continue
    throw new StoreError('ERR_UNKNOWN_OPTION', `${what} has no ${key}; it has ${allowed.join(', ')}`, { key, allowed: allowed.join(', ') })
  }
}

/** How much there is. */
export interface LogSize {
  logBytes: number
  /** -1 where it is not known. */
  usedPercent: number
}

/** Why the embedder wants a segment kept; undefined where he does not, or may not any more. What he throws keeps it. */
export function objectionTo(retention: RetentionOptions, segment: SegmentInfo, size: LogSize): DelayedDeletion | undefined {
  if (exceeds(retention.hardLimit, size)) return undefined
  const by = (cause: 'mayDelete' | 'oldestUnconsumed', text: string): DelayedDeletion => ({ ...segment, by: cause, text })
  try {
    const oldest = retention.oldestUnconsumed?.()
    const offset = typeof oldest === 'object' ? oldest.commitLogOffset : oldest
    if (offset !== undefined && !(offset >= segment.toOffset)) {
      return by('oldestUnconsumed', `the message at offset ${offset} has yet to be read${described(oldest)}`)
    }
  } catch (error) {
    return by('oldestUnconsumed', `retention.oldestUnconsumed threw: ${(error as Error).message}`)
  }
  try {
    if (retention.mayDelete?.(segment) === false) return by('mayDelete', 'retention.mayDelete says that it is to be kept')
  } catch (error) {
    return by('mayDelete', `retention.mayDelete threw: ${(error as Error).message}`)
  }
  return undefined
}

function exceeds(limit: RetentionOptions['hardLimit'], { logBytes, usedPercent }: LogSize): boolean {
  return logBytes > (limit?.logBytes ?? Infinity) || usedPercent > (limit?.usedPercent ?? Infinity)
}

/** What `store.config.oldestUnconsumed()` knows beside the offset. */
function described(oldest: unknown): string {
  const { group, topic, queueId } = (typeof oldest === 'object' ? oldest : {}) as Record<string, unknown>
  return group === undefined ? '' : ` by ${String(group)} (${String(topic)}/${String(queueId)})`
}
