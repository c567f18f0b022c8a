import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import { standsAt } from '../format/bytes'
import { readLong } from '../format/long'
import { PropertyName, forEachProperty } from '../format/properties'
import { Position, isQueued, type RecordParts } from '../format/record'
import type { RecordCheck } from './record-check'

/** Tells whether entry `index` of a queue leads to a whole record that says it is this message. */
export function leadsToItsMessage(log: CommitLog, check: RecordCheck, queue: ConsumeQueue, index: number, offset: number, size: number): boolean {
  const segment = log.segmentOf(offset, size)
  if (segment === undefined) return false
  const { bytes, view } = segment.mapping
  const position = offset - segment.fromOffset
  const finding = check.at(bytes, view, position, segment.size, offset)
  segment.assertIntact(position, position + size)
  if (finding !== 'record' || check.parts.size !== size) return false
  return isNumber(queue, index, bytes, view, position, check.parts) || isDispatchedTo(queue, bytes, position, check.parts)
}

/** Whether the record says that it is message `index` of the queue. */
function isNumber(queue: ConsumeQueue, index: number, bytes: Buffer, view: DataView, position: number, parts: RecordParts): boolean {
  return readLong(view, position + Position.queueOffset) === index && isOfQueue(queue, bytes, view, position, parts)
}

/** Whether the record says that it is of the queue. */
export function isOfQueue({ queueId, topicBytes }: ConsumeQueue, bytes: Buffer, view: DataView, position: number, parts: RecordParts): boolean {
  if (view.getInt32(position + Position.queueId) !== queueId || parts.topicLength !== topicBytes.length || !isQueued(parts.sysFlag)) return false
  return standsAt(topicBytes, bytes, position + parts.topicAt)
}

/** A message that was put into several queues bears the name of the first, and lists the others. */
function isDispatchedTo({ topic }: ConsumeQueue, bytes: Buffer, position: number, parts: RecordParts): boolean {
  const from = position + parts.propertiesAt
  let isListed = false
  forEachProperty(bytes.utf8Slice(from, from + parts.propertiesLength), (name, value) => {
    if (name === PropertyName.INNER_MULTI_DISPATCH) isListed = value.split(',').includes(topic)
  })
  return isListed
}
