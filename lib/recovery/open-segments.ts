import type { CommitLog } from '../commit-log/commit-log'
import type { Backend } from '../storage/ports'
import { Segment } from '../storage/segment'
import type { RecoveryReport } from '../types'
import type { Layout } from './layout'

/** Does what the layout decided, and hands the segments to the log. After a crash it is not known which of them are on disk. */
export function openSegments(backend: Backend, layout: Layout, log: CommitLog, { readOnly, isClean }: { readOnly: boolean; isClean: boolean }): RecoveryReport['files'] {
  const report: RecoveryReport['files'] = []
  for (const { path, fromOffset, size, action, reason } of layout.entries) {
    if (action === 'ignored' || action === 'removed' || action === 'completed') report.push({ file: path, action, reason })
    if (action === 'removed' && !readOnly) backend.files.remove(path)
    if (action !== 'segment' && action !== 'completed') continue
    if (action === 'completed' && !readOnly) complete(backend, path, log.segmentSize)
    // A short file is mapped as it is when nothing may be written: a page behind its end would be a fault.
    const length = action === 'completed' && readOnly ? size : log.segmentSize
    const segment = new Segment(backend, { path, fromOffset, size: length }, readOnly ? 'read' : 'write')
    segment.entryIsDurable = isClean && action === 'segment'
    log.segments.push(segment)
  }
  return report
}

function complete(backend: Backend, path: string, size: number): void {
  const descriptor = backend.files.open(path, 'write')
  try {
    backend.files.reserve(descriptor, size)
  } finally {
    backend.files.close(descriptor)
  }
}
