import type { PreparedRecord } from '../commit-log/message-encoder'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { Topic } from '../consume-queue/topic-table'
import { readLong } from '../format/long'
import { PropertyName, forEachProperty } from '../format/properties'
import { Position, RECORD_LENGTH_MIN, SysFlag, isQueued, type RecordParts } from '../format/record'
import { SCHEDULE_TOPIC, deliverTime, tagsCodeOf } from '../format/tags-code'
import type { IndexFiles } from '../index-file/index-files'

/**
 * Gives each record of the log its place in a queue and its entries in the index: at once for a record just
 * written, and again during recovery for one found in the log.
 */
export class RecordDispatch {
  readonly #queues: ConsumeQueues
  readonly #index: IndexFiles | undefined
  readonly #delayLevels: readonly number[]

  constructor(queues: ConsumeQueues, index: IndexFiles | undefined, delayLevels: readonly number[]) {
    this.#queues = queues
    this.#index = index
    this.#delayLevels = delayLevels
  }

  /** For a record just written. @returns the tags code of its queue entry */
  written(record: PreparedRecord, topic: Topic, queue: ConsumeQueue): number {
    let tagsCode = 0
    if (isQueued(record.sysFlag)) {
      tagsCode = tagsCodeInQueue(topic.name, record, record.storeTimestamp, this.#delayLevels)
      queue.append(record.physicalOffset, record.size, tagsCode)
    }
    if (this.#index !== undefined && isIndexed(record.sysFlag)) {
      this.#index.put(topic.hash, record.uniqueKey, record.keys, record.physicalOffset, record.storeTimestamp)
    }
    return tagsCode
  }

  /**
   * For a record found in the log: what queue and index have already is left as it is.
   * @param mayBegin whether all earlier records have been seen, so that a gap before this one is a true one
   * @returns false when its queue lacks earlier messages that have not been seen
   */
  found(bytes: Buffer, view: DataView, position: number, parts: RecordParts, mayBegin: boolean): boolean {
    const topic = this.#queues.topics.findOrAdd(
      bytes.utf8Slice(position + parts.topicAt, position + parts.topicAt + parts.topicLength),
    )
    const offset = readLong(view, position + Position.physicalOffset)
    const storeTimestamp = readLong(view, position + parts.storeTimestampAt)
    const properties = readDispatchProperties(bytes, position, parts)
    const queueId = view.getInt32(position + Position.queueId)
    // A log from elsewhere may say anything: no queue is made outside of its directory.
    if (isQueued(parts.sysFlag) && queueId >= 0 && topic.canHaveQueues) {
      const queue = this.#queues.findOrCreate(topic, queueId)
      const claimed = readLong(view, position + Position.queueOffset)
      const queueOffset = isPlausible(claimed, queue, offset) ? claimed : queue.maxOffset
      if (queueOffset > queue.maxOffset) {
        if (!mayBegin) return false
        queue.skipTo(queueOffset)
      }
      if (queueOffset === queue.maxOffset) {
        const tagsCode = tagsCodeInQueue(topic.name, properties, storeTimestamp, this.#delayLevels)
        queue.append(offset, parts.size, tagsCode)
      }
    }
    if (this.#index !== undefined && isIndexed(parts.sysFlag) && offset > this.#index.coveredOffset) {
      this.#index.put(topic.hash, properties.uniqueKey, properties.keys, offset, storeTimestamp)
    }
    return true
  }
}

/** What the queue entry of a message holds beside its place. @param delayLevels milliseconds per level, level 1 first */
export function tagsCodeInQueue(
  topic: string, { tags, delay }: DispatchProperties, storeTimestamp: number, delayLevels: readonly number[],
): number {
  if (delay !== undefined && topic === SCHEDULE_TOPIC) {
    const time = deliverTime(delay, storeTimestamp, delayLevels)
    if (time !== undefined) return time
  }
  return tagsCodeOf(tags)
}

/**
 * No CRC covers the queue offset. The messages that it says came before must have had room in the log; where
 * they had not, a bit has flipped, and the message takes the next place.
 */
function isPlausible(queueOffset: number, queue: ConsumeQueue, logOffset: number): boolean {
  const missing = queueOffset - queue.maxOffset
  return queueOffset >= 0 && (missing <= 0 || missing * RECORD_LENGTH_MIN <= logOffset - queue.logEnd)
}

export function isIndexed(sysFlag: number): boolean {
  return (sysFlag & SysFlag.transactionMask) !== SysFlag.rollback
}

/** The properties that decide on a message's place in queue and index. */
export interface DispatchProperties {
  tags?: string
  keys?: string
  uniqueKey?: string
  delay?: string
}

const dispatchProperties: Readonly<Record<string, keyof DispatchProperties>> = {
  [PropertyName.TAGS]: 'tags',
  [PropertyName.KEYS]: 'keys',
  [PropertyName.UNIQ_KEY]: 'uniqueKey',
  [PropertyName.DELAY]: 'delay',
}

export function readDispatchProperties(bytes: Buffer, position: number, parts: RecordParts): DispatchProperties {
  const from = position + parts.propertiesAt
  const found: DispatchProperties = {}
  forEachProperty(bytes.utf8Slice(from, from + parts.propertiesLength), (name, value) => {
    const field = dispatchProperties[name]
    if (field !== undefined) found[field] = value
  })
  return found
}
