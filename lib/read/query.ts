import type { StoreError } from '../errors'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
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
  const hash = topicHash(request.topic)
  const visibleOffset = context.visibleOffset()
  const isDeleted = deletionTest(context, request.topic)
  let end = request.end ?? Number.MAX_SAFE_INTEGER
  for (let round = 0; round < ROUNDS && result.messages.length === 0 && end >= begin; round++) {
    const answer = index.query(hash, request.key, { begin, end, max }, (phyOffset) => phyOffset < visibleOffset && !isDeleted(phyOffset))
    result.indexLastUpdateTimestamp = answer.lastUpdateTimestamp
    result.indexLastUpdateOffset = answer.lastUpdatePhyOffset
    if (answer.phyOffsets.length === 0) break
    const offsets = answer.phyOffsets.sort((left, right) => left - right)
    for (const offset of offsets) {
      const message = tryRead(reader, offset)
      if (message === undefined) continue
      result.commitLogOffsets.push(offset)
      result.messages.push(message)
    }
    const oldest = reader.storeTimestamp(offsets[0]!)
    if (oldest < 0) break
    end = oldest
  }
  return result
}

/** The log has the messages of a queue that was deleted until their file goes. */
function deletionTest({ queues, reader }: QueryContext, topic: string): (phyOffset: number) => boolean {
  const lastDeleted = Math.max(0, ...(queues.topics.find(topic)?.deletedUpTo.values() ?? []))
  return (phyOffset) => {
    const message = phyOffset < lastDeleted ? tryRead(reader, phyOffset) : undefined
    return message !== undefined && phyOffset < queues.deletedUpTo(message.topic, message.queueId)
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
