import { join } from 'node:path'
import { parseSegmentName } from '../format/file-name'
import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'
import { DescriptorCache } from '../storage/descriptor-cache'
import type { FileSystem } from '../storage/ports'
import type { Report } from './finding'
import { QueueOnDisk } from './queue-on-disk'

const DESCRIPTORS_MAX = 1024

/** The queue files of a store, as they are on disk. */
export class QueueInventory {
  readonly directory: string
  readonly entriesPerFile: number
  readonly #files: FileSystem
  readonly #descriptors: DescriptorCache
  readonly #queues = new Map<string, Map<number, QueueOnDisk>>()

  /** @param fileSize what the options say; the size that most files have counts, where there are files */
  constructor(files: FileSystem, directory: string, fileSize: number) {
    this.#files = files
    this.directory = directory
    this.#descriptors = new DescriptorCache(files, 'read', DESCRIPTORS_MAX)
    this.entriesPerFile = this.#findFileSize(fileSize) / QUEUE_ENTRY_LENGTH
  }

  /** Looks at every file's name and size. */
  load(report: Report): void {
    const context = { files: this.#files, descriptors: this.#descriptors, entriesPerFile: this.entriesPerFile }
    for (const { topic, queueId, directory } of this.#places(report)) {
      const starts: number[] = []
      for (const { path, from, size } of this.#filesOf(directory, report)) {
        const isAligned = from % (this.entriesPerFile * QUEUE_ENTRY_LENGTH) === 0
        if (size === this.entriesPerFile * QUEUE_ENTRY_LENGTH && isAligned) {
          starts.push(from / QUEUE_ENTRY_LENGTH)
          continue
        }
        const what = isAligned
          ? `a queue file of ${size} bytes, the others have ${this.entriesPerFile * QUEUE_ENTRY_LENGTH}`
          : 'the name of the queue file is no multiple of its size'
        report({ kind: 'queue-file-size', file: path, offset: 0, what, bytes: size })
      }
      const queue = new QueueOnDisk(context, { topic, queueId, directory, starts: starts.sort((left, right) => left - right) })
      this.#queues.set(topic, (this.#queues.get(topic) ?? new Map<number, QueueOnDisk>()).set(queueId, queue))
    }
  }

  find(topic: string, queueId: number): QueueOnDisk | undefined {
    return this.#queues.get(topic)?.get(queueId)
  }

  /** Where the files of a queue are, or would be. */
  directoryOf(topic: string, queueId: number): string {
    return join(this.directory, topic, String(queueId))
  }

  *[Symbol.iterator](): Generator<QueueOnDisk> {
    for (const queues of this.#queues.values()) yield* queues.values()
  }

  close(): void {
    this.#descriptors.close()
  }

  *#places(report: Report): Generator<{ topic: string; queueId: number; directory: string }> {
    for (const topic of this.#files.list(this.directory) ?? []) {
      const topicDirectory = join(this.directory, topic)
      const names = this.#files.list(topicDirectory)
      if (names === undefined) this.#reportForeign(topicDirectory, report)
      for (const name of names ?? []) {
        const directory = join(topicDirectory, name)
        const isQueue = /^\d+$/.test(name) && String(Number(name)) === name
        if (isQueue && this.#files.list(directory) !== undefined) yield { topic, queueId: Number(name), directory }
        else this.#reportForeign(directory, report)
      }
    }
  }

  *#filesOf(directory: string, report: Report): Generator<{ path: string; from: number; size: number }> {
    for (const name of this.#files.list(directory) ?? []) {
      const path = join(directory, name)
      const from = parseSegmentName(name)
      const status = this.#files.status(path)
      if (status === undefined) continue
      if (from === undefined || from % QUEUE_ENTRY_LENGTH !== 0 || status.isDirectory) this.#reportForeign(path, report)
      else yield { path, from, size: status.size }
    }
  }

  #reportForeign(file: string, report: Report): void {
    const status = this.#files.status(file)
    // A directory does no harm, and may be a mount point's own.
    if (status === undefined || status.isDirectory) return
    report({ kind: 'foreign-file', file, offset: 0, what: 'no file of a queue', bytes: status.size })
  }

  #findFileSize(fallback: number): number {
    const sizes = new Map<number, number>()
    const ignore: Report = () => undefined
    for (const { directory } of this.#places(ignore)) {
      for (const { size } of this.#filesOf(directory, ignore)) {
        if (size > 0 && size % QUEUE_ENTRY_LENGTH === 0) sizes.set(size, (sizes.get(size) ?? 0) + 1)
      }
    }
    const [mostFrequent] = [...sizes].sort(([leftSize, left], [rightSize, right]) => right - left || rightSize - leftSize)
    return mostFrequent?.[0] ?? fallback
  }
}
