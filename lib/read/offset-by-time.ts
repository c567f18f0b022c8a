import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { LogReader } from '../commit-log/log-reader'

export interface TimeSearch {
  queue: ConsumeQueue
  log: CommitLog
  reader: LogReader
  minOffset: number
  /** One past the last visible offset. */
  maxOffset: number
  timestamp: number
}

/**
 * 5.3: `lower` is the first message stored at the time or later, `upper` the last one stored then or
 * earlier; both stay between the first offset of the queue and the one past its last.
 */
export function offsetByTime(search: TimeSearch, boundary: 'lower' | 'upper'): number {
  const { minOffset, maxOffset, timestamp } = search
  if (maxOffset <= minOffset) return minOffset
  const firstAtOrAfter = (time: number): number => {
    let low = minOffset
    let high = maxOffset
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (timeAt(search, middle) < time) low = middle + 1
      else high = middle
    }
    return low
  }
  if (boundary === 'lower') return firstAtOrAfter(timestamp)
  return Math.max(minOffset, firstAtOrAfter(timestamp + 1) - 1)
}

/**
 * 4.9: in the first file of the queue that was modified at the time or later, the message stored nearest to
 * the time; the earlier one of two that are as near.
 */
export function nearestOffsetByTime(search: TimeSearch): number {
  const { queue, minOffset, maxOffset, timestamp } = search
  const { entriesPerFile } = queue.files
  let start = minOffset - (minOffset % entriesPerFile)
  while (start + entriesPerFile < maxOffset && queue.files.modifiedTime(start) < timestamp) start += entriesPerFile
  let low = Math.max(start, minOffset)
  let high = Math.min(start + entriesPerFile, maxOffset) - 1
  let left = -1
  let right = -1
  while (high >= low) {
    const middle = Math.floor((low + high) / 2)
    const time = timeAt(search, middle)
    if (time < 0) return 0
    if (time === timestamp) return middle
    if (time > timestamp) {
      high = middle - 1
      right = middle
    } else {
      low = middle + 1
      left = middle
    }
  }
  if (left < 0) return Math.max(right, 0)
  if (right < 0) return left
  return timestamp - timeAt(search, left) <= timeAt(search, right) - timestamp ? left : right
}

/** Lost messages have no time: they go with the one before them. */
function timeAt({ queue, reader, minOffset }: TimeSearch, index: number): number {
  for (let at = index; at >= minOffset; at--) {
    const time = reader.storeTimestamp(queue.offsetAt(at))
    const isOwn = queue.sizeAt(at) !== 0x7fff_ffff
    if (isOwn) return time
  }
  return -1
}
