import t, { type Test } from 'tap'
import type { MessageStore } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { messageOfSize, openStore, type TestOptions } from '../store/support'

/*
 * The story: a consumer that is far behind has the master read from its disk what others could have from memory. `get` tells it to
 * ask the slave: what lies behind the last message that was looked at is more than accessMessageInMemoryMaxRatio of memory.
 *
 * Not proved here: that those messages are not in memory. As in the engine it is arithmetic.
 */

const SIZE = 100
const COUNT = 10

/** Ten records of 100 bytes, on a machine with 1000 bytes of memory: 40 % are the last four. */
async function openLog(test: Test, options: TestOptions): Promise<MessageStore> {
  const store = await openStore(test, '/store', { accessMessageInMemoryMaxRatio: 40, ...options, ports: { backend: createMemoryBackend(), memoryBytes: 1000 } })
  for (let at = 0; at < COUNT; at++) store.append(messageOfSize(SIZE))
  return store
}

const cases = [
  { compatibility: '4.9', advised: 5, why: 'it has come to the sixth message, with 400 bytes from there to the end' },
  { compatibility: '5.3', advised: 6, why: 'the message at which the answer is full does not count' },
] as const

for (const { compatibility, advised, why } of cases) {
  t.test(`${compatibility}: by how far it is from the last message looked at to the end of the log`, async (test) => {
    const store = await openLog(test, { compatibility, maxTransferCountOnMessageInDisk: COUNT })
    const suggestions = Array.from({ length: COUNT }, (_, index) => {
      const result = store.get({ topic: 'orders', queueId: 0, offset: 0, maxMessages: index + 1 })
      test.equal(result.messages.length, index + 1)
      return result.suggestPullingFromSlave
    })
    test.same(suggestions, Array.from({ length: COUNT }, (_, index) => index < advised), why)
  })

  t.test(`${compatibility}: not where nothing was looked at`, async (test) => {
    const store = await openLog(test, { compatibility })
    for (const offset of [-1, COUNT, COUNT + 1]) test.equal(store.get({ topic: 'orders', queueId: 0, offset }).suggestPullingFromSlave, false, `offset ${offset}`)
    test.equal(store.get({ topic: 'nothing', queueId: 0, offset: 0 }).suggestPullingFromSlave, false)
  })

  t.test(`${compatibility}: messages that a filter passes over count as well`, async (test) => {
    const store = await openLog(test, { compatibility })
    const from = (offset: number): boolean => store.get({ topic: 'orders', queueId: 0, offset, filter: 'none' }).suggestPullingFromSlave
    test.equal(from(0), false, 'all were looked at')
    const far = await openLog(test, { compatibility, mappedFileSizeConsumeQueue: 100 })
    test.equal(far.get({ topic: 'orders', queueId: 0, offset: 0, filter: 'none' }).suggestPullingFromSlave, true, 'five, to the end of a queue file')
  })

  t.test(`${compatibility}: the ratio is of all memory`, async (test) => {
    const none = await openLog(test, { compatibility, accessMessageInMemoryMaxRatio: 0 })
    test.equal(none.get({ topic: 'orders', queueId: 0, offset: 9 }).suggestPullingFromSlave, true)
    const all = await openLog(test, { compatibility, accessMessageInMemoryMaxRatio: 100 })
    test.equal(all.get({ topic: 'orders', queueId: 0, offset: 0, maxMessages: 1 }).suggestPullingFromSlave, false, 'not more than that')
  })
}
