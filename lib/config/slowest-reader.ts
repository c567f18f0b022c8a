import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { ConsumerOffsets } from './consumer-offsets'

/** A message that not all have read who read its queue. */
export interface UnconsumedMessage {
  /** Commit log offset, in bytes. */
  commitLogOffset: number
  topic: string
  queueId: number
  queueOffset: number
  /** Who has yet to read it. */
  group: string
}

/**
 * The first message of the log that some group has yet to read: nothing before it is waited for. Undefined where all have been
 * read, or nobody reads. Topics that no group reads do not count.
 *
 * @param logMinOffset commit log offset; what lies before it is gone
 */
export function oldestUnconsumed(queues: ConsumeQueues, offsets: ConsumerOffsets, logMinOffset: number): UnconsumedMessage | undefined {
  let oldest: UnconsumedMessage | undefined
  for (const topic of offsets.topics) {
    for (const queue of queues.topics.find(topic)?.queues.values() ?? []) {
      const { group, offset } = offsets.slowest(topic, queue.queueId)!
      let queueOffset = Math.max(offset, queue.minOffset(logMinOffset))
      while (queueOffset < queue.maxOffset && queue.isLost(queueOffset)) queueOffset++
      if (queueOffset >= queue.maxOffset) continue
      const commitLogOffset = queue.offsetAt(queueOffset)
      if (oldest === undefined || commitLogOffset < oldest.commitLogOffset) {
        oldest = { commitLogOffset, topic, queueId: queue.queueId, queueOffset, group }
      }
    }
  }
  return oldest
}
