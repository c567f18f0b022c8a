import type { CommitLog } from '../commit-log/commit-log'
import type { Refusal } from '../commit-log/message-encoder'
import type { StoreConfig } from '../config/store-config'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { StoreError } from '../errors'
import type { Backend } from '../storage/ports'
import { readManifest, withDeleted, writeManifest } from './manifest'
import type { ManifestWriter } from './manifest-writer'

export const beingDeleted: Refusal = { status: 'SERVICE_NOT_AVAILABLE', reason: 'the queue is being deleted: put again once that is done' }

export interface QueueDeletionContext {
  log: CommitLog
  queues: ConsumeQueues
  config: StoreConfig
  manifest: ManifestWriter
  flushLog(): Promise<void>
  /** Does something while neither queues nor index are being flushed, and no list of them is written. */
  betweenFlushes<Result>(work: () => Promise<Result>): Promise<Result>
  /** The disk has refused something. @returns what the store stops with */
  onFailed(error: Error): StoreError
}

/**
 * Ends queues. The messages stay in the log until their files go; that the queue has none of them any more is noted in the list
 * of queues, with the end of the log as it is then. Once that is on the disk the queue is deleted, whatever happens next: an
 * open removes the files that are left, and recovery gives no place to messages that lie before. Until then nothing is put to
 * the queue: what comes after it begins at 0, and must not be taken for what came before.
 */
export class QueueDeletion {
  readonly #context: QueueDeletionContext

  constructor(context: QueueDeletionContext) {
    this.#context = context
  }

  /** @returns how many queues it had */
  deleteTopic(topic: string): Promise<number> {
    const { betweenFlushes, config, queues } = this.#context
    return betweenFlushes(async () => {
      await config.forgetTopic(topic)
      const all = [...(queues.topics.find(topic)?.queues.values() ?? [])]
      await this.#delete(all, [{ topic }])
      return all.length
    })
  }

  /** @returns whether it was there */
  deleteQueue(topic: string, queueId: number): Promise<boolean> {
    const { betweenFlushes, queues } = this.#context
    return betweenFlushes(async () => {
      const queue = queues.find(topic, queueId)
      if (queue !== undefined) await this.#delete([queue], [{ topic, queueId }])
      return queue !== undefined
    })
  }

  async #delete(deleted: readonly ConsumeQueue[], places: readonly { topic: string; queueId?: number }[]): Promise<void> {
    const { queues, config, onFailed } = this.#context
    if (deleted.length > 0) await this.#commit(deleted)
    try {
      await config.forgetOffsets(places)
      await queues.remove(deleted)
    } catch (error) {
      throw onFailed(error as Error)
    }
    queues.release(deleted)
  }

  /** The step after which the queues are deleted. */
  async #commit(deleted: readonly ConsumeQueue[]): Promise<void> {
    const { log, queues, manifest, flushLog, onFailed } = this.#context
    const upTo = log.maxOffset
    const noted = deleted.map(({ topic, queueId }) => ({ topic, queueId, upTo }))
    queues.hold(deleted)
    try {
      // The log must not end before: what is stored there then would be taken for deleted.
      await flushLog()
      await manifest.writeDeleted(noted)
    } catch (error) {
      queues.release(deleted)
      throw (error as StoreError).code === 'ERR_DISK_FULL' ? error : onFailed(error as Error)
    }
    queues.drop(deleted)
    for (const queue of noted) queues.setDeleted(queue)
  }
}

/**
 * What an open does about deletions that were interrupted, once the queues are there that came after them. Of a log that ends
 * before what was deleted, by damage: what is stored there from now on is not deleted.
 */
export async function settleDeletions({ backend, manifestPath, queues, config, log }: {
  backend: Backend
  manifestPath: string
  queues: ConsumeQueues
  config: StoreConfig
  log: CommitLog
}): Promise<void> {
  const deleted = [...queues.deletedQueues()]
  await config.forgetOffsets(deleted.filter(({ topic, queueId }) => queues.find(topic, queueId) === undefined))
  const limited = deleted.filter(({ upTo }) => upTo > log.maxOffset).map((queue) => ({ ...queue, upTo: log.maxOffset }))
  if (limited.length === 0) return
  for (const queue of limited) queues.setDeleted(queue)
  await writeManifest(backend, manifestPath, withDeleted(readManifest(backend, manifestPath), limited))
}
