import { join } from 'node:path'
import { PREFILL_SIZE, QUEUE_ENTRY_LENGTH, entryOffset, entrySize, entryTagsCode, isWrittenEntry } from '../format/queue-entry'
import { segmentName } from '../format/file-name'
import type { DescriptorCache } from '../storage/descriptor-cache'
import type { FileSystem } from '../storage/ports'

/** Entries kept of each queue, for who asks for one after the other. */
const KEPT_ENTRIES = 32
/** Entries read at once by who wants all. */
const CHUNK_ENTRIES = 4096

export interface QueueEntry {
  index: number
  offset: number
  size: number
  tagsCode: number
  isWritten: boolean
  isPrefill: boolean
}

export interface QueueReaderContext {
  files: FileSystem
  descriptors: DescriptorCache
  entriesPerFile: number
}

/** One queue as its files have it, holes and nonsense included; what recovery would make of them is not asked. */
export class QueueOnDisk {
  readonly topic: string
  readonly queueId: number
  /** Number of the first entry of each file of the right size, ascending. */
  readonly starts: readonly number[]
  /** One past the last written entry. */
  readonly end: number
  readonly #directory: string
  readonly #context: QueueReaderContext
  #kept: Buffer | undefined
  #keptFrom = 0
  #keptCount = 0

  constructor(context: QueueReaderContext, place: { directory: string; topic: string; queueId: number; starts: readonly number[] }) {
    this.#context = context
    this.#directory = place.directory
    this.topic = place.topic
    this.queueId = place.queueId
    this.starts = place.starts
    this.end = this.#findEnd()
  }

  get name(): string {
    return `${this.topic}/${this.queueId}`
  }

  pathOf(index: number): string {
    return join(this.#directory, segmentName(this.#startOf(index) * QUEUE_ENTRY_LENGTH))
  }

  /** Position of an entry in its file. */
  positionOf(index: number): number {
    return (index - this.#startOf(index)) * QUEUE_ENTRY_LENGTH
  }

  /** The entry as it is on disk; undefined where there is no file for it. */
  entry(index: number): QueueEntry | undefined {
    if (this.#kept === undefined || index < this.#keptFrom || index >= this.#keptFrom + this.#keptCount) this.#keep(index)
    if (this.#keptCount === 0) return undefined
    return entryIn(this.#kept!, index - this.#keptFrom, index)
  }

  /** All entries of all files up to the end, file by file. */
  *entries(): Generator<QueueEntry> {
    const chunk = Buffer.alloc(CHUNK_ENTRIES * QUEUE_ENTRY_LENGTH)
    for (const start of this.starts) {
      const fileEnd = Math.min(start + this.#context.entriesPerFile, this.end)
      for (let from = start; from < fileEnd; from += CHUNK_ENTRIES) {
        const count = this.#read(from, Math.min(CHUNK_ENTRIES, fileEnd - from), chunk)
        for (let index = 0; index < count; index++) yield entryIn(chunk, index, from + index)
      }
    }
  }

  #keep(index: number): void {
    this.#kept ??= Buffer.alloc(KEPT_ENTRIES * QUEUE_ENTRY_LENGTH)
    this.#keptFrom = index
    this.#keptCount = this.starts.includes(this.#startOf(index)) ? this.#read(index, KEPT_ENTRIES, this.#kept) : 0
  }

  #findEnd(): number {
    const chunk = Buffer.alloc(CHUNK_ENTRIES * QUEUE_ENTRY_LENGTH)
    for (const start of [...this.starts].reverse()) {
      const last = this.#findLast(start, chunk)
      if (last !== undefined) return last + 1
    }
    return this.starts[0] ?? 0
  }

  /** The last written entry of a file; holes are passed over without being read. */
  #findLast(start: number, chunk: Buffer): number | undefined {
    const { files, descriptors, entriesPerFile } = this.#context
    const size = entriesPerFile * QUEUE_ENTRY_LENGTH
    const descriptor = descriptors.get(this.pathOf(start))
    let last: number | undefined
    for (const range of files.dataRanges(descriptor, 0, size)) {
      for (let at = range.from; at < range.to; ) {
        const from = start + Math.floor(at / QUEUE_ENTRY_LENGTH)
        const count = this.#read(from, Math.min(CHUNK_ENTRIES, start + entriesPerFile - from), chunk)
        if (count === 0) return last
        for (let index = count - 1; index >= 0; index--) {
          if (!entryIn(chunk, index, from + index).isWritten) continue
          last = from + index
          break
        }
        at = (from + count - start) * QUEUE_ENTRY_LENGTH
      }
    }
    return last
  }

  #read(index: number, count: number, target: Buffer): number {
    const { files, descriptors, entriesPerFile } = this.#context
    const wanted = Math.min(count, this.#startOf(index) + entriesPerFile - index)
    const descriptor = descriptors.get(this.pathOf(index))
    return Math.floor(files.read(descriptor, target, 0, wanted * QUEUE_ENTRY_LENGTH, this.positionOf(index)) / QUEUE_ENTRY_LENGTH)
  }

  #startOf(index: number): number {
    return index - (index % this.#context.entriesPerFile)
  }
}

function entryIn(chunk: Buffer, at: number, index: number): QueueEntry {
  const view = new DataView(chunk.buffer, chunk.byteOffset + at * QUEUE_ENTRY_LENGTH, QUEUE_ENTRY_LENGTH)
  const offset = entryOffset(view, 0)
  const size = entrySize(view, 0)
  const isPrefill = size === PREFILL_SIZE && offset === 0
  return { index, offset, size, tagsCode: entryTagsCode(view, 0), isWritten: isWrittenEntry(view, 0), isPrefill }
}
