import { resolve } from 'node:path'
import type { QueueInfo } from '../../types'
import { ExitCode } from '../exit-code'
import { listRows, row, type Painter } from '../screen'
import { readFacts, type StoreFacts } from '../store-facts'
import { agoText, bytesText, countOf, countText, timeText } from '../units'
import type { Verb } from '../verb'

/** More queues or topics do not fit one screen. */
const LINES_MAX = 10
/** Of the longest name in a checkpoint. */
const FIELD_WIDTH = 19

export const info: Verb = {
  name: 'info',
  operands: 'DIR',
  summary:
    'Prints on one screen what is in the directory: segments, queues, offsets, checkpoint, who holds it, and what an open would do. ' +
    'Of the versions that have written there it says what can be known.',
  options: [{ name: 'json', description: 'prints one JSON object, lists in full' }],
  example: 'mqstore info ./store -c broker.properties',
  exits: 'Exit code 4: the store cannot be opened; what is known is printed all the same.',
  async run({ output, terminal: { machine }, arguments: given, openOptions }) {
    const facts = await readFacts(resolve(given.positionals[0]!), openOptions)
    if (given.has('json')) await output.json(facts)
    else for (const line of describe(facts, machine.clock.now(), output.paint)) await output.line(line)
    return facts.refusal === null ? ExitCode.fine : ExitCode.failed
  },
}

function describe(facts: StoreFacts, now: number, paint: Painter): string[] {
  const { refusal, checkpoint, recovery, queues, damage, lock, abort, oldest, newest } = facts
  const line = (label: string, value: string): string => row(label, value, paint)
  const list = <Item>(label: string, items: readonly Item[], describeItem: (item: Item) => string): string[] => listRows(label, items, describeItem, { paint })
  return [
    line('directory', facts.directory),
    line('backend', facts.backend),
    ...list('versions', facts.versions, (hint) => hint),
    ...(refusal === null ? [] : [line('refused', paint('red', `${refusal.code}: ${refusal.message}`))]),
    line('segments', facts.segmentSize === null ? 'none' : `${facts.segments} of ${bytesText(facts.segmentSize)}`),
    line('log', describeLog(facts)),
    ...(oldest === null ? [] : [line('oldest', `${timeText(oldest)}, ${agoText(oldest, now)}`)]),
    ...(newest === null ? [] : [line('newest', `${timeText(newest)}, ${agoText(newest, now)}`)]),
    line('index', facts.indexFiles === 0 ? 'no file' : countOf(facts.indexFiles, 'file')),
    ...list('checkpoint', checkpoint === null ? ['none'] : Object.entries(checkpoint).map(describeField), (field) => field),
    line('abort', abort === null ? 'not there: closed in order' : `there${abort === '' ? '' : ` (${abort})`}: open, or not closed in order`),
    line('lock', lock.holder === null ? `${lock.exists ? 'there' : 'not there'}, held by nobody that can be seen` : `held by ${lock.holder}`),
    ...(recovery === null ? [] : [line('an open would', `${recovery.label}: ${recovery.story}`)]),
    ...(recovery === null || recovery.zeroedBytes === 0 ? [] : [line('', `zero ${bytesText(recovery.zeroedBytes)} behind the end of the log`)]),
    ...list('files', recovery?.files ?? [], ({ file, action, reason }) => `${file}: ${action}, ${reason}`),
    ...list('damage', damage, ({ file, offset, unreadableBytes, reason }) => paint('yellow', `${unreadableBytes} bytes at ${offset} (${reason}) in ${file}`)),
    ...list('warnings', facts.warnings, ({ message, file }) => paint('yellow', `${message}${file === null ? '' : `: ${file}`}`)),
    ...list('not used', facts.unusedProperties, ({ key, reason }) => `${key}: ${reason}`),
    ...describeQueues(queues, paint),
  ]
}

function describeLog({ minPhyOffset, maxPhyOffset }: StoreFacts): string {
  if (minPhyOffset === null || maxPhyOffset === null) return 'unknown'
  return `offsets ${minPhyOffset} to ${maxPhyOffset}, ${bytesText(maxPhyOffset - minPhyOffset)}`
}

/** The times of a checkpoint are numbers like its offsets. */
function describeField([name, value]: [string, number]): string {
  const text = name.endsWith('Timestamp') && value > 0 ? timeText(value) : String(value)
  return `${name.padEnd(FIELD_WIDTH)} ${text}`
}

/** Each queue where they fit the screen, else the topics. */
function describeQueues(queues: readonly QueueInfo[], paint: Painter): string[] {
  const byTopic = new Map<string, QueueInfo[]>()
  for (const queue of queues) byTopic.set(queue.topic, [...(byTopic.get(queue.topic) ?? []), queue])
  const head = row('queues', `${countText(queues.length)} of ${countOf(byTopic.size, 'topic')}`, paint)
  if (queues.length <= LINES_MAX) {
    return [head, ...queues.map(({ topic, queueId, minOffset, maxOffset }) => row('', `${topic}/${queueId}: ${minOffset} to ${maxOffset}`, paint))]
  }
  const topics = [...byTopic].map(([topic, members]) => ({
    topic, queues: members.length, messages: members.reduce((sum, { minOffset, maxOffset }) => sum + maxOffset - minOffset, 0),
  }))
  const describeTopic = (topic: (typeof topics)[number]): string => `${topic.topic}: ${countOf(topic.messages, 'message')} in ${countOf(topic.queues, 'queue')}`
  return [head, ...listRows('', topics, describeTopic, { paint, max: LINES_MAX })]
}
