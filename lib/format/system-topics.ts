import { SCHEDULE_TOPIC } from './tags-code'

/** Topics that RocketMQ 4.9 or 5.3 keeps for itself, and for which it makes an exception here and there. */
const systemTopics = new Set([
  'TBW102', SCHEDULE_TOPIC, 'BenchmarkTest', 'RMQ_SYS_TRANS_HALF_TOPIC', 'RMQ_SYS_TRACE_TOPIC', 'RMQ_SYS_TRANS_OP_HALF_TOPIC',
  'TRANS_CHECK_MAX_TIME_TOPIC', 'SELF_TEST_TOPIC', 'OFFSET_MOVED_EVENT', 'CHECKPOINT_TOPIC',
])
const SYSTEM_TOPIC_PREFIX = 'rmq_sys_'
export const RETRY_TOPIC_PREFIX = '%RETRY%'
const DEAD_LETTER_TOPIC_PREFIX = '%DLQ%'

export function isSystemTopic(topic: string): boolean {
  return systemTopics.has(topic) || topic.startsWith(SYSTEM_TOPIC_PREFIX)
}

/** Whether a topic holds what a consumer group has failed on: to be tried again, or given up. */
export function isRetryOrDeadLetterTopic(topic: string): boolean {
  return topic.startsWith(RETRY_TOPIC_PREFIX) || topic.startsWith(DEAD_LETTER_TOPIC_PREFIX)
}
