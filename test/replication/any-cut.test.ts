import fc from 'fast-check'
import t from 'tap'
import { deflateSync } from 'node:zlib'
import type { MessageStore } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { putRecorded } from '../support/recorded'
import { randomMessages } from '../support/random-messages'
import { bytesOf, catchUp, deliver, firstDifferenceInMemory, firstReadDifference, firstStoredDifference, openMaster, openSlave, temporaryDirectory } from './support'

/*
 * The story: a log comes over the network in pieces that begin and end anywhere: in a length, in a body, in the blank at the end of a
 * file. However it was cut, and wherever the connection was lost in between, the slave has the master's files byte for byte, and
 * whoever reads finds the same.
 *
 * CUT_RUNS=5000 in the environment looks longer. Not proved here: the protocol that carries the pieces (ha/), bytes that are none of
 * the master's (bad-bytes.test.ts), and crashes (intake-crash.test.ts).
 */

const RUNS = Number(process.env['CUT_RUNS'] ?? 150)

t.setTimeout(120_000)

const topics = ['a', 'orders', '%RETRY%group', 't'.repeat(127)]
const longTopics = [...topics, 'L'.repeat(128), 'M'.repeat(255)]

const content = fc.record({
  size: fc.oneof({ weight: 6, arbitrary: fc.nat({ max: 200 }) }, { weight: 1, arbitrary: fc.integer({ min: 600, max: 3500 }) }),
  isCompressed: fc.boolean(),
  tag: fc.constantFrom(undefined, 'TagA', 'Aa', '标签'),
  key: fc.constantFrom(undefined, 'k1', 'k1 k2', ' k2  k3'),
  sysFlag: fc.constantFrom(0, 0, 0, 4, 8, 12, 0x10),
})
type Content = typeof content extends fc.Arbitrary<infer Value> ? Value : never

const call = fc.record({ topic: fc.nat(), queueId: fc.constantFrom(0, 1, 7), contents: fc.array(content, { minLength: 1, maxLength: 4 }) })

const input = fc.record({
  compatibility: fc.constantFrom('4.9' as const, '5.3' as const),
  hasRecordCRC: fc.boolean(),
  calls: fc.array(call, { minLength: 1, maxLength: 40 }),
  cuts: fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 9000 })), { minLength: 1, maxLength: 20 }),
  losses: fc.array(fc.nat({ max: 3000 }), { maxLength: 4 }),
})
type Call = typeof call extends fc.Arbitrary<infer Value> ? Value : never

function bodyOf({ size, isCompressed }: Content): Buffer {
  const plain = Buffer.alloc(size, 'a body that says little ')
  return isCompressed ? deflateSync(plain) : plain
}

function propertiesOf({ tag, key }: Content): Record<string, string> {
  return { ...(tag !== undefined && { TAGS: tag }), ...(key !== undefined && { KEYS: key }), UNIQ_KEY: 'u1' }
}

function put(store: MessageStore, { topic, queueId, contents }: Call, names: readonly string[]): void {
  const place = { topic: names[topic % names.length]!, queueId }
  const [first, ...others] = contents.map((one) => ({ body: bodyOf(one), properties: propertiesOf(one) }))
  const { isCompressed, sysFlag } = contents[0]!
  const result = others.length > 0
    ? store.appendBatch({ ...place, messages: [first!, ...others] })
    : store.append({ ...place, ...first!, sysFlag: sysFlag & 0x10 ? 0 : sysFlag | (isCompressed ? 1 : 0), ...(sysFlag & 0x10 && { bornHost: '[2001:db8::9]:10911' }) })
  if (!result.isStored() && result.status !== 'MESSAGE_ILLEGAL') throw new Error(result.reason)
}

t.test('any messages, cut anywhere, with the connection lost anywhere', async (test) => {
  await fc.assert(fc.asyncProperty(input, async ({ compatibility, hasRecordCRC, calls, cuts, losses }) => {
    const names = compatibility === '5.3' ? longTopics : topics
    const options = { compatibility, ...(compatibility === '5.3' && hasRecordCRC && { enabledAppendPropCRC: true }) }
    const [ownBackend, otherBackend] = [createMemoryBackend(), createMemoryBackend()]
    const master = await openMaster(test, '/store', { ...options, ports: { backend: ownBackend } })
    const slave = await openSlave(test, '/store', { ...options, ports: { backend: otherBackend } })
    let next = 0
    const nextSize = (): number => cuts[next++ % cuts.length]!
    const { log } = slave.replication
    const partOf = Math.ceil(calls.length / (losses.length + 1))
    for (const [round, loss] of [...losses, 0].entries()) {
      for (const one of calls.slice(round * partOf, (round + 1) * partOf)) put(master, one, names)
      // All but the end comes, then the connection is lost.
      const from = log.resumeOffset
      const before = log.maxOffset
      const to = Math.max(from, master.maxPhyOffset - loss)
      deliver(log, from, bytesOf(master.replication.log, from, to), nextSize)
      if (log.maxOffset > Math.max(before, to)) throw new Error('more than came')
      if (loss > 0) log.cutBack()
    }
    const keys = names.flatMap((topic) => ['k1', 'k2', 'k3', 'u1'].map((key) => ({ topic, key })))
    const read = firstReadDifference(master, slave, keys)
    await master.close()
    await slave.close()
    const wrong = read ?? firstDifferenceInMemory(ownBackend, otherBackend)
    if (wrong !== undefined) throw new Error(wrong)
  }), { numRuns: RUNS })
  test.pass()
})

for (const compatibility of ['4.9', '5.3'] as const) {
  t.test(`${compatibility}: large messages on a real disk, in frames of 32 KiB and byte by byte`, async (test) => {
    const directory = temporaryDirectory(test)
    const options = { compatibility, mappedFileSizeCommitLog: 80_000 }
    const master = await openMaster(test, `${directory}/master`, options)
    const messages = randomMessages({ seed: 11, count: 120, withLongTopics: compatibility === '5.3' })
    for (const message of messages) await putRecorded(master, message)
    test.ok(master.maxPhyOffset > 240_000, 'several files')
    const keys = [...new Set(messages.map(({ topic }) => topic))].flatMap((topic) => ['k1', 'k7', 'k23', 'k50'].map((key) => ({ topic, key })))
    for (const [name, size] of [['frames', 32_768], ['bytes', 1]] as const) {
      const slave = await openSlave(test, `${directory}/${name}`, options)
      test.same(catchUp(slave.replication.log, master.replication.log, () => size), [])
      test.equal(slave.maxPhyOffset, master.maxPhyOffset)
      test.equal(firstReadDifference(master, slave, keys), undefined)
      await slave.close()
    }
    await master.close()
    for (const name of ['frames', 'bytes']) test.equal(firstStoredDifference(`${directory}/master`, `${directory}/${name}`), undefined, name)
  })
}
