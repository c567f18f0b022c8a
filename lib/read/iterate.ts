import { promisify } from 'node:util'
import type { StoredMessage } from '../format/stored-message'
import type { GetResult } from './get-result'
import type { ReadRequest } from '../types'

const nextTurn = promisify(setImmediate)

export interface IterationContext {
  get(request: ReadRequest): GetResult
  /** Resolves when the queue may have new messages, or the store has closed. */
  arrival(topic: string, queueId: number, signal: AbortSignal | undefined): Promise<void>
  isClosed(): boolean
  /** Commit log offset: what the queue has of messages before it is deleted. */
  deletedUpTo(topic: string, queueId: number): number
}

/**
 * The messages of a queue from an offset on, and, unless `follow` is false, those still to come; where the queue is deleted, those
 * of the one that comes after it, from 0 on. Ends when the store closes; throws the signal's reason when that is aborted, and
 * ERR_READ_REVOKED behind messages that could not wait for it.
 */
export async function* iterate(context: IterationContext, request: ReadRequest): AsyncGenerator<StoredMessage, void, void> {
  const { topic, queueId } = request
  let { offset } = request
  let deletedUpTo = context.deletedUpTo(topic, queueId)
  while (!context.isClosed()) {
    request.signal?.throwIfAborted()
    if (context.deletedUpTo(topic, queueId) > deletedUpTo) {
      deletedUpTo = context.deletedUpTo(topic, queueId)
      offset = 0
    }
    const result = context.get({ ...request, offset })
    try {
      for (const message of result.messages) {
        yield message
        request.signal?.throwIfAborted()
      }
      result.assertNotRevoked()
    } finally {
      result.release()
    }
    const isAtEnd = result.nextBeginOffset >= result.maxOffset && result.sizes.length === 0
    // A slave leaves offsets as they are; this reader wants what there is.
    offset = Math.max(result.nextBeginOffset, result.minOffset)
    if (!isAtEnd) {
      // A long way through entries that do not match, or through messages that nobody waits for, lets others have a turn.
      await nextTurn()
      continue
    }
    if (request.follow === false) return
    // Nothing may come between that look and this wait: what arrived then would not be told.
    await context.arrival(topic, queueId, request.signal)
  }
}
