import { join } from 'node:path'
import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'
import { parseSegmentName } from '../format/file-name'
import { allEnded } from '../storage/all-ended'
import { DescriptorCache } from '../storage/descriptor-cache'
import type { FileSystem } from '../storage/ports'
import { syncDirectories, syncPaths } from '../storage/sync-paths'
import { ConsumeQueue, type QueueOwner } from './consume-queue'
import { EntryBlocks } from './entry-blocks'
import { QueueFiles, type QueueFilesContext } from './queue-files'
import { TopicTable, type Topic } from './topic-table'

/** Queues looked at to learn the size of the files. */
const QUEUES_SAMPLED = 64
/** The most queue files that are open at a time. */
const DESCRIPTORS_MAX = 4096

export interface ConsumeQueuesOptions {
  files: FileSystem
  /** `…/consumequeue` */
  directory: string
  /** Bytes; for new queues, and a store that has files keeps their size. */
  fileSize: number
  readOnly: boolean
  /** Entries go to their files once this holds: queues that outlive their log look like those of a log that is not mounted. */
  logIsOnDisk?(): boolean
  warn(message: string, file: string): void
}

/** A queue that was deleted: what it had of messages that lie before `upTo` in the commit log. */
export interface DeletedQueue {
  topic: string
  queueId: number
  upTo: number
}

/** All queues of a store. */
export class ConsumeQueues implements QueueOwner {
  readonly topics = new TopicTable()
  readonly directory: string
  /** Queues that were deleted and whose files are still there: somebody was interrupted. */
  readonly leftovers: ConsumeQueue[] = []
  /** Why entries could not be written to their files, until they could. */
  failure: unknown
  readonly #context: QueueFilesContext
  readonly #descriptors: DescriptorCache
  readonly #pending = new Set<ConsumeQueue>()
  readonly #logIsOnDisk: () => boolean
  #syncing: Promise<unknown> = Promise.resolve()

  constructor(options: ConsumeQueuesOptions) {
    this.#logIsOnDisk = options.logIsOnDisk ?? (() => true)
    this.directory = options.directory
    this.#descriptors = new DescriptorCache(options.files, options.readOnly ? 'read' : 'write', DESCRIPTORS_MAX)
    this.#context = {
      files: options.files,
      descriptors: this.#descriptors,
      blocks: new EntryBlocks(),
      entriesPerFile: options.fileSize / QUEUE_ENTRY_LENGTH,
      readOnly: options.readOnly,
      dirty: new Map(),
      dirtyDirectories: new Set(),
      warn: options.warn,
    }
  }

  /**
   * Opens every queue that has a directory.
   * @returns whether one of them has lost a file
   */
  async load(pause: (done: number, total: number) => Promise<void>): Promise<boolean> {
    const places: { topic: string; queueId: number }[] = []
    for (const topic of this.#context.files.list(this.directory) ?? []) {
      for (const name of this.#context.files.list(join(this.directory, topic)) ?? []) {
        if (/^\d+$/.test(name) && String(Number(name)) === name) places.push({ topic, queueId: Number(name) })
      }
    }
    this.#adoptFileSize(places)
    let someAreDamaged = false
    for (let place = 0; place < places.length; place++) {
      if (place % 256 === 0) await pause(place, places.length)
      const { topic, queueId } = places[place]!
      const { files, isDamaged } = QueueFiles.load(this.#context, this.#directoryOf(topic, queueId))
      const queue = new ConsumeQueue(this.topics.findOrAdd(topic), queueId, files, this)
      if (queue.logBegin > 0 && queue.logEnd <= queue.logBegin) {
        this.leftovers.push(queue)
        continue
      }
      this.topics.findOrAdd(topic).queues.set(queueId, queue)
      someAreDamaged ||= isDamaged || queue.hasGap
    }
    return someAreDamaged
  }

  find(topic: string, queueId: number): ConsumeQueue | undefined {
    return this.topics.find(topic)?.queues.get(queueId)
  }

  findOrCreate(topic: Topic, queueId: number): ConsumeQueue {
    const known = topic.queues.get(queueId)
    if (known !== undefined) return known
    const queue = new ConsumeQueue(topic, queueId, new QueueFiles(this.#context, this.#directoryOf(topic.name, queueId), []), this)
    topic.queues.set(queueId, queue)
    return queue
  }

  *[Symbol.iterator](): Generator<ConsumeQueue> {
    for (const topic of this.topics) yield* topic.queues.values()
  }

  /** The end of the last message that has an entry, -1 where no queue has one. */
  get logEnd(): number {
    let end = -1
    for (const queue of this) if (queue.maxOffset > 0 && queue.logEnd > end) end = queue.logEnd
    return end
  }

  /** {@link logEnd}, or what was deleted behind it: all messages before have been given their places. */
  get dispatchedTo(): number {
    let end = this.logEnd
    for (const { upTo } of this.deletedQueues()) if (upTo > end) end = upTo
    return end
  }

  /** Messages of the queue that lie before this commit log offset are deleted; 0 for none. */
  deletedUpTo(topic: string, queueId: number): number {
    return this.topics.find(topic)?.deletedUpTo.get(queueId) ?? 0
  }

  /** Every queue of which messages were deleted. */
  *deletedQueues(): Generator<DeletedQueue> {
    for (const { name, deletedUpTo } of this.topics) for (const [queueId, upTo] of deletedUpTo) yield { topic: name, queueId, upTo }
  }

  /** From now on the queue has no messages that lie before `upTo`; 0 takes that back. */
  setDeleted({ topic, queueId, upTo }: DeletedQueue): void {
    const { deletedUpTo, queues } = this.topics.findOrAdd(topic)
    if (upTo > 0) deletedUpTo.set(queueId, upTo)
    else deletedUpTo.delete(queueId)
    const queue = queues.get(queueId)
    if (queue !== undefined) queue.logBegin = upTo
  }

  /** Forgets what was deleted of a log that begins behind it. */
  forgetDeleted(logMinOffset: number): void {
    for (const deleted of this.deletedQueues()) if (deleted.upTo <= logMinOffset) this.setDeleted({ ...deleted, upTo: 0 })
  }

  /** Nothing is put to the queues until {@link release}. */
  hold(queues: readonly ConsumeQueue[]): void {
    for (const queue of queues) {
      const topic = this.topics.find(queue.topic)!
      topic.ending = (topic.ending ?? new Set()).add(queue.queueId)
    }
  }

  /** Undoes {@link hold}. */
  release(queues: readonly ConsumeQueue[]): void {
    for (const queue of queues) {
      const topic = this.topics.find(queue.topic)!
      topic.ending?.delete(queue.queueId)
      if (topic.ending?.size === 0) topic.ending = undefined
    }
  }

  /** Nobody finds the queues any more, and nothing is written to their files. */
  drop(queues: readonly ConsumeQueue[]): void {
    for (const queue of queues) {
      this.topics.find(queue.topic)!.queues.delete(queue.queueId)
      this.#pending.delete(queue)
    }
  }

  /** Removes the files and directories of queues that were dropped, durably. */
  async remove(queues: readonly ConsumeQueue[]): Promise<void> {
    const { files } = this.#context
    for (const queue of queues) {
      queue.files.removeAll()
      queue.truncate(0)
    }
    const topics = new Set(queues.map(({ topic }) => join(this.directory, topic)))
    for (const topic of topics) {
      const names = files.list(topic)
      if (names?.length === 0) files.removeDirectory(topic)
      else if (names !== undefined) await files.syncDirectory(topic)
    }
    if (queues.length > 0) await files.syncDirectory(this.directory)
  }

  get mayWrite(): boolean {
    return !this.#context.readOnly && this.#logIsOnDisk()
  }

  markPending(queue: ConsumeQueue): void {
    this.#pending.add(queue)
  }

  markFailed(error: unknown): void {
    this.failure = error
  }

  /** Hands all entries in memory to the file system. */
  write(): void {
    if (!this.mayWrite) return
    for (const queue of this.#pending) {
      queue.flush()
      this.#pending.delete(queue)
    }
    this.failure = undefined
  }

  /** Makes files durable of which `leastBytes` or more have been written, `atOnce` of them at a time where that is given. */
  async syncLargest(leastBytes: number, atOnce?: number): Promise<void> {
    const { files, dirty } = this.#context
    const paths = [...dirty].filter(([, bytes]) => bytes >= leastBytes).map(([path]) => path)
    for (const path of paths) dirty.delete(path)
    // One that is still under way counts too: its files are no longer listed.
    this.#syncing = allEnded([this.#syncing, syncPaths(files, this.directory, paths, atOnce)])
    await this.#syncing
  }

  /** Makes everything written so far durable. */
  async sync(): Promise<void> {
    this.write()
    const { files, dirtyDirectories } = this.#context
    const directories = [...dirtyDirectories]
    dirtyDirectories.clear()
    await this.syncLargest(0)
    const parents = new Set(directories.flatMap((queue) => [queue, join(queue, '..'), this.directory]))
    await syncDirectories(files, this.directory, parents)
  }

  close(): void {
    this.#descriptors.close()
  }

  #directoryOf(topic: string, queueId: number): string {
    return join(this.directory, topic, String(queueId))
  }

  /** The size that most files of a store have counts, not the one that the options name. */
  #adoptFileSize(places: readonly { topic: string; queueId: number }[]): void {
    const counts = new Map<number, number>()
    for (const { topic, queueId } of places.slice(0, QUEUES_SAMPLED)) {
      const directory = this.#directoryOf(topic, queueId)
      for (const name of this.#context.files.list(directory) ?? []) {
        const size = parseSegmentName(name) === undefined ? 0 : this.#context.files.status(join(directory, name))!.size
        if (size > 0 && size % QUEUE_ENTRY_LENGTH === 0) counts.set(size, (counts.get(size) ?? 0) + 1)
      }
    }
    // The larger one of two that are as frequent: accidents make files shorter.
    const [mostFrequent] = [...counts].sort(([leftSize, left], [rightSize, right]) => right - left || rightSize - leftSize)
    if (mostFrequent !== undefined) this.#context.entriesPerFile = mostFrequent[0] / QUEUE_ENTRY_LENGTH
  }
}
