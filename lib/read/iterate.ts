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
}

/**
 * The messages of a queue from an offset on, and, unless `follow` is false, those still to come. Ends when the
 * store closes; throws the signal's reason when that is aborted, and ERR_READ_REVOKED behind messages that could not wait for it.
 */
export async function* iterate(context: IterationContext, request: ReadRequest): AsyncGenerator<StoredMessage, void, void> {
  let { offset } = request
  while (!context.isClosed()) {
    request.signal?.throwIfAborted()
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
    await context.arrival(request.topic, request.queueId, request.signal)
  }
}
