import type { ConsumerPlace } from '../config/consumer-offsets'
import { RETRY_TOPIC_PREFIX, isSystemTopic } from '../format/system-topics'
import type { MessageStore } from '../store'
import type { Labels } from './metrics'

/** How far a consumer group has come in a queue. */
export interface ConsumerOffset extends ConsumerPlace {
  /** Queue offset of the first message that it has still to consume. */
  offset: number
}

/** What a group has still to consume of a topic. */
export interface ConsumerLag {
  labels: Labels
  messages: number
  /** Age of the first of them, 0 for none. */
  milliseconds: number
}

const SYSTEM_GROUP_PREFIX = 'cid_rmq_sys_'

/** Adds up the queues of each group and topic, in the order in which they come. */
export function lagOfConsumers(store: MessageStore, labels: Labels, consumerOffsets: Iterable<ConsumerOffset>): Iterable<ConsumerLag> {
  const now = store.clock.now()
  const lags = new Map<string, ConsumerLag>()
  for (const { group, topic, queueId, offset } of consumerOffsets) {
    const key = JSON.stringify([group, topic])
    let lag = lags.get(key)
    if (lag === undefined) lags.set(key, lag = { labels: { ...labels, ...labelsOf(group, topic) }, messages: 0, milliseconds: 0 })
    const messages = store.maxOffset(topic, queueId) - offset
    if (messages <= 0) continue
    lag.messages += messages
    // What has been deleted before it was consumed counts, and has no time any more.
    const first = store.storeTimestamp(topic, queueId, Math.max(offset, store.minOffset(topic, queueId)))
    if (first >= 0) lag.milliseconds = Math.max(lag.milliseconds, now - first)
  }
  return lags.values()
}

function labelsOf(group: string, topic: string): Labels {
  const isSystem = isSystemTopic(topic) || group.toLowerCase().startsWith(SYSTEM_GROUP_PREFIX)
  return { consumer_group: group, topic, is_retry: String(topic.startsWith(RETRY_TOPIC_PREFIX)), is_system: String(isSystem) }
}
