import { setTimeout as pause } from 'node:timers/promises'
import { readDispatchProperties, tagsCodeInQueue } from '../../dispatch/record-dispatch'
import { Position, isQueued } from '../../format/record'
import { StoredMessage } from '../../format/stored-message'
import { logPathsOf, parseDelayLevels, type ResolvedOptions } from '../../options/options'
import type { GetResult } from '../../read/get-result'
import { selectBackend } from '../../storage/backend'
import type { MessageStore } from '../../store'
import { parseWholeNumber } from '../arguments'
import { ExitCode } from '../exit-code'
import { LogFollower, type RecordVisitor } from '../log-follower'
import { messageLine } from '../message-json'
import { withStore } from '../open-for-reading'
import type { Verb, VerbContext } from '../verb'

/** Milliseconds between two looks at the log. */
const LOOK_EVERY = 200

export const tail: Verb = {
  name: 'tail',
  operands: 'DIR TOPIC [QUEUE]',
  summary:
    'Prints messages as they arrive, as NDJSON, until SIGINT; another process may be writing them. Begins with what is written ' +
    'after the start, or with the last of what is there. A message is printed once it is whole in the log, flushed or not.',
  options: [
    { name: 'last', value: 'N', description: 'begins with the last N messages of each queue' },
    { name: 'no-body', description: 'leaves out bodyBase64' },
  ],
  example: 'mqstore tail ./store orders 0 --last 10',
  async run(context) {
    const [, topic, queue] = context.arguments.positionals as [string, string, string?]
    const queueId = queue === undefined ? undefined : parseWholeNumber(queue, 'QUEUE', 0)
    const wanted = { topic, queueId, withoutBody: context.arguments.has('no-body') }
    const interrupt = context.terminal.catchInterrupt()
    let last = context.arguments.number('last', 0) ?? 0
    while (!interrupt.aborted) {
      await followUntilCut(context, wanted, last, interrupt)
      last = 0
    }
    return ExitCode.fine
  },
}

interface Wanted {
  topic: string
  queueId: number | undefined
  withoutBody: boolean
}

/** Ends with the interrupt, or when another process has taken back what it had written, as a recovery does. */
async function followUntilCut(context: VerbContext, wanted: Wanted, last: number, interrupt: AbortSignal): Promise<void> {
  const { output } = context
  // A read-only open finds the end of the log as a recovery would; from there on the log itself is read.
  const { from, options } = await withStore(context, async (store) => {
    for (const line of lastLines(store, wanted, last)) await output.line(line)
    return { from: store.maxPhyOffset, options: store.options }
  })
  const lines: string[] = []
  const follower = new LogFollower({
    backend: selectBackend(options.backend),
    directories: logPathsOf(options).all,
    from,
    visit: collect(wanted, options, lines),
    warn: (message) => output.message(`warning: ${message}`),
  })
  output.message(`following ${wanted.topic} from offset ${from} of the log on`)
  try {
    while (!interrupt.aborted) {
      const found = follower.poll()
      for (const line of lines.splice(0)) await output.line(line)
      await output.flush()
      if (found === 'cut') {
        output.message(`warning: the log was cut before offset ${follower.offset}: going on at its new end`)
        return
      }
      if (found === 'end') await pause(LOOK_EVERY, undefined, { signal: interrupt }).catch(() => undefined)
    }
  } finally {
    follower.close()
  }
}

/** The last messages of each queue, in the order of the log. */
function lastLines(store: MessageStore, { topic, queueId, withoutBody }: Wanted, last: number): string[] {
  const found: { at: number; line: string }[] = []
  for (const queue of store.queues()) {
    if (queue.topic !== topic || queue.queueId !== (queueId ?? queue.queueId)) continue
    for (let offset = Math.max(queue.minOffset, queue.maxOffset - last); offset < queue.maxOffset; offset++) {
      const result = store.get({ topic, queueId: queue.queueId, offset, maxMessages: 1 })
      const message = messageOf(result)
      // A get passes over what is gone; then its message is the next one's.
      if (message?.queueOffset !== offset) continue
      found.push({ at: message.commitLogOffset, line: messageLine(message, { tagsCode: result.tagsCodes[0], withoutBody }) })
    }
  }
  return found.sort((left, right) => left.at - right.at).map(({ line }) => line)
}

/** Undefined where there is none, or a damaged one, of which the store tells. */
function messageOf(result: GetResult): StoredMessage | undefined {
  try {
    return result.messages[0]
  } catch {
    return undefined
  }
}

function collect(wanted: Wanted, options: Readonly<ResolvedOptions>, lines: string[]): RecordVisitor {
  const topicBytes = Buffer.from(wanted.topic)
  const delayLevels = parseDelayLevels(options.messageDelayLevel)
  return (bytes, view, position, parts) => {
    const topicAt = position + parts.topicAt
    if (!isQueued(parts.sysFlag) || topicBytes.compare(bytes, topicAt, topicAt + parts.topicLength) !== 0) return
    if (wanted.queueId !== undefined && view.getInt32(position + Position.queueId) !== wanted.queueId) return
    const message = new StoredMessage(Buffer.from(bytes.subarray(position, position + parts.size)))
    const properties = readDispatchProperties(bytes, position, parts)
    const tagsCode = tagsCodeInQueue(wanted.topic, properties, message.storeTimestamp, delayLevels)
    lines.push(messageLine(message, { tagsCode, withoutBody: wanted.withoutBody }))
  }
}
