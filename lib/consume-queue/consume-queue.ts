import {
  PREFILL_SIZE, QUEUE_ENTRY_LENGTH, entryOffset, entrySize, entryTagsCode, isPrefill, isWrittenEntry, writeQueueEntry,
} from '../format/queue-entry'
import { viewOf } from '../format/bytes'
import type { QueueFiles } from './queue-files'
import type { Topic } from './topic-table'

/** Entries that a queue first makes room for. */
const TAIL_ENTRIES_MIN = 16
/** Entries read at once to find the end of a short queue: a page of them. */
const CHUNK_ENTRIES = 204

/** For what is looked at and forgotten, of any queue. */
const chunk = Buffer.alloc(CHUNK_ENTRIES * QUEUE_ENTRY_LENGTH)
const chunkView = viewOf(chunk)

/** Entries that lie next to each other from a position on. */
export interface EntryRun {
  view: DataView
  position: number
  count: number
}

/** How a queue tells the store about itself. */
export interface QueueOwner {
  /** False while entries stay in memory. */
  readonly mayWrite: boolean
  /** The queue has entries that are not in its file. */
  markPending(queue: ConsumeQueue): void
  /** Writing the file failed; the entries stay in memory. */
  markFailed(error: unknown): void
}

/**
 * The index of one topic's queue into the commit log: entry `n` says where message `n` lies. The newest
 * entries are in memory, and go to the file when that is full or at the flush cadence; all is derived from
 * the log, and can be had from it again.
 */
export class ConsumeQueue {
  readonly topic: string
  /** UTF-8. */
  readonly topicBytes: Buffer
  readonly queueId: number
  readonly files: QueueFiles
  /** Offset up to which waiting readers have been told, -1 when they know all there is. Kept for whoever tells them. */
  toldOffset = -1
  /** Commit log offset: what the queue has of messages before it is deleted. */
  logBegin: number
  /** Its files have more than it has: {@link finishTruncation} is due. */
  isBegunAnew = false
  /** An entry is missing that others follow. */
  hasGap = false
  readonly #owner: QueueOwner
  readonly #run: EntryRun = { view: chunkView, position: 0, count: 0 }
  #tail = Buffer.alloc(0)
  #tailView: DataView = new DataView(this.#tail.buffer)
  /** Number of the entry at the start of the tail. */
  #tailFrom: number
  /** Entries below this one are in the files. */
  #written: number
  #count: number
  /** Entries below this one were in the files when the store opened, and nobody has looked at them since. */
  #madeFrom: number
  /** The first entry that is not pre-fill and not below the log; grows. */
  #minOffset: number
  /** What entry #minOffset says where its message lies, -1 while nobody has looked. */
  #minLogOffset = -1
  #logEnd = 0

  constructor(topic: Topic, queueId: number, files: QueueFiles, owner: QueueOwner) {
    this.topic = topic.name
    this.topicBytes = topic.bytes
    this.queueId = queueId
    this.logBegin = topic.deletedUpTo.get(queueId) ?? 0
    this.files = files
    this.#owner = owner
    this.#count = this.#findEnd()
    this.#written = this.#count
    this.#madeFrom = this.#count
    this.#tailFrom = this.#count
    this.#minOffset = Math.min(files.starts[0] ?? 0, this.#count)
    this.#readLogEnd()
  }

  /** One past the last entry. */
  get maxOffset(): number {
    return this.#count
  }

  /** Commit log offset behind the last message, 0 for none. */
  get logEnd(): number {
    return this.#logEnd
  }

  /** Entries from here on were made since the store opened, those before may hold anything. */
  get madeFrom(): number {
    return this.#madeFrom
  }

  /** The first message that is still in the log, of which `logMinOffset` is the start, and not deleted. */
  minOffset(logMinOffset: number): number {
    if (logMinOffset < this.logBegin) logMinOffset = this.logBegin
    if (this.#minLogOffset >= logMinOffset) return this.#minOffset
    this.#passOverLost()
    // Below zero is damage, and says nothing about where the log begins.
    const first = this.#minOffset < this.#count ? this.offsetAt(this.#minOffset) : logMinOffset
    if (first >= 0 && first < logMinOffset) {
      this.#minOffset = this.#search(this.#minOffset, this.#count, (index) => this.#liesAtOrBehind(index, logMinOffset))
      this.#passOverLost()
    }
    if (this.#minOffset < this.#count) this.#minLogOffset = this.offsetAt(this.#minOffset)
    return this.#minOffset
  }

  /** How many files hold only messages that are gone from the log, of which `logMinOffset` is the start; never all of them. */
  expiredFiles(logMinOffset: number): number {
    const { starts, entriesPerFile } = this.files
    if (starts.length < 2) return 0
    const minOffset = this.minOffset(logMinOffset)
    return starts.slice(0, -1).filter((start) => start + entriesPerFile <= minOffset).length
  }

  /** The first entry at or behind `logOffset`; {@link maxOffset} when there is none. */
  firstAtOrBehind(logOffset: number): number {
    // What waits for a flush is mostly in memory, and asked for with each: no file is read for that.
    const inMemory = this.#tailFrom + 1
    if (inMemory < this.#count && !this.#liesAtOrBehind(inMemory, logOffset)) {
      return this.#search(inMemory + 1, this.#count, (index) => this.#liesAtOrBehind(index, logOffset))
    }
    // All of them, as when the log is scanned from its start: not found step by step in files that nobody has read yet.
    if (this.#minOffset < this.#count && this.#liesAtOrBehind(this.#minOffset, logOffset)) return this.#minOffset
    // Otherwise what is asked for is mostly near the end: go back from there in growing steps.
    let high = this.#count
    let low = high
    for (let step = 1; low > this.#minOffset; step *= 2) {
      low = Math.max(this.#minOffset, high - step)
      if (!this.#liesAtOrBehind(low, logOffset)) return this.#search(low + 1, high, (index) => this.#liesAtOrBehind(index, logOffset))
      high = low
    }
    return low
  }

  append(offset: number, size: number, tagsCode: number): void {
    const count = this.#count
    if ((count - this.#tailFrom) * QUEUE_ENTRY_LENGTH === this.#tail.length) this.#makeRoom()
    if (this.#written === count) this.#owner.markPending(this)
    writeQueueEntry(this.#tailView, (count - this.#tailFrom) * QUEUE_ENTRY_LENGTH, offset, size, tagsCode)
    this.#count = count + 1
    this.#logEnd = offset + size
  }

  /** Adds entries as they stand in a file. @param logEnd where the last of their messages ends in the log */
  appendAll(entries: Uint8Array, logEnd: number): void {
    for (let from = 0; from < entries.length; ) {
      if ((this.#count - this.#tailFrom) * QUEUE_ENTRY_LENGTH === this.#tail.length) this.#makeRoom()
      if (this.#written === this.#count) this.#owner.markPending(this)
      const at = (this.#count - this.#tailFrom) * QUEUE_ENTRY_LENGTH
      const part = entries.subarray(from, from + this.#tail.length - at)
      this.#tail.set(part, at)
      this.#count += part.length / QUEUE_ENTRY_LENGTH
      from += part.length
    }
    this.#logEnd = logEnd
  }

  /**
   * Makes the next entry number `index`. A queue without entries begins there, the file pre-filled as the
   * engine does; in any other the places between are lost messages, and keep their numbers.
   */
  skipTo(index: number): void {
    const begins = this.#count === 0 && this.files.starts.length === 0
    if (begins) this.#moveTo(index - (index % this.files.entriesPerFile))
    const logEnd = this.#logEnd
    while (this.#count < index) this.append(0, PREFILL_SIZE, 0)
    this.#logEnd = logEnd
    if (begins) this.#minOffset = index
    this.#minLogOffset = -1
  }

  /** Drops the entries from `index` on; what is in the files goes with {@link finishTruncation}. */
  truncate(index: number): void {
    if (index >= this.#count) return
    this.#count = index
    this.#written = Math.min(this.#written, index)
    this.#madeFrom = Math.min(this.#madeFrom, index)
    if (index < this.#tailFrom) this.#tailFrom = index
    this.files.distrustNames()
    this.#minOffset = Math.min(this.#minOffset, index)
    this.#minLogOffset = -1
    this.#readLogEnd()
  }

  /** What the queue has is of one that was deleted: it begins with the message that lies at `logBegin`. */
  beginAnew(logBegin: number): void {
    this.truncate(0)
    this.logBegin = logBegin
    this.isBegunAnew = true
  }

  /** Writes entry `index` anew, which is there and wrong. */
  mend(index: number, offset: number, size: number, tagsCode: number): void {
    const inTail = index >= this.#tailFrom
    const [view, at] = inTail ? [this.#tailView, (index - this.#tailFrom) * QUEUE_ENTRY_LENGTH] : [chunkView, 0]
    writeQueueEntry(view, at, offset, size, tagsCode)
    if (!inTail) this.files.mend(index, chunk.subarray(0, QUEUE_ENTRY_LENGTH))
    else if (index < this.#written) {
      if (this.#written === this.#count) this.#owner.markPending(this)
      this.#written = index
    }
    if (index === this.#count - 1) this.#logEnd = offset + size
    this.#minLogOffset = -1
  }

  /** Commit log offset in what the files hold of entry `index` now, -1 for none; it may be from before the store opened. */
  offsetInFiles(index: number): number {
    const isThere = this.files.read(index, 1, chunk, 0) === 1 && isWrittenEntry(chunkView, 0)
    return isThere ? entryOffset(chunkView, 0) : -1
  }

  /** True for the place of a lost message. */
  isLost(index: number): boolean {
    const { offset, size } = this.entryAt(index)
    return isPrefill(offset, size)
  }

  /** Clears what {@link truncate} left behind the end in the files. */
  finishTruncation(): void {
    this.flush()
    this.files.clearFrom(this.#count)
  }

  /** Hands what is in memory to the file system. */
  flush(): void {
    this.#writeUpTo(this.#count)
  }

  #writeUpTo(index: number): void {
    const pending = index - this.#written
    if (pending <= 0) return
    this.files.write(this.#written, pending, this.#tail, (this.#written - this.#tailFrom) * QUEUE_ENTRY_LENGTH)
    this.#written = index
  }

  entryAt(index: number): { offset: number; size: number } {
    const at = this.#locate(index)
    return { offset: entryOffset(this.#located, at), size: entrySize(this.#located, at) }
  }

  offsetAt(index: number): number {
    const at = this.#locate(index)
    return entryOffset(this.#located, at)
  }

  sizeAt(index: number): number {
    const at = this.#locate(index)
    return entrySize(this.#located, at)
  }

  /**
   * The entries from `index` on, as many as are at hand together; good until the queue changes or is asked again.
   * @param wanted how many will do, where a file has to be read for them
   */
  entriesFrom(index: number, wanted = Infinity): EntryRun {
    const run = this.#run
    run.count = 0
    if (index >= this.#tailFrom) {
      run.view = this.#tailView
      run.position = (index - this.#tailFrom) * QUEUE_ENTRY_LENGTH
      run.count = Math.max(0, this.#count - index)
      return run
    }
    // A block may be from before a truncation, and reach further.
    const end = Math.min(this.#tailFrom, this.#count)
    const block = this.files.block(index, Math.min(end, index + wanted))
    if (block === undefined) return run
    run.view = block.view
    run.position = (index - block.from) * QUEUE_ENTRY_LENGTH
    run.count = Math.min(block.to, end) - index
    return run
  }

  #located: DataView = chunkView

  /** Brings entry `index` into `#located` and returns its position there. */
  #locate(index: number): number {
    if (index >= this.#tailFrom) {
      this.#located = this.#tailView
      return (index - this.#tailFrom) * QUEUE_ENTRY_LENGTH
    }
    this.#located = chunkView
    if (this.files.read(index, 1, chunk, 0) < 1) chunk.fill(0, 0, QUEUE_ENTRY_LENGTH)
    return 0
  }

  /** The first index in [low, high) for which `test` holds, which holds for all behind it; else `high`. */
  #search(low: number, high: number, test: (index: number) => boolean): number {
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (test(middle)) high = middle
      else low = middle + 1
    }
    return low
  }

  /** One by one: behind the first message there may be lost ones again. */
  #passOverLost(): void {
    while (this.#minOffset < this.#count && this.isLost(this.#minOffset)) this.#minOffset++
  }

  /** Offsets grow from entry to entry; one that is lost or damaged says nothing, and goes with the next. */
  #liesAtOrBehind(index: number, logOffset: number): boolean {
    while (index < this.#count && !this.#isInOrder(index)) index++
    return index === this.#count || this.offsetAt(index) >= logOffset
  }

  /** A search that a single wrong entry leads astray would take all messages before it for removed ones. */
  #isInOrder(index: number): boolean {
    const { offset, size } = this.entryAt(index)
    if (isPrefill(offset, size) || offset < 0 || size <= 0) return false
    return index === 0 || offset >= this.offsetAt(index - 1)
  }

  /**
   * Entries are written from the front, so the first that is not is found by halving; where one stands behind it after all, the
   * queue is damaged.
   */
  #findEnd(): number {
    const { starts } = this.files
    for (let file = starts.length - 1; file >= 0; file--) {
      const start = starts[file]!
      const read = this.files.read(start, CHUNK_ENTRIES, chunk, 0)
      let written = 0
      while (written < read && isWrittenEntry(chunkView, written * QUEUE_ENTRY_LENGTH)) written++
      for (let behind = written + 1; behind < read; behind++) this.hasGap ||= isWrittenEntry(chunkView, behind * QUEUE_ENTRY_LENGTH)
      if (written === 0) continue
      if (written < CHUNK_ENTRIES) return start + written
      const end = this.files.endOfData(start)
      // Mostly it ends in the last page that has data: one to read instead of one a step.
      const near = Math.max(start + written, end - CHUNK_ENTRIES - 1)
      const low = this.#isWritten(near) ? near + 1 : start + written
      return this.#search(low, end, (index) => !this.#isWritten(index))
    }
    return starts[0] ?? 0
  }

  #isWritten(index: number): boolean {
    return this.files.read(index, 1, chunk, 0) === 1 && isWrittenEntry(chunkView, 0)
  }

  #readLogEnd(): void {
    this.#logEnd = 0
    const first = Math.min(this.files.starts[0] ?? Infinity, this.#tailFrom)
    for (let last = this.#count - 1; last >= first; last--) {
      const { offset, size } = this.entryAt(last)
      if (isPrefill(offset, size)) continue
      this.#logEnd = offset + size
      return
    }
  }

  #moveTo(index: number): void {
    this.#count = index
    this.#written = index
    this.#tailFrom = index
    this.#minOffset = index
    this.#minLogOffset = -1
  }

  /** The tail is full: entries that the file has make way; where it has none of them the tail grows. */
  #makeRoom(): void {
    const held = this.#count - this.#tailFrom
    const end = this.files.pagesEnd(this.#count)
    if (this.#owner.mayWrite) {
      try {
        this.#writeUpTo(end)
      } catch (error) {
        this.#owner.markFailed(error)
      }
    }
    if (end > this.#tailFrom && this.#written >= end) {
      this.#tail.copyWithin(0, (end - this.#tailFrom) * QUEUE_ENTRY_LENGTH)
      this.#tailFrom = end
      return
    }
    // In large steps: memory that is not used yet costs nothing, a copy of what is there does.
    const grown = Buffer.alloc(Math.max(TAIL_ENTRIES_MIN, held * 4) * QUEUE_ENTRY_LENGTH)
    this.#tail.copy(grown, 0, 0, held * QUEUE_ENTRY_LENGTH)
    this.#tail = grown
    this.#tailView = viewOf(grown)
  }

  /** The tags code of entry `index`. */
  tagsCodeAt(index: number): number {
    const at = this.#locate(index)
    return entryTagsCode(this.#located, at)
  }
}
