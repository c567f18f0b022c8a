import t from 'tap'
import type { GetRequest, MessageStore } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { bodies, message, openStore, recordLength, type TestOptions } from '../store/support'

/*
 * The story: consumers are driven by a status and by where to go on. One wrong answer and a consumer loops, skips
 * messages, or jumps back to the start of its queue. These are the engine's rules, one by one, in both versions.
 *
 * The numbers that the documentation of the engine leaves open (800 entries, the first message although none is
 * wanted) were asked of 4.9.7 and 5.3.3. Not proved here: that the engine agrees in all else (test/golden).
 */

const queue = { topic: 'orders', queueId: 0 }

/** A queue of `count` messages of 100 bytes of body; queue files of 10 entries. */
async function openQueue(test: Parameters<typeof openStore>[0], count: number, options: TestOptions = {}): Promise<MessageStore> {
  const store = await openStore(test, '/store', { mappedFileSizeCommitLog: 1 << 20, ...options, ports: { backend: createMemoryBackend() } })
  for (let at = 0; at < count; at++) store.append(message({ body: Buffer.from(String(at).padStart(100)), properties: { TAGS: at % 2 ? 'odd' : 'even' } }))
  return store
}

function ask(store: MessageStore, request: Partial<GetRequest>) {
  const { status, nextBeginOffset, minOffset, maxOffset, commitLogOffsets } = store.get({ ...queue, offset: 0, ...request })
  return { status, nextBeginOffset, minOffset, maxOffset, count: commitLogOffsets.length }
}

for (const compatibility of ['4.9', '5.3'] as const) {
  t.test(`${compatibility}: outside of the queue`, async (test) => {
    const store = await openQueue(test, 5, { compatibility })
    const nothing = { status: 'NO_MESSAGE_IN_QUEUE', nextBeginOffset: 0, minOffset: 0, maxOffset: 0, count: 0 }
    test.same(ask(store, { topic: 'unknown', offset: 7 }), nothing, 'unknown topic')
    test.same(ask(store, { queueId: 1, offset: 7 }), nothing, 'unknown queue')
    store.append(message({ topic: 'half', sysFlag: 4 }))
    test.same(ask(store, { topic: 'half', offset: 1 }), nothing, 'a queue of prepared messages is empty')
    const bounds = { minOffset: 0, maxOffset: 5, count: 0 }
    test.same(ask(store, { offset: 5 }), { status: 'OFFSET_OVERFLOW_ONE', nextBeginOffset: 5, ...bounds })
    test.same(ask(store, { offset: 6 }), { status: 'OFFSET_OVERFLOW_BADLY', nextBeginOffset: 5, ...bounds })
    test.same(ask(store, { offset: -1 }), { status: 'OFFSET_TOO_SMALL', nextBeginOffset: 0, ...bounds })
  })

  t.test(`${compatibility}: a slave leaves the offset, unless it is told to check it`, async (test) => {
    for (const { offsetCheckInSlave, next } of [{ offsetCheckInSlave: false, next: [7, 6, -1] }, { offsetCheckInSlave: true, next: [0, 5, 0] }]) {
      const backend = createMemoryBackend()
      const master = await openStore(test, '/store', { compatibility, ports: { backend } })
      for (let at = 0; at < 5; at++) master.append(message())
      await master.close()
      const slave = await openStore(test, '/store', { compatibility, brokerRole: 'SLAVE', offsetCheckInSlave, ports: { backend } })
      const asked = [ask(slave, { topic: 'unknown', offset: 7 }), ask(slave, { offset: 6 }), ask(slave, { offset: -1 })]
      test.same(asked.map(({ nextBeginOffset }) => nextBeginOffset), next, `offsetCheckInSlave ${offsetCheckInSlave}`)
      test.same(asked.map(({ status }) => status), ['NO_MESSAGE_IN_QUEUE', 'OFFSET_OVERFLOW_BADLY', 'OFFSET_TOO_SMALL'])
      test.equal(ask(slave, { offset: 5 }).nextBeginOffset, 5)
    }
  })

  t.test(`${compatibility}: never past the end of a queue file`, async (test) => {
    const store = await openQueue(test, 25, { compatibility })
    test.same(ask(store, { offset: 3 }), { status: 'FOUND', nextBeginOffset: 10, minOffset: 0, maxOffset: 25, count: 7 })
    test.same(ask(store, { offset: 10 }), { status: 'FOUND', nextBeginOffset: 20, minOffset: 0, maxOffset: 25, count: 10 })
    test.same(ask(store, { offset: 24 }), { status: 'FOUND', nextBeginOffset: 25, minOffset: 0, maxOffset: 25, count: 1 })
    await store.flush()
    test.equal(ask(store, { offset: 3 }).nextBeginOffset, 10, 'nor once the files are written')
  })

  t.test(`${compatibility}: how many messages`, async (test) => {
    const store = await openQueue(test, 60, { compatibility, mappedFileSizeConsumeQueue: 2000 })
    test.equal(ask(store, { maxMessages: 5 }).count, 5)
    test.equal(ask(store, { maxMessages: 1 }).nextBeginOffset, 1)
    test.equal(ask(store, {}).count, 32, '32 when nobody says')
    test.equal(ask(store, { maxMessages: 60 }).count, 32, 'and at most, by maxTransferCountOnMessageInMemory')
    const generous = await openQueue(test, 60, { compatibility, mappedFileSizeConsumeQueue: 2000, maxTransferCountOnMessageInMemory: 50 })
    test.equal(ask(generous, { maxMessages: 60 }).count, 50)
    test.equal(ask(generous, { maxMessages: 49 }).nextBeginOffset, 49)
    test.equal(ask(generous, { maxMessages: 0 }).count, 1, 'always one')
  })

  t.test(`${compatibility}: how many bytes`, async (test) => {
    const one = recordLength('orders', 100, compatibility === '4.9' ? 9 : 10)
    for (const { bytes, count } of [{ bytes: 3 * one, count: 3 }, { bytes: 3 * one - 1, count: 2 }, { bytes: 1, count: 1 }]) {
      // Odd and even differ by a byte of tag: all are even here.
      const store = await openStore(test, '/store', {
        compatibility, mappedFileSizeCommitLog: 1 << 20, maxTransferBytesOnMessageInMemory: bytes, ports: { backend: createMemoryBackend() },
      })
      for (let at = 0; at < 6; at++) store.append(message({ body: Buffer.alloc(100), properties: { TAGS: 'even' } }))
      test.equal(ask(store, {}).count, count, `${bytes} in memory`)
    }
  })

  t.test(`${compatibility}: less from the disk`, async (test) => {
    const onDisk = { compatibility, mappedFileSizeConsumeQueue: 2000, accessMessageInMemoryMaxRatio: 0 }
    const store = await openQueue(test, 60, onDisk)
    test.equal(ask(store, {}).count, 8, '8 messages, by maxTransferCountOnMessageInDisk')
    const few = await openQueue(test, 60, { ...onDisk, maxTransferCountOnMessageInDisk: 3 })
    test.equal(ask(few, {}).count, 3)
    const small = await openQueue(test, 60, { ...onDisk, maxTransferBytesOnMessageInDisk: 600 })
    test.equal(ask(small, {}).count, 2)
    test.equal(store.get({ ...queue, offset: 0 }).suggestPullingFromSlave, true, 'and a slave should serve it')
    const near = await openQueue(test, 60, { compatibility, mappedFileSizeConsumeQueue: 2000 })
    test.equal(near.get({ ...queue, offset: 0 }).suggestPullingFromSlave, false)
  })

  t.test(`${compatibility}: a first message larger than every limit comes alone`, async (test) => {
    const store = await openStore(test, '/store', { compatibility, mappedFileSizeCommitLog: 1 << 20, ports: { backend: createMemoryBackend() } })
    store.append(message({ body: Buffer.alloc(300_000) }))
    store.append(message())
    test.same(ask(store, { maxBytes: 100 }), { status: 'FOUND', nextBeginOffset: 1, minOffset: 0, maxOffset: 2, count: 1 })
    test.same(ask(store, { offset: 1 }).count, 1)
  })

  t.test(`${compatibility}: tags`, async (test) => {
    const store = await openQueue(test, 10, { compatibility })
    test.same(ask(store, { filter: 'odd', maxMessages: 2 }), { status: 'FOUND', nextBeginOffset: 4, minOffset: 0, maxOffset: 10, count: 2 }, 'stops at the first that would be too many')
    test.equal(ask(store, { filter: 'odd' }).count, 5)
    test.equal(ask(store, { filter: 'odd || even' }).count, 10)
    test.equal(ask(store, { filter: ' odd||nothing ' }).count, 5)
    test.equal(ask(store, { filter: '*' }).count, 10)
    test.equal(ask(store, { filter: '' }).count, 10)
    test.same(ask(store, { offset: 2, filter: 'nothing' }), { status: 'NO_MATCHED_MESSAGE', nextBeginOffset: 10, minOffset: 0, maxOffset: 10, count: 0 })
    test.throws(() => store.get({ ...queue, offset: 0, filter: '||' }), { code: 'ERR_INVALID_ARGUMENT' })
  })

  t.test(`${compatibility}: tags with the same hash code are not told apart`, async (test) => {
    const store = await openStore(test, '/store', { compatibility, ports: { backend: createMemoryBackend() } })
    for (const tag of ['Aa', 'BB', 'C']) store.append(message({ body: Buffer.from(tag), properties: { TAGS: tag } }))
    const result = store.get({ ...queue, offset: 0, filter: 'Aa' })
    test.same(bodies(result.messages), ['Aa', 'BB'], 'the consumer does that')
    test.same(result.tagsCodes, [2112, 2112])
  })

  t.test(`${compatibility}: no more than the engine scans at once`, async (test) => {
    const options = { compatibility, mappedFileSizeCommitLog: 1 << 20, mappedFileSizeConsumeQueue: 20_000 }
    const store = await openStore(test, '/store', { ...options, ports: { backend: createMemoryBackend() } })
    for (let at = 0; at < 900; at++) store.append(message())
    const { status, nextBeginOffset } = ask(store, { filter: 'nothing' })
    test.equal(status, 'NO_MATCHED_MESSAGE')
    test.equal(nextBeginOffset, 800, '16000 bytes of entries')
    test.equal(ask(store, { filter: 'nothing', maxMessages: 850 }).nextBeginOffset, 850, 'or as many as are wanted')
  })

  t.test(`${compatibility}: the caller's filter`, async (test) => {
    const store = await openQueue(test, 10, { compatibility })
    const asked: number[] = []
    const filtered = store.get({
      ...queue, offset: 0,
      filter: {
        matchesEntry: (tagsCode) => tagsCode === 109_871,
        matchesMessage: (stored) => {
          asked.push(stored.queueOffset)
          return stored.queueOffset > 4
        },
      },
    })
    test.same(bodies(filtered.messages).map(Number), [5, 7, 9])
    test.same(asked, [1, 3, 5, 7, 9], 'the message is asked for only where the entry passed')
    test.equal(ask(store, { filter: { matchesEntry: () => false } }).status, 'NO_MATCHED_MESSAGE')
    test.equal(ask(store, { filter: { matchesMessage: () => false } }).status, 'NO_MATCHED_MESSAGE')
    test.equal(ask(store, { filter: {} }).count, 10, 'what is absent passes')
    const failing = { matchesMessage: () => { throw new Error('in the filter') } }
    test.throws(() => store.get({ ...queue, offset: 0, filter: failing }), /in the filter/, 'what it throws is its own')
    test.equal(ask(store, {}).count, 10, 'and does no harm')
  })

  t.test(`${compatibility}: delayed messages are filtered by their time of delivery`, async (test) => {
    const store = await openStore(test, '/store', { compatibility, brokerChecks: true, ports: { backend: createMemoryBackend() } })
    const { storeTimestamp } = store.append(message({ queueId: 3, properties: { DELAY: '2', TAGS: 'a' } }))
    const result = store.get({ topic: 'SCHEDULE_TOPIC_XXXX', queueId: 1, offset: 0, filter: { matchesEntry: (time) => time === storeTimestamp + 5000 } })
    test.equal(result.status, 'FOUND')
    const [delayed] = result.messages
    test.same({ ...delayed.properties }, { DELAY: '2', TAGS: 'a', REAL_TOPIC: 'orders', REAL_QID: '3' })
    test.equal(delayed.queueId, 1)
    test.equal(store.maxOffset('orders', 3), 0, 'its own queue does not have it yet')
    test.equal(store.append(message({ properties: { DELAY: '99' } })).queueOffset, 0)
    const [clamped] = store.get({ topic: 'SCHEDULE_TOPIC_XXXX', queueId: 17, offset: 0 }).messages
    test.equal(clamped.properties['DELAY'], '18', 'a level too high is the highest')
    test.equal(store.append(message({ properties: { DELAY: '0' } })).queueOffset, 0)
    test.equal(store.maxOffset('orders', 0), 1, 'level 0 is not delayed')
    store.append(message({ queueId: 5, sysFlag: 4, properties: { DELAY: '1' } }))
    test.equal(store.maxOffset('SCHEDULE_TOPIC_XXXX', 0), 0, 'nor is what is prepared')
  })

  t.test(`${compatibility}: offsets and limits that are none`, async (test) => {
    const store = await openQueue(test, 3, { compatibility })
    for (const offset of [NaN, 0.5, Infinity, '0', undefined]) {
      test.throws(() => store.get({ ...queue, offset: offset as number }), { code: 'ERR_INVALID_ARGUMENT' }, `offset ${String(offset)}`)
    }
    for (const maxMessages of [NaN, 1.5, '1'] as number[]) {
      test.throws(() => store.get({ ...queue, offset: 0, maxMessages }), { code: 'ERR_INVALID_ARGUMENT' }, `maxMessages ${String(maxMessages)}`)
    }
  })
}

t.test('5.3: bytes of one get', async (test) => {
  const store = await openStore(test, '/store', { mappedFileSizeCommitLog: 1 << 20, ports: { backend: createMemoryBackend() } })
  for (let at = 0; at < 6; at++) store.append(message({ body: Buffer.alloc(100) }))
  const one = recordLength('orders', 100, 0)
  test.equal(ask(store, { maxBytes: 3 * one }).count, 3)
  test.equal(ask(store, { maxBytes: 3 * one - 1 }).count, 2)
  test.equal(ask(store, { maxBytes: 0 }).count, 1)
})

t.test('4.9 has no such limit', async (test) => {
  const store = await openStore(test, '/store', { compatibility: '4.9', mappedFileSizeCommitLog: 1 << 20, ports: { backend: createMemoryBackend() } })
  for (let at = 0; at < 6; at++) store.append(message())
  test.equal(ask(store, { maxBytes: 1 }).count, 6)
})

t.test('5.3: maxFilterMessageSize and travelCqFileNumWhenGetMessage', async (test) => {
  const narrow = await openQueue(test, 10, { maxFilterMessageSize: 40 })
  test.equal(ask(narrow, { filter: 'nothing', maxMessages: 1 }).nextBeginOffset, 2, '40 bytes of entries')
  const wide = await openQueue(test, 25, { travelCqFileNumWhenGetMessage: 2 })
  test.equal(ask(wide, { filter: 'nothing' }).nextBeginOffset, 20, 'two files')
  test.same(ask(wide, { filter: { matchesMessage: ({ queueOffset }) => queueOffset > 15 } }).nextBeginOffset, 20)
  test.equal(ask(wide, {}).nextBeginOffset, 10, 'one, when that has some')
})
