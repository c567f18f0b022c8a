import { ExitCode } from '../exit-code'
import { messageLine } from '../message-json'
import { withStore } from '../open-for-reading'
import type { Verb } from '../verb'

export const query: Verb = {
  name: 'query',
  operands: 'DIR TOPIC KEY',
  summary: 'Prints the messages with a key, as NDJSON: the newest of them, by ascending commit log offset.',
  options: [
    { name: 'max', value: 'N', description: 'at most so many messages; 32 when left out' },
    { name: 'begin', value: 'MS', description: 'stored then or later' },
    { name: 'end', value: 'MS', description: 'stored then or earlier' },
  ],
  example: 'mqstore query ./store orders order-4711 --set maxHashSlotNum=5000000',
  async run(context) {
    const [, topic, key] = context.arguments.positionals as [string, string, string]
    const max = context.arguments.number('max', 1)
    const begin = context.arguments.number('begin', 0)
    const end = context.arguments.number('end', 0)
    return withStore(context, async (store) => {
      for (const message of store.query({ topic, key, max, begin, end }).messages) {
        await context.output.line(messageLine(message, {}))
      }
      return ExitCode.fine
    }, {})
  },
}
