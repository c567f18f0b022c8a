import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import { assertWhole } from '../errors'
import { QUEUE_ENTRY_LENGTH, entryOffset, entrySize, entryTagsCode, isPrefill } from '../format/queue-entry'
import type { GetRequest, GetStatus, MessageFilter } from '../types'
import type { EntryGuard } from './entry-guard'
import { Lease } from '../storage/lease'
import { GetResult } from './get-result'
import type { LogReader } from '../commit-log/log-reader'
import { compileFilter, matchesEntry, matchesMessage } from './message-filter'

export interface GetOptions {
  compatibility: '4.9' | '5.3'
  maxFilterMessageSize: number
  maxTransferBytesOnMessageInMemory: number
  maxTransferCountOnMessageInMemory: number
  maxTransferBytesOnMessageInDisk: number
  maxTransferCountOnMessageInDisk: number
  /** Percent of the memory of the machine. */
  accessMessageInMemoryMaxRatio: number
  /** What the machine has of it. */
  memoryBytes: number
  /** Files of the queue that one get walks. */
  travelCqFileNumWhenGetMessage: number
  /** Whether a reader's offset is put right; a slave leaves it. */
  correctsOffset: boolean
}

export interface GetContext {
  log: CommitLog
  queues: ConsumeQueues
  reader: LogReader
  guard: EntryGuard
  /** Messages from here on are not seen yet. */
  visibleOffset(): number
}

const MESSAGES_DEFAULT = 32
/** The engine's limit for one answer of 5.x. */
const BYTES_MAX = 128 << 20
const BYTES_MIN = 100

/** Reads messages of a queue by the rules of the engine's getMessage. */
export class MessageGetter {
  readonly #context: GetContext
  readonly #options: GetOptions
  readonly #inMemoryBytes: number

  constructor(context: GetContext, options: GetOptions) {
    this.#context = context
    this.#options = options
    this.#inMemoryBytes = Math.floor(options.memoryBytes * (options.accessMessageInMemoryMaxRatio / 100))
  }

  get(request: GetRequest): GetResult {
    const { offset, maxMessages = MESSAGES_DEFAULT, maxBytes = BYTES_MAX } = request
    assertWhole('a queue offset', offset)
    assertWhole('maxMessages', maxMessages)
    assertWhole('maxBytes', maxBytes)
    const { log, queues, reader } = this.#context
    const result = new GetResult(reader, new Lease(request))
    const queue = queues.find(request.topic, request.queueId)
    if (queue !== undefined) {
      result.minOffset = queue.minOffset(log.minOffset)
      result.maxOffset = visibleMaxOffset(queue, this.#context.visibleOffset())
    }
    const { minOffset, maxOffset } = result
    // An unknown queue looks like an empty one, since the engine makes it when it is asked for.
    if (maxOffset === 0) return this.#end(result, 'NO_MESSAGE_IN_QUEUE', this.#corrected(offset, 0))
    if (offset < minOffset) return this.#end(result, 'OFFSET_TOO_SMALL', this.#corrected(offset, minOffset))
    if (offset === maxOffset) return this.#end(result, 'OFFSET_OVERFLOW_ONE', offset)
    if (offset > maxOffset) return this.#end(result, 'OFFSET_OVERFLOW_BADLY', this.#corrected(offset, maxOffset))
    this.#scan(queue!, request, result)
    return result
  }

  #scan(queue: ConsumeQueue, request: GetRequest, result: GetResult): void {
    const filter = compileFilter(request.filter)
    let next = request.offset
    for (let file = 0; file < this.#options.travelCqFileNumWhenGetMessage; file++) {
      next = this.#scanFile(queue, next, request, filter, result)
      if (result.commitLogOffsets.length > 0 || next >= result.maxOffset) break
    }
    if (result.commitLogOffsets.length > 0) result.status = 'FOUND'
    result.nextBeginOffset = next
  }

  /** Walks entries to the end of one file of the queue at most. @returns where the next get goes on */
  #scanFile(
    queue: ConsumeQueue, from: number, request: GetRequest, filter: MessageFilter | undefined, result: GetResult,
  ): number {
    const { log, guard, reader } = this.#context
    const { compatibility, maxFilterMessageSize } = this.#options
    const maxMessages = request.maxMessages ?? MESSAGES_DEFAULT
    const entriesPerFile = queue.files.entriesPerFile
    const fileEnd = Math.min(from - (from % entriesPerFile) + entriesPerFile, result.maxOffset)
    const scanMax = Math.floor(Math.max(maxFilterMessageSize, maxMessages * QUEUE_ENTRY_LENGTH) / QUEUE_ENTRY_LENGTH)
    const bytesMax = Math.min(Math.max(request.maxBytes ?? BYTES_MAX, BYTES_MIN), BYTES_MAX)
    let skipBelow = -Infinity
    let lastOffset = 0
    let run = queue.entriesFrom(from)
    let runFrom = from
    // A filter is somebody else's, and may read as well: behind its answer the run is at hand no more.
    let runEnd = from + (filter === undefined ? run.count : 0)
    let index = from
    if (result.commitLogOffsets.length === 0) result.status = 'NO_MATCHED_MESSAGE'
    for (; index < fileEnd && index - from < scanMax; index++) {
      if (index === runEnd) {
        run = queue.entriesFrom(index)
        if (run.count === 0 && guard.mend(queue, index)) run = queue.entriesFrom(index)
        if (run.count === 0) return this.#unreadable(queue, index, from, result)
        runFrom = index
        runEnd = index + (filter === undefined ? run.count : 1)
      }
      const at = run.position + (index - runFrom) * QUEUE_ENTRY_LENGTH
      const offset = entryOffset(run.view, at)
      const size = entrySize(run.view, at)
      const tagsCode = entryTagsCode(run.view, at)
      // 4.9 has come to the entry at which the answer was full, 5.3 has not.
      if (compatibility === '4.9') lastOffset = offset
      const isInDisk = log.maxOffset - offset > this.#inMemoryBytes
      // 4.9 passes over messages of a removed file before it looks whether the answer is full; 5.3 after.
      if (compatibility === '4.9' && offset < skipBelow) continue
      if (this.#isFull(result, size, maxMessages, bytesMax, isInDisk)) break
      lastOffset = offset
      if (offset < skipBelow) continue
      if (isPrefill(offset, size)) {
        // The place of a lost message; unlike one in a removed file it says nothing about those behind it.
        if (result.commitLogOffsets.length === 0) result.status = 'MESSAGE_WAS_REMOVING'
        continue
      }
      const isWritten = size > 0 && offset >= 0
      if (isWritten && !matchesEntry(filter, tagsCode)) {
        if (result.commitLogOffsets.length === 0) result.status = 'NO_MATCHED_MESSAGE'
        continue
      }
      if (!guard.isSound(queue, index, offset, size)) {
        if (guard.mend(queue, index)) {
          // Read it again.
          runEnd = index--
          continue
        }
        // Only what leads in front of the log says something of those behind it; any other wrong entry just of itself.
        if (offset < 0 || offset >= log.minOffset) {
          if (result.commitLogOffsets.length === 0) result.status = 'MESSAGE_WAS_REMOVING'
          continue
        }
      }
      const segment = log.segmentOf(offset, size)
      if (segment === undefined) {
        if (result.commitLogOffsets.length === 0) result.status = 'MESSAGE_WAS_REMOVING'
        skipBelow = nextSegmentOffset(log, offset)
        continue
      }
      if (!matchesMessage(filter, reader, offset, size)) {
        if (result.commitLogOffsets.length === 0) result.status = 'NO_MATCHED_MESSAGE'
        continue
      }
      result.add(offset, size, tagsCode, segment)
      skipBelow = -Infinity
    }
    result.suggestPullingFromSlave = log.maxOffset - lastOffset > this.#inMemoryBytes
    return index
  }

  /** A place in the file without entries, though there are some behind it. */
  #unreadable(queue: ConsumeQueue, index: number, from: number, result: GetResult): number {
    if (index > from) return index
    result.status = 'OFFSET_FOUND_NULL'
    const { entriesPerFile } = queue.files
    return this.#corrected(index, index - (index % entriesPerFile) + entriesPerFile)
  }

  /** Never before there is one message, however large that is. */
  #isFull(result: GetResult, size: number, maxMessages: number, bytesMax: number, isInDisk: boolean): boolean {
    const count = result.sizes.length
    const options = this.#options
    if (count === 0) return false
    if (count >= maxMessages) return true
    if (options.compatibility === '5.3' && result.totalSize + size > bytesMax) return true
    const countMax = isInDisk ? options.maxTransferCountOnMessageInDisk : options.maxTransferCountOnMessageInMemory
    const transferMax = isInDisk ? options.maxTransferBytesOnMessageInDisk : options.maxTransferBytesOnMessageInMemory
    return result.totalSize + size > transferMax || count > countMax - 1
  }

  #corrected(offset: number, right: number): number {
    return this.#options.correctsOffset ? right : offset
  }

  #end(result: GetResult, status: GetStatus, nextBeginOffset: number): GetResult {
    result.status = status
    result.nextBeginOffset = nextBeginOffset
    return result
  }
}

/** One past the last message of the queue that can be seen. */
export function visibleMaxOffset(queue: ConsumeQueue, visibleOffset: number): number {
  return queue.logEnd <= visibleOffset ? queue.maxOffset : queue.firstAtOrBehind(visibleOffset)
}

function nextSegmentOffset(log: CommitLog, offset: number): number {
  return offset - (offset % log.segmentSize) + log.segmentSize
}
