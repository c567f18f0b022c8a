import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { TimeHistogram } from '../../lib/cli/time-histogram'
import { goldenStores } from '../support/golden'
import { command } from './command'
import { NOW, stillMachine } from './screen'
import { makeStore, makeStoreInTime, smallFilesWords, topics } from './store-of-messages'

/* The story: an operator asks what fills the disk, and plans by the answer. */

const SECOND = 1000

async function statsOf(directory: string, ...words: string[]): Promise<any> {
  const { exitCode, lines } = await command(['stats', directory, '--json', ...words], '', { machine: stillMachine })
  t.equal(exitCode, 0)
  t.equal(lines.length, 1)
  return lines[0]
}

t.test('what was put is what is counted', async (t) => {
  const directory = join(t.testdir(), 'store')
  const results = await makeStoreInTime(directory, 300, NOW - 300 * SECOND, SECOND)
  const stats = await statsOf(directory, ...smallFilesWords)
  const bytesOf = (wanted: (number: number) => boolean): number => results.reduce((sum, { bytes }, number) => sum + (wanted(number) ? bytes : 0), 0)
  const [oldest, newest] = [results[0]!.storeTimestamp, results[299]!.storeTimestamp]
  t.match(stats, { directory, now: NOW, messages: 300, bytes: bytesOf(() => true), oldest, newest, unqueued: 0, damage: [] })
  t.equal(stats.messagesPerSecond, Number((300 / ((newest - oldest) / SECOND)).toPrecision(6)))
  t.match(stats.log, { segments: 5, segmentSize: 16_384, minPhyOffset: 0 })
  t.equal(stats.log.maxPhyOffset, results[299]!.offset + results[299]!.bytes)
  t.equal(stats.log.lastSegmentUsedRatio, (stats.log.maxPhyOffset - 65_536) / 16_384)
  t.strictSame(stats.volumes, [{ path: directory, totalBytes: 100 * 2 ** 30, freeBytes: 40 * 2 ** 30, usedRatio: 0.6, takesSegments: true }])
  t.strictSame(stats.topics.map(({ topic }: any) => topic), topics)
  for (const [index, { messages, bytes, queues }] of stats.topics.entries()) {
    t.strictSame({ messages, bytes }, { messages: 150, bytes: bytesOf((number) => number % 2 === index) })
    for (const queue of queues) {
      const isOfQueue = (number: number): boolean => number % 2 === index && (number >> 1) % 2 === queue.queueId
      t.match(queue, { minOffset: 0, maxOffset: 75, messages: 75, bytes: bytesOf(isOfQueue) })
      t.equal(queue.newest, results.findLast((_, number) => isOfQueue(number))!.storeTimestamp)
    }
  }
  t.equal(stats.times.spans.reduce((sum: number, { messages }: any) => sum + messages, 0), 300)
  t.strictSame(stats.files.map(({ name, files, length }: any) => [name, files, length]).slice(0, 2), [['commitlog', 5, 5 * 16_384], ['consumequeue', 16, 16 * 400]])
  t.ok(stats.index.files > 1)
  t.ok(stats.index.lastFileUsedRatio > 0 && stats.index.lastFileUsedRatio <= 1)
  t.equal((await statsOf(directory)).index.lastFileUsedRatio, null, 'without the sizes nobody can say')
})

t.test('one topic, and some of the time', async (t) => {
  const directory = join(t.testdir(), 'store')
  const results = await makeStoreInTime(directory, 300, NOW - 300 * SECOND, SECOND)
  for (const [begin, end] of [[0, 299], [10, 20], [150, 299], [299, 299], [0, 0]] as const) {
    const words = ['--begin', String(results[begin]!.storeTimestamp), '--end', String(results[end]!.storeTimestamp)]
    const stats = await statsOf(directory, ...words)
    t.equal(stats.messages, end - begin + 1, `${begin} to ${end}`)
    t.equal(stats.oldest, results[begin]!.storeTimestamp)
    const orders = await statsOf(directory, ...words, '--topic', 'orders')
    t.equal(orders.messages, results.filter((_, number) => number >= begin && number <= end && number % 2 === 0).length)
    t.strictSame(orders.topics.map(({ topic }: any) => topic), ['orders'])
  }
  const none = await statsOf(directory, '--begin', String(NOW + SECOND))
  t.match(none, { messages: 0, oldest: null, messagesPerSecond: null, topics: [{ queues: [{ minOffset: 0, maxOffset: 75, messages: 0 }, {}] }, {}] })
})

t.test('a log in several directories', async (t) => {
  const directory = join(t.testdir(), 'store')
  const storePathCommitLog = ['a', 'b'].map((name) => join(directory, `log-${name}`)).join(',')
  const results = await makeStore(directory, 300, { storePathCommitLog })
  const stats = await statsOf(directory, '--set', `storePathCommitLog=${storePathCommitLog}`)
  t.equal(stats.messages, results.length)
  t.match(stats.files[0], { name: 'commitlog', files: 5, length: 5 * 16_384 })
  t.strictSame(stats.volumes.map(({ takesSegments }: any) => takesSegments), [true])
})

t.test('damage is left out, and told', async (t) => {
  const directory = join(t.testdir(), 'store')
  const results = await makeStore(directory, 300)
  const log = join(directory, 'commitlog', '00000000000000000000')
  const bytes = readFileSync(log)
  bytes.fill(255, results[5]!.offset, results[5]!.offset + 20)
  writeFileSync(log, bytes)
  const stats = await statsOf(directory)
  t.equal(stats.messages, 299)
  t.match(stats.damage, [{ offset: results[5]!.offset, unreadableBytes: results[5]!.bytes }])
  t.match((await command(['stats', directory])).stdout, /damage +\d+ B cannot be read: mqstore check/)
})

t.test('a store without a message', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 0)
  const { exitCode, stdout } = await command(['stats', directory])
  t.equal(exitCode, 0)
  t.match(stdout, /messages +0, 0 B, in 0 queues of 0 topics/)
})

t.test('what the engine wrote', async (t) => {
  for (const golden of goldenStores()) {
    const directory = golden.unpack(t.testdir())
    const words = Object.entries({ ...golden.settings, compatibility: golden.compatibility }).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    const stats = await statsOf(directory, ...words)
    const messages = golden.read().filter((line: any) => 'commitLogOffset' in line) as { topic: string; storeSize: number }[]
    t.equal(stats.messages - stats.unqueued, messages.length, golden.name)
    const queued = stats.topics.flatMap(({ queues }: any) => queues).reduce((sum: number, { minOffset, maxOffset }: any) => sum + maxOffset - minOffset, 0)
    t.equal(queued, messages.length)
    if (stats.unqueued === 0) t.equal(stats.bytes, messages.reduce((sum, { storeSize }) => sum + storeSize, 0))
  }
})

t.test('a histogram loses nothing, however wide it gets', async () => {
  const times = fc.array(fc.record({ time: fc.oneof(fc.nat(100_000), fc.nat(1e9), fc.maxSafeNat()), bytes: fc.nat(1000) }), { minLength: 1, maxLength: 100 })
  fc.assert(fc.property(times, (entries) => {
    const histogram = new TimeHistogram()
    for (const { time, bytes } of entries) histogram.add(time, bytes)
    const { spans, width } = histogram
    if (spans.length > 25) return false
    const counted = entries.every(({ time }) => spans.some(({ from }) => time >= from && time < from + width))
    const isRight = spans.every(({ from, messages, bytes }) => {
      const within = entries.filter(({ time }) => time >= from && time < from + width)
      return within.length === messages && within.reduce((sum, entry) => sum + entry.bytes, 0) === bytes
    })
    return counted && isRight
  }))
})
