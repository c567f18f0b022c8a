import t from 'tap'
import { progressText } from '../../lib/cli/progress'
import { row, table } from '../../lib/cli/screen'
import { agoText, bytesText, countOf, durationText, percentText, rateText, timeText } from '../../lib/cli/units'

/* The story: a number with too many digits, or without its unit, is read wrong at three in the morning. */

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

t.test('numbers with their units', async (t) => {
  t.strictSame([0, 1, 1023, 1024, 1536, 16_384, 1_000_000, 2 ** 30, 1.5 * 2 ** 40, 2 ** 62].map(bytesText), [
    '0 B', '1 B', '1,023 B', '1 KiB', '1.5 KiB', '16 KiB', '977 KiB', '1 GiB', '1.5 TiB', '4,096 PiB',
  ])
  t.strictSame([0, 999, 1000, MINUTE, 61 * SECOND, 3 * HOUR + MINUTE, 2 * DAY + 3 * HOUR + MINUTE, 400 * DAY + HOUR].map(durationText), [
    '0 ms', '999 ms', '1 s', '1 min', '1 min 1 s', '3 h 1 min', '2 d 3 h', '400 d',
  ])
  t.strictSame([0, 0.001, 0.5, 0.994, 0.999, 1].map(percentText), ['0 %', '0.1 %', '50 %', '99.4 %', '99.9 %', '100 %'])
  t.strictSame([0, 0.0123, 1, 99.94, 100, 12_345.6].map(rateText), ['0', '0.012', '1.0', '99.9', '100', '12,346'])
  t.strictSame([timeText(0), timeText(1e18)], ['1970-01-01 00:00:00 UTC', '1000000000000000000 ms'])
  t.strictSame([agoText(0, 999), agoText(0, MINUTE), agoText(DAY, 0)], ['now', '1 min ago', '1 d ahead'])
  t.strictSame([countOf(1, 'queue'), countOf(1234, 'queue'), countOf(2, 'entry', 'entries')], ['1 queue', '1,234 queues', '2 entries'])
})

t.test('columns are as wide as what is in them', async (t) => {
  t.strictSame(table([{ title: 'name' }, { title: 'n', align: 'right' }, { title: 'rest' }], [['a', '1', 'x'], ['longer', '1,000', '']]), [
    'name        n  rest',
    'a           1  x',
    'longer  1,000',
  ])
  t.equal(row('log', '1', (paint, text) => `<${paint}>${text}</>`), '<dim>log           </> 1')
})

t.test('progress, with what is left once that can be guessed', async (t) => {
  const log = { phase: 'log', done: 2 ** 30, total: 2 ** 32, unit: 'bytes' } as const
  t.equal(progressText(log, 0), 'reading log: 1 GiB of 4 GiB, 25 %')
  t.equal(progressText(log, 10_000), 'reading log: 1 GiB of 4 GiB, 25 %, 30 s left')
  t.equal(progressText({ ...log, done: 2 ** 32 }, 10_000), 'reading log: 4 GiB of 4 GiB, 100 %')
  t.equal(progressText({ phase: 'queues', done: 12_345, total: 0, unit: 'entries' }, 5000), 'reading queues: 12,345 entries')
})
