import { resolve } from 'node:path'
import { ExitCode } from '../exit-code'
import { readFacts, type StoreFacts } from '../store-facts'
import type { Verb } from '../verb'

/** Queues and other lists are cut to this many lines, so that all fits one screen. */
const LINES_MAX = 10

export const info: Verb = {
  name: 'info',
  operands: 'DIR',
  summary:
    'Prints on one screen what is in the directory: segments, queues, offsets, checkpoint, who holds it, and what an open would do. ' +
    'Of the versions that have written there it says what can be known.',
  options: [{ name: 'json', description: 'prints one JSON object, lists in full' }],
  example: 'mqstore info ./store -c broker.properties',
  exits: 'Exit code 4: the store cannot be opened; what is known is printed all the same.',
  async run({ output, arguments: given, openOptions }) {
    const facts = await readFacts(resolve(given.positionals[0]!), openOptions)
    if (given.has('json')) await output.json(facts)
    else for (const line of describe(facts)) await output.line(line)
    return facts.refusal === null ? ExitCode.fine : ExitCode.failed
  },
}

function describe(facts: StoreFacts): string[] {
  const { refusal, checkpoint, recovery, queues, damage, lock, abort } = facts
  const topics = new Set(queues.map(({ topic }) => topic)).size
  return [
    row('directory', facts.directory),
    row('backend', facts.backend),
    ...facts.versions.map((hint, index) => row(index === 0 ? 'versions' : '', hint)),
    ...(refusal === null ? [] : [row('refused', `${refusal.code}: ${refusal.message}`)]),
    row('segments', facts.segmentSize === null ? 'none' : `${facts.segments} of ${facts.segmentSize} bytes`),
    row('log', facts.maxPhyOffset === null ? 'unknown' : `offsets ${facts.minPhyOffset} to ${facts.maxPhyOffset}`),
    row('index', `${facts.indexFiles} files`),
    row('checkpoint', checkpoint === null ? 'none' : Object.entries(checkpoint).map(([name, value]) => `${name} ${value}`).join(', ')),
    row('abort', abort === null ? 'not there: closed in order' : `there${abort === '' ? '' : ` (${abort})`}: open, or not closed in order`),
    row('lock', lock.holder === null ? `${lock.exists ? 'there' : 'not there'}, held by nobody that can be seen` : `held by ${lock.holder}`),
    ...(recovery === null ? [] : [row('an open would', `${recovery.label}: ${recovery.story}`)]),
    ...(recovery === null || recovery.zeroedBytes === 0 ? [] : [row('', `zero ${recovery.zeroedBytes} bytes behind the end of the log`)]),
    ...list(recovery?.files ?? [], 'files', ({ file, action, reason }) => `${file}: ${action}, ${reason}`),
    ...list(damage, 'damage', ({ file, offset, unreadableBytes, reason }) => `${unreadableBytes} bytes at ${offset} (${reason}) in ${file}`),
    ...list(facts.warnings, 'warnings', ({ message, file }) => `${message}${file === null ? '' : `: ${file}`}`),
    ...list(facts.unusedProperties, 'not used', ({ key, reason }) => `${key}: ${reason}`),
    row('queues', `${queues.length} of ${topics} topics`),
    ...list(queues, '', ({ topic, queueId, minOffset, maxOffset }) => `${topic}/${queueId}: ${minOffset} to ${maxOffset}`),
  ]
}

function row(name: string, value: string): string {
  return `${name.padEnd(14)} ${value}`
}

function list<Item>(items: readonly Item[], name: string, describeItem: (item: Item) => string): string[] {
  const rows = items.slice(0, LINES_MAX).map((item, index) => row(index === 0 ? name : '', describeItem(item)))
  return items.length > LINES_MAX ? [...rows, row('', `… and ${items.length - LINES_MAX} more; --json has all`)] : rows
}
