import type { StoreError } from '../errors'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { Topic } from '../consume-queue/topic-table'
import { topicHash } from '../format/index-layout'
import type { StoredMessage } from '../format/stored-message'
import type { IndexFiles } from '../index-file/index-files'
import type { QueryRequest, QueryResult } from '../types'
import type { LogReader } from '../commit-log/log-reader'

export interface QueryContext {
  index: IndexFiles | undefined
  reader: LogReader
  queues: ConsumeQueues
  visibleOffset(): number
  /** The most messages of one query. */
  maxMsgsNumBatch: number
  defaultQueryMaxNum: number
}

/** The engine asks again this often, each time for what is older than the last answer. */
const ROUNDS = 3

/**
 * Finds messages by key: the newest `max` matches, by ascending offset. Entries whose messages are gone, or were deleted with their
 * queue, are passed over; other keys with the same hash are not told apart, as in the engine.
 */
export function queryByKey(context: QueryContext, request: QueryRequest): QueryResult {
  const { index, reader, maxMsgsNumBatch, defaultQueryMaxNum } = context
  const result: QueryResult = { commitLogOffsets: [], messages: [], indexLastUpdateTimestamp: 0, indexLastUpdateOffset: 0 }
  if (index === undefined) return result
  const begin = request.begin ?? 0
  const max = Math.min(request.max ?? defaultQueryMaxNum, maxMsgsNumBatch)
  const topic = context.queues.topics.find(request.topic)
  const hash = topic?.hash ?? topicHash(request.topic)
  const accepts = acceptance(context, topic)
  let end = request.end ?? Number.MAX_SAFE_INTEGER
  for (let round = 0; round < ROUNDS && end >= begin; round++) {
    const answer = index.query(hash, request.key, { begin, end, max }, accepts)
    result.indexLastUpdateTimestamp = answer.lastUpdateTimestamp
    result.indexLastUpdateOffset = answer.lastUpdatePhyOffset
    if (answer.phyOffsets.length === 0) break
    const offsets = answer.phyOffsets
    if (offsets.length > 1) offsets.sort((left, right) => left - right)
    for (const offset of offsets) {
      const message = tryRead(reader, offset)
      if (message === undefined) continue
      result.commitLogOffsets.push(offset)
      result.messages.push(message)
    }
    if (result.messages.length > 0) break
    const oldest = reader.storeTimestamp(offsets[0]!)
    if (oldest < 0) break
    end = oldest
  }
  return result
}

/** Which messages may be found: those that are seen. The log has those of a queue that was deleted until their file goes. */
function acceptance(context: QueryContext, topic: Topic | undefined): (phyOffset: number) => boolean {
  const { queues, reader } = context
  const visibleOffset = context.visibleOffset()
  const deletedUpTo = topic?.deletedUpTo
  if (deletedUpTo === undefined || deletedUpTo.size === 0) return (phyOffset) => phyOffset < visibleOffset
  const lastDeleted = Math.max(...deletedUpTo.values())
  return (phyOffset) => {
    if (phyOffset >= visibleOffset || phyOffset >= lastDeleted) return phyOffset < visibleOffset
    const message = tryRead(reader, phyOffset)
    return message === undefined || phyOffset >= queues.deletedUpTo(message.topic, message.queueId)
  }
}

/** An index entry may outlive its message, or point anywhere when the file is damaged. */
function tryRead(reader: LogReader, offset: number): StoredMessage | undefined {
  try {
    return reader.messageAt(offset)
  } catch (error) {
    if ((error as StoreError).code === 'ERR_CORRUPT') return undefined
    throw error
  }
}
