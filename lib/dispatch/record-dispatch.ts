import type { PreparedRecord } from '../commit-log/message-encoder'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { Topic } from '../consume-queue/topic-table'
import { keyHashOf } from '../format/index-layout'
import { hashCodeOfBytes } from '../format/java-string'
import { PropertyName, forEachProperty } from '../format/properties'
import { KEY_SEPARATOR, type PropertyPlaces } from '../format/property-places'
import { SysFlag, isQueued, type RecordParts } from '../format/record'
import { SCHEDULE_TOPIC, deliverTime, tagsCodeOf } from '../format/tags-code'
import type { IndexFiles } from '../index-file/index-files'
import type { RecordRuns } from '../storage/record-runs'
import type { FoundRecord, QueuePlace } from './found-record'
import { QueuePlacement } from './queue-placement'

/**
 * Gives each record of the log its place in a queue and its entries in the index: at once for a record just
 * written, and again during recovery for one found in the log.
 */
export class RecordDispatch {
  readonly #queues: ConsumeQueues
  readonly #index: IndexFiles | undefined
  readonly #delayLevels: readonly number[]
  readonly #placement = new QueuePlacement()

  constructor(queues: ConsumeQueues, index: IndexFiles | undefined, delayLevels: readonly number[]) {
    this.#queues = queues
    this.#index = index
    this.#delayLevels = delayLevels
  }

  /** For a record just written. @returns the tags code of its queue entry */
  written(record: PreparedRecord, topic: Topic, queue: ConsumeQueue): number {
    const { frame, places, physicalOffset, sysFlag, storeTimestamp } = record
    let tagsCode = 0
    if (isQueued(sysFlag)) {
      tagsCode = this.#tagsCodeOf(frame, places, topic, storeTimestamp)
      queue.append(physicalOffset, record.size, tagsCode)
    }
    if (this.#index !== undefined && isIndexed(sysFlag)) this.#indexKeys(frame, places, topic.hash, physicalOffset, storeTimestamp, this.#index)
    return tagsCode
  }

  /**
   * For a record found in the log: what queue and index have already is left as it is.
   * @param mayBegin whether all earlier records have been seen, so that a gap before this one is a true one
   * @returns false when its queue lacks earlier messages that have not been seen
   */
  found({ bytes, topic, queueId, queueOffset, offset, size, sysFlag, storeTimestamp, places }: FoundRecord, mayBegin: boolean): boolean {
    // A log from elsewhere may say anything: no queue is made outside of its directory. And a queue that was deleted stays so.
    const deletedUpTo = topic.deletedUpTo.size === 0 ? 0 : topic.deletedUpTo.get(queueId) ?? 0
    if (isQueued(sysFlag) && queueId >= 0 && topic.canHaveQueues && offset >= deletedUpTo) {
      const queue = this.#queues.findOrCreate(topic, queueId)
      const saysItIsFirst = queueOffset === 0 && mayBegin && queue.maxOffset > 0 && offset >= queue.logEnd
      const placement = this.#placement.decide(topic, queue, queueOffset, offset, mayBegin)
      if (placement === 'unseen') return false
      if (placement === 'append') queue.append(offset, size, this.#tagsCodeOf(bytes, places, topic, storeTimestamp))
      if (placement === 'replace') queue.mend(queueOffset, offset, size, this.#tagsCodeOf(bytes, places, topic, storeTimestamp))
      if (saysItIsFirst) this.#placement.noteFirst(queue, { offset, size, tagsCode: this.#tagsCodeOf(bytes, places, topic, storeTimestamp) })
      if (queue.logBegin > deletedUpTo) topic.deletedUpTo.set(queueId, queue.logBegin)
    }
    if (this.#index !== undefined && isIndexed(sysFlag) && offset > this.#index.coveredOffset) {
      this.#index.makeRoom()
      this.#indexKeys(bytes, places, topic.hash, offset, storeTimestamp, this.#index)
    }
    return true
  }

  /**
   * As {@link found}, for many records that each follow the one before it in its queue. Where one of them may need a decision
   * nothing is done.
   * @param placeOf the queue of a run
   * @returns whether it was
   */
  foundAll(runs: RecordRuns, placeOf: (run: number) => QueuePlace): boolean {
    if (runs.count === 0 || !this.#placement.isSettled || this.#index?.hasRoomFor(runs) === false) return false
    const queues: ConsumeQueue[] = []
    for (let run = 0; run < runs.count; run++) {
      const queue = this.#queueThatGoesOn(runs, run, placeOf(run))
      if (queue === undefined) return false
      queues.push(queue)
    }
    for (const [run, queue] of queues.entries()) queue.appendAll(runs.entries(run), runs.logEnd(run))
    this.#index?.putAll(runs)
    return true
  }

  /** The queue, where the first record of the run is its next one, and it was not deleted. */
  #queueThatGoesOn(runs: RecordRuns, run: number, { topic, queueId }: QueuePlace): ConsumeQueue | undefined {
    const offset = runs.logBegin(run)
    const deletedUpTo = topic.deletedUpTo.get(queueId) ?? 0
    if (queueId < 0 || !topic.canHaveQueues || offset < deletedUpTo) return undefined
    const queue = this.#queues.findOrCreate(topic, queueId)
    const goesOn = runs.queueOffset(run) === queue.maxOffset && offset >= queue.logEnd
    return goesOn ? queue : undefined
  }

  /** Before {@link found}, of a record that goes on behind the log: whether what it says of its place cannot be, in the same log. */
  contradicts({ queueOffset, sysFlag }: FoundRecord, queue: ConsumeQueue): boolean {
    return isQueued(sysFlag) && this.#placement.contradicts(queue, queueOffset)
  }

  #tagsCodeOf(bytes: Buffer, { tags, delay }: PropertyPlaces, topic: Topic, storeTimestamp: number): number {
    if (delay.to > delay.from && topic.name === SCHEDULE_TOPIC) {
      const time = deliverTime(bytes.utf8Slice(delay.from, delay.to), storeTimestamp, this.#delayLevels)
      if (time !== undefined) return time
    }
    return tags.hash
  }

  #indexKeys(
    bytes: Buffer, { uniqueKey, keys }: PropertyPlaces, topicHash: number, offset: number, storeTimestamp: number, index: IndexFiles,
  ): void {
    if (uniqueKey.to > uniqueKey.from) index.put(keyHashOf(uniqueKey.hash), offset, storeTimestamp)
    if (!keys.isSeveral) {
      if (keys.to > keys.from) index.put(keyHashOf(keys.hash), offset, storeTimestamp)
      return
    }
    for (let from = keys.from; from < keys.to; ) {
      let to = from
      while (to < keys.to && bytes[to] !== KEY_SEPARATOR) to++
      if (to > from) index.put(keyHashOf(hashCodeOfBytes(bytes, from, to, topicHash)), offset, storeTimestamp)
      from = to + 1
    }
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
