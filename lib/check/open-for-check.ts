import { isStoreError, type StoreError } from '../errors'
import { openStore, type StoreParts } from '../open-store'
import type { OpenOptions } from '../types'
import { backendOf } from './backend-of'
import type { Report } from './finding'
import { withoutFiles } from './hidden-files'

/**
 * Opens what recovery would make of the directory, without writing. What keeps it from opening is reported,
 * and passed over where it can be.
 * @returns undefined where there is no log to look at
 */
export async function openForCheck(directory: string, open: OpenOptions, report: Report): Promise<StoreParts | undefined> {
  const hidden = new Set<string>()
  // The index is compared with the log file by file; what recovery would add to it needs no memory here.
  const readOnly: OpenOptions = { ...open, readOnly: true, messageIndexEnable: false }
  for (;;) {
    try {
      const ports = hidden.size === 0 ? undefined : { backend: withoutFiles(backendOf(open), hidden) }
      return await openStore(directory, { ...readOnly, ...(ports !== undefined && { ports }) }, { onRoll: ignore, onWarning: ignore, onFlushFailure: ignore })
    } catch (error) {
      if (!isStoreError(error)) throw error
      if (error.code === 'ERR_LOG_MISSING') {
        report({ kind: 'log-missing', file: error.details.file!, offset: 0, what: error.message, bytes: 0 })
        return undefined
      }
      hidden.add(misplaced(error, hidden, report))
    }
  }
}

export async function closeParts({ log, queues, index, checkpoint }: StoreParts): Promise<void> {
  await log.close()
  index?.close()
  queues.close()
  checkpoint.close()
}

/** The segment that is none of this log. @throws the error where it is about something else */
function misplaced(error: StoreError, hidden: ReadonlySet<string>, report: Report): string {
  const { file, offset } = error.details
  if (error.code !== 'ERR_SEGMENT_SIZE' || file === undefined || hidden.has(file)) throw error
  report({ kind: 'segment-misplaced', file, offset: offset ?? 0, what: error.message, bytes: 0 })
  return file
}

function ignore(): void {
  // What is wrong with single files is looked for file by file.
}
