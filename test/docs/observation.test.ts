import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { appendChannel, eventChannels, readChannel } from '../../lib/channels'
import { counters, gauges, histograms, type Metric } from '../../lib/observe/metrics'

/*
 * The story: an operator builds a dashboard from docs/observation.md, and finds what it says.
 */

const text = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'observation.md'), 'utf8')

/** Rows of the table below a heading, without its head. */
function rowsBelow(heading: string): string[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  return section.split('\n').filter((line) => line.startsWith('|')).slice(2)
}

t.test('the metrics are those of the library', async (t) => {
  const rowOf = ([name, { type, labels, description }]: [string, Metric]): string =>
    `| \`${name}\` | ${type} |${labels.map((label) => ` \`${label}\``).join('')} | ${description} |`
  t.strictSame(rowsBelow('Metrics'), Object.entries({ ...counters, ...gauges, ...histograms }).map(rowOf))
})

t.test('the channels are those of the library', async (t) => {
  const names = rowsBelow('Channels').map((row) => row.split('`')[1])
  t.strictSame(names, [appendChannel, readChannel, ...Object.values(eventChannels)].map(({ name }) => name))
})
