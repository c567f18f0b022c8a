import type { CommitLog } from '../commit-log/commit-log'
import { isIndexed, readDispatchProperties, tagsCodeInQueue, type DispatchProperties } from '../dispatch/record-dispatch'
import { forEachKey, keyHash, topicHash } from '../format/index-layout'
import { readLong } from '../format/long'
import { MAGIC_V1, MAGIC_V2, Position, RECORD_LENGTH_MIN, RecordParts, isQueued, locate } from '../format/record'

/** What queue and index must say of a record. */
export class RecordFacts {
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly offset: number
  readonly size: number
  readonly storeTimestamp: number
  readonly isQueued: boolean
  readonly #sysFlag: number
  readonly #properties: DispatchProperties

  constructor(bytes: Buffer, view: DataView, position: number, parts: RecordParts) {
    this.topic = bytes.utf8Slice(position + parts.topicAt, position + parts.topicAt + parts.topicLength)
    this.queueId = view.getInt32(position + Position.queueId)
    this.queueOffset = readLong(view, position + Position.queueOffset)
    this.offset = readLong(view, position + Position.physicalOffset)
    this.size = parts.size
    this.storeTimestamp = readLong(view, position + parts.storeTimestampAt)
    this.isQueued = isQueued(parts.sysFlag)
    this.#sysFlag = parts.sysFlag
    this.#properties = readDispatchProperties(bytes, position, parts)
  }

  tagsCode(delayLevels: readonly number[]): number {
    return tagsCodeInQueue(this.topic, this.#properties, this.storeTimestamp, delayLevels)
  }

  /** In the order in which the index gets them. */
  keyHashes(): number[] {
    const { uniqueKey, keys } = this.#properties
    const hashes: number[] = []
    if (!isIndexed(this.#sysFlag)) return hashes
    const hashOfTopic = topicHash(this.topic)
    if (uniqueKey !== undefined && uniqueKey !== '') hashes.push(keyHash(hashOfTopic, uniqueKey))
    if (keys !== undefined) forEachKey(keys, (key) => hashes.push(keyHash(hashOfTopic, key)))
    return hashes
  }
}

const parts = new RecordParts()

/** The record that stands at `offset` and names it as its own; its body is not looked at. */
export function recordAt(log: CommitLog, offset: number): RecordFacts | undefined {
  if (!Number.isSafeInteger(offset) || offset < 0) return undefined
  const segment = log.segmentOf(offset, RECORD_LENGTH_MIN)
  if (segment === undefined) return undefined
  const { bytes, view } = segment.mapping
  const position = offset - segment.fromOffset
  const magic = view.getInt32(position + Position.magic)
  const isRecord = (magic === MAGIC_V1 || magic === MAGIC_V2) && readLong(view, position + Position.physicalOffset) === offset
  if (!isRecord || locate(view, position, segment.size, parts) !== undefined) return undefined
  return new RecordFacts(bytes, view, position, parts)
}
