import t from 'tap'
import type { DispatchRecord, Dispatcher } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { codeOf, message, messageOfSize, openStore } from '../store/support'

/*
 * The story: whoever keeps an index of their own beside the store must be told of every record, once and in order,
 * and after a crash must be able to go on where they were. A dispatcher that fails would leave a gap that nobody
 * could tell from a crash; so the store stops.
 */

interface Seen {
  topic: string
  queueId: number
  queueOffset: number
  commitLogOffset: number
  storeSize: number
  tagsCode: number
  storeTimestamp: number
  sysFlag: number
  body: string
}

function describe(record: DispatchRecord): Seen {
  const { topic, queueId, queueOffset, commitLogOffset, storeSize, tagsCode, storeTimestamp, sysFlag, message: stored } = record
  return { topic, queueId, queueOffset, commitLogOffset, storeSize, tagsCode, storeTimestamp, sysFlag, body: stored.body.toString() }
}

function recorder(from?: number): Dispatcher & { seen: Seen[] } {
  const seen: Seen[] = []
  return { name: 'recorder', ...(from !== undefined && { from }), seen, dispatch: (record) => void seen.push(describe(record)) }
}

t.test('every record, once, in the order of the log', async (test) => {
  const order: string[] = []
  const [first, second] = ['first', 'second'].map((name): Dispatcher => ({ name, dispatch: (record) => void order.push(`${name} ${record.commitLogOffset}`) }))
  const recording = recorder()
  const store = await openStore(test, '/store', { dispatchers: [first, second, recording], ports: { backend: createMemoryBackend() } })
  const put = store.append(message({ body: Buffer.from('a'), queueId: 3, properties: { TAGS: 'TagA' } }))
  test.equal(recording.seen.length, 1, 'before append returns')
  test.same(recording.seen[0], {
    topic: 'orders', queueId: 3, queueOffset: 0, commitLogOffset: 0, storeSize: put.bytes, tagsCode: 2_598_919,
    storeTimestamp: put.storeTimestamp, sysFlag: 0, body: 'a',
  })
  const batch = store.appendBatch({ topic: 'orders', messages: [message(), message()] })
  store.append(message({ sysFlag: 4 }))
  test.same(recording.seen.slice(1).map(({ queueOffset, sysFlag }) => [queueOffset, sysFlag]), [[0, 0], [1, 0], [0, 4]], 'prepared ones too')
  test.same(order.slice(2, 4), [`first ${batch.offset}`, `second ${batch.offset}`], 'one dispatcher after the other, record by record')
  store.append(message({ topic: '' }))
  test.equal(recording.seen.length, 4, 'not what was refused')
})

t.test('replay', async (test) => {
  const backend = createMemoryBackend()
  const live = recorder()
  const store = await openStore(test, '/store', { dispatchers: [live], ports: { backend } })
  for (let at = 0; at < 12; at++) {
    store.append({ ...messageOfSize(1000), properties: { TAGS: at % 2 ? 'Aa' : 'b' } })
    if (at % 3 === 0) store.append(message({ sysFlag: at % 2 ? 4 : 8 }))
  }
  store.append(message({ topic: 'SCHEDULE_TOPIC_XXXX', properties: { DELAY: '1' } }))
  await store.close()
  const offsets = live.seen.map(({ commitLogOffset }) => commitLogOffset)
  for (const from of [0, offsets[5], offsets[5] + 1, offsets[offsets.length - 1], store.maxPhyOffset, store.maxPhyOffset + 1000]) {
    const late = recorder(from)
    const never = recorder()
    const again = await openStore(test, '/store', { dispatchers: [late, never], ports: { backend } })
    test.same(late.seen, live.seen.filter(({ commitLogOffset }) => commitLogOffset >= from), `from ${from}, as they were`)
    test.same(never.seen, [], 'the other one asked for none')
    again.append(message({ topic: 'later' }))
    test.equal(late.seen[late.seen.length - 1].topic, 'later', 'and then what is new')
    test.equal(never.seen.length, 1)
    await again.close()
    live.seen.push(never.seen[0])
  }
})

t.test('a dispatcher that throws stops the store, and opening again goes on', async (test) => {
  const backend = createMemoryBackend()
  const failing: Dispatcher = { name: 'index of mine', dispatch: ({ queueOffset }) => { if (queueOffset === 2) throw new Error('no room') } }
  const store = await openStore(test, '/store', { dispatchers: [failing], ports: { backend } })
  const failures: unknown[] = []
  store.on('failed', ({ error }) => failures.push(error))
  const { offset: first } = store.append(message())
  store.append(message())
  const at = store.maxPhyOffset
  test.equal(await codeOf(() => store.append(message())), 'ERR_DISPATCHER_FAILED')
  test.match(store.failure, { details: { offset: at }, message: /"index of mine".*no room/ })
  test.equal(failures.length, 1)
  test.equal(await codeOf(() => store.put(message())), 'ERR_DISPATCHER_FAILED', 'it stays stopped')
  test.equal(store.get({ topic: 'orders', queueId: 0, offset: first }).status, 'FOUND', 'reading goes on')
  await store.close().catch(() => {})

  const mended = recorder(at)
  const again = await openStore(test, '/store', { dispatchers: [mended], ports: { backend } })
  test.same(mended.seen.map(({ commitLogOffset }) => commitLogOffset), [at], 'the record on which it failed')
  test.equal(again.maxOffset('orders', 0), 3)
  test.equal(again.append(message()).queueOffset, 3)
})

t.test('a dispatcher that throws while it is replayed', async (test) => {
  const backend = createMemoryBackend()
  const store = await openStore(test, '/store', { ports: { backend } })
  store.append(message())
  await store.close()
  const failing: Dispatcher = { name: 'mine', from: 0, dispatch: () => { throw new Error('no room') } }
  test.equal(await codeOf(() => openStore(test, '/store', { dispatchers: [failing], ports: { backend } })), 'ERR_DISPATCHER_FAILED')
  const again = await openStore(test, '/store', { dispatchers: [recorder(0)], ports: { backend } })
  test.equal(again.maxOffset('orders', 0), 1, 'the directory was given back')
})

t.test('replay from the middle of a log whose first segments are gone', async (test) => {
  const backend = createMemoryBackend()
  const store = await openStore(test, '/store', { ports: { backend } })
  for (let at = 0; at < 12; at++) store.append(messageOfSize(1000))
  await store.close()
  backend.files.remove('/store/commitlog/00000000000000000000')
  const late = recorder(0)
  const again = await openStore(test, '/store', { dispatchers: [late], ports: { backend } })
  test.same(late.seen.map(({ queueOffset }) => queueOffset), [4, 5, 6, 7, 8, 9, 10, 11])
  await again.close()
})

t.test('replay from inside a segment that is gone', async (test) => {
  const backend = createMemoryBackend()
  const store = await openStore(test, '/store', { ports: { backend } })
  for (let at = 0; at < 12; at++) store.append(messageOfSize(1000))
  await store.close()
  backend.files.remove('/store/commitlog/00000000000000004096')
  const late = recorder(5000)
  const again = await openStore(test, '/store', { dispatchers: [late], ports: { backend } })
  test.same(late.seen.map(({ queueOffset }) => queueOffset), [8, 9, 10, 11], 'goes on behind it')
  await again.close()
})

t.test('a place to replay from that is none', async (test) => {
  for (const from of [NaN, -1, 0.5]) {
    const backend = createMemoryBackend()
    const store = await openStore(test, '/store', { ports: { backend } })
    store.append(message())
    await store.close()
    const code = await codeOf(async () => (await openStore(test, '/store', { dispatchers: [recorder(from)], ports: { backend } })).close())
    test.ok(code === undefined || code.startsWith('ERR_'), `${from}: ${code}`)
  }
})
