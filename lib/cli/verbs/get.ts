import { parseWholeNumber } from '../arguments'
import { ExitCode } from '../exit-code'
import { withStore } from '../open-for-reading'
import type { Verb } from '../verb'

export const get: Verb = {
  name: 'get',
  operands: 'DIR TOPIC QUEUE OFFSET',
  summary: 'Asks a queue as a consumer does, and prints the answer: its status, where to go on, and where the messages lie.',
  options: [
    { name: 'max', value: 'N', description: 'at most so many messages; 32 when left out' },
    { name: 'tags', value: '"A || B"', description: 'only messages with one of these tags' },
  ],
  example: 'mqstore get ./store orders 0 100 --max 8 --tags "paid || shipped"',
  async run(context) {
    const [, topic, queue, at] = context.arguments.positionals as [string, string, string, string]
    const queueId = parseWholeNumber(queue, 'QUEUE', 0)
    const offset = parseWholeNumber(at, 'OFFSET')
    const maxMessages = context.arguments.number('max', 1)
    const filter = context.arguments.text('tags')
    return withStore(context, async (store) => {
      const result = store.get({ topic, queueId, offset, maxMessages, filter })
      const { status, nextBeginOffset, minOffset, maxOffset, commitLogOffsets } = result
      result.release()
      await context.output.json({ status, nextBeginOffset, minOffset, maxOffset, commitLogOffsets })
      return ExitCode.fine
    })
  },
}
