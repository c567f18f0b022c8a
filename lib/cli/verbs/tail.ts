import { setTimeout as pause } from 'node:timers/promises'
import { readDispatchProperties, tagsCodeInQueue } from '../../dispatch/record-dispatch'
import { Position, isQueued } from '../../format/record'
import { StoredMessage } from '../../format/stored-message'
import { parseDelayLevels, type ResolvedOptions } from '../../options/options'
import { selectBackend } from '../../storage/backend'
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
    'after the start. A message is printed once it is whole in the log, flushed or not.',
  options: [],
  example: 'mqstore tail ./store orders 0',
  async run(context) {
    const [, topic, queue] = context.arguments.positionals as [string, string, string?]
    const queueId = queue === undefined ? undefined : parseWholeNumber(queue, 'QUEUE', 0)
    const interrupt = context.terminal.catchInterrupt()
    while (!interrupt.aborted) await followUntilCut(context, { topic, queueId }, interrupt)
    return ExitCode.fine
  },
}

interface Wanted {
  topic: string
  queueId: number | undefined
}

/** Ends with the interrupt, or when another process has taken back what it had written, as a recovery does. */
async function followUntilCut(context: VerbContext, wanted: Wanted, interrupt: AbortSignal): Promise<void> {
  const { output } = context
  // A read-only open finds the end of the log as a recovery would; from there on the log itself is read.
  const { from, options } = await withStore(context, async (store) => ({ from: store.maxPhyOffset, options: store.options }))
  const lines: string[] = []
  const follower = new LogFollower({
    backend: selectBackend(options.backend),
    directory: options.storePathCommitLog,
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
    lines.push(messageLine(message, { tagsCode }))
  }
}
