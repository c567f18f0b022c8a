import { parseWholeNumber } from '../arguments'
import { ExitCode, UsageError } from '../exit-code'
import { withStore } from '../open-for-reading'
import type { Verb } from '../verb'

export const offsetByTime: Verb = {
  name: 'offset-by-time',
  operands: 'DIR TOPIC QUEUE MS',
  summary: 'Prints the queue offset for a store time in milliseconds since 1970.',
  options: [
    {
      name: 'boundary', value: 'lower|upper',
      description: 'lower: the first message stored then or later; upper: the last stored then or earlier; lower when left out',
    },
  ],
  example: 'mqstore offset-by-time ./store orders 0 1700000000000 --boundary upper',
  async run(context) {
    const [, topic, queue, time] = context.arguments.positionals as [string, string, string, string]
    const queueId = parseWholeNumber(queue, 'QUEUE', 0)
    const timestamp = parseWholeNumber(time, 'MS')
    const boundary = context.arguments.text('boundary') ?? 'lower'
    if (boundary !== 'lower' && boundary !== 'upper') throw new UsageError(`--boundary is lower or upper, not ${JSON.stringify(boundary)}`)
    return withStore(context, async (store) => {
      await context.output.line(String(store.offsetByTime({ topic, queueId, timestamp, boundary })))
      return ExitCode.fine
    })
  },
}
