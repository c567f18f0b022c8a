import type { MessageStore } from '../../store'
import type { QueueInfo } from '../../types'
import { ExitCode } from '../exit-code'
import { messageLine } from '../message-json'
import { withStore } from '../open-for-reading'
import type { Output } from '../output'
import type { Verb } from '../verb'

/** Messages fetched at once. */
const FETCHED = 32

interface DumpRequest {
  from: number
  limit: number
  withoutBody: boolean
}

export const dump: Verb = {
  name: 'dump',
  operands: 'DIR',
  summary:
    'Prints every queue with its messages as NDJSON. The first line has the bounds of the commit log; each queue begins with a line ' +
    'of its own, and a place that cannot be read is a line with "getStatus".',
  options: [
    { name: 'topic', value: 'T', description: 'only the queues of this topic' },
    { name: 'queue', value: 'N', description: 'only the queues with this id' },
    { name: 'from', value: 'QUEUE_OFFSET', description: 'begins there in each queue' },
    { name: 'limit', value: 'N', description: 'prints at most so many messages in all' },
    { name: 'no-body', description: 'leaves out bodyBase64' },
  ],
  example: 'mqstore dump ./store --topic orders --queue 0 --from 100 --limit 10',
  async run(context) {
    const { output, arguments: given } = context
    const topic = given.text('topic')
    const queueId = given.number('queue', 0)
    const from = given.number('from', 0) ?? 0
    let limit = given.number('limit', 0) ?? Infinity
    return withStore(context, async (store) => {
      await output.json({ minPhyOffset: store.minPhyOffset, maxPhyOffset: store.maxPhyOffset })
      for (const queue of store.queues()) {
        if ((topic !== undefined && topic !== queue.topic) || (queueId !== undefined && queueId !== queue.queueId)) continue
        if (limit <= 0) break
        const { minOffset, maxOffset } = queue
        await output.json({ topic: queue.topic, queueId: queue.queueId, minOffset, maxOffset })
        limit -= await dumpQueue(store, queue, { from, limit, withoutBody: given.has('no-body') }, output)
      }
      return ExitCode.fine
    })
  },
}

/** @returns how many lines were printed */
async function dumpQueue(store: MessageStore, queue: QueueInfo, request: DumpRequest, output: Output): Promise<number> {
  let printed = 0
  let offset = Math.max(queue.minOffset, request.from)
  while (offset < queue.maxOffset && printed < request.limit) {
    const wanted = Math.min(FETCHED, request.limit - printed)
    const { lines, next } = readNeighbours(store, queue, offset, wanted, request) ?? readOne(store, queue, offset, request)
    for (const line of lines) await output.line(line)
    printed += lines.length
    // A hole that leads nowhere ends the queue, as it does for a consumer.
    if (next <= offset) break
    offset = next
  }
  return printed
}

interface Lines {
  lines: string[]
  /** Where to go on. */
  next: number
}

/** The messages from `offset` on up to the first hole; undefined where one is right there. */
function readNeighbours(
  store: MessageStore, { topic, queueId }: QueueInfo, offset: number, maxMessages: number, { withoutBody }: DumpRequest,
): Lines | undefined {
  const result = store.get({ topic, queueId, offset, maxMessages })
  const lines: string[] = []
  try {
    for (const [index, message] of result.messages.entries()) {
      // A get passes over what is gone; then the places have to be looked at one by one.
      if (message.queueOffset !== offset + index) break
      lines.push(messageLine(message, { tagsCode: result.tagsCodes[index], withoutBody }))
    }
  } catch {
    // One of them is damaged: one by one, too.
    return undefined
  } finally {
    result.release()
  }
  return lines.length > 0 ? { lines, next: offset + lines.length } : undefined
}

function readOne(store: MessageStore, { topic, queueId }: QueueInfo, offset: number, { withoutBody }: DumpRequest): Lines {
  const result = store.get({ topic, queueId, offset, maxMessages: 1 })
  const next = result.nextBeginOffset
  try {
    const [message] = result.messages
    if (message !== undefined && message.queueOffset > offset) {
      // Passed over: what was there is damaged, or gone.
      return { lines: [JSON.stringify({ topic, queueId, queueOffset: offset, getStatus: 'MESSAGE_WAS_REMOVING', next: message.queueOffset })], next: message.queueOffset }
    }
    if (message !== undefined) return { lines: [messageLine(message, { tagsCode: result.tagsCodes[0], withoutBody })], next }
    return { lines: [JSON.stringify({ topic, queueId, queueOffset: offset, getStatus: result.status, next })], next }
  } catch (error) {
    const damaged = { topic, queueId, queueOffset: offset, getStatus: result.status, next, error: (error as Error).message }
    return { lines: [JSON.stringify(damaged)], next }
  } finally {
    result.release()
  }
}
