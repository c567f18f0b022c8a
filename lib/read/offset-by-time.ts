import type { ConsumeQueue } from '../consume-queue/consume-queue'
import { PREFILL_SIZE, entryOffset, entrySize } from '../format/queue-entry'
import type { LogReader } from '../commit-log/log-reader'
import { MARKED_MAX, MARK_DISTANCE, type TimeMarks } from './time-marks'

export interface TimeSearch {
  queue: ConsumeQueue
  reader: LogReader
  marks: TimeMarks
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
  if (boundary === 'lower') return firstAtOrAfter(search, timestamp)
  return Math.max(minOffset, firstAtOrAfter(search, timestamp + 1) - 1)
}

function firstAtOrAfter(search: TimeSearch, time: number): number {
  const { minOffset, maxOffset, marks } = search
  if (maxOffset > MARKED_MAX) return firstBetween(search, time, minOffset, maxOffset)
  let before = Math.floor(minOffset / MARK_DISTANCE)
  let behind = Math.floor((maxOffset - 1) / MARK_DISTANCE) + 1
  while (behind - before > 1) {
    // Of the marks between, the one whose number ends in the most zeros: while the queue grows, searches meet with the same ones.
    const bits = 31 - Math.clz32(before ^ (behind - 1))
    const mark = ((behind - 1) >> bits) << bits
    if (timeOfMark(search, mark) < time) before = mark
    else behind = mark
  }
  const low = Math.max(minOffset, before * MARK_DISTANCE)
  const high = Math.min(maxOffset, behind * MARK_DISTANCE)
  // Read at once, and at hand for each step.
  search.queue.entriesFrom(low, high - low)
  const found = firstBetween(search, time, low, high)
  const agrees = (found > low || low === minOffset) && (found < high || high === maxOffset || timeAt(search, high) >= time)
  if (agrees) return found
  // The queue has been made anew since, or clocks went back.
  marks.forget()
  return firstBetween(search, time, minOffset, maxOffset)
}

function firstBetween(search: TimeSearch, time: number, low: number, high: number): number {
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (timeAt(search, middle) < time) low = middle + 1
    else high = middle
  }
  return low
}

function timeOfMark(search: TimeSearch, mark: number): number {
  const { marks } = search
  const known = marks.find(mark)
  if (known !== undefined) return known
  const time = timeAt(search, mark * MARK_DISTANCE)
  marks.keep(mark, time)
  return time
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
    const { view, position, count } = queue.entriesFrom(at)
    if (count === 0) return reader.storeTimestamp(0)
    if (entrySize(view, position) !== PREFILL_SIZE) return reader.storeTimestamp(entryOffset(view, position))
  }
  return -1
}
