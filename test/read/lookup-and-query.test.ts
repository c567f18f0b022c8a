import t from 'tap'
import type { MessageStore } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { StillClock, bodies, codeOf, message, messageOfSize, openStore, type TestOptions } from '../store/support'

/*
 * The story: someone asks where their order is, by its message id or by its key. The answer must be that message,
 * or none; never the bytes that happen to lie at some offset.
 *
 * Not proved here: that other tools print the same ids (test/golden).
 */

async function openHere(test: Parameters<typeof openStore>[0], options: TestOptions = {}): Promise<MessageStore> {
  return openStore(test, '/store', { ...options, ports: { backend: createMemoryBackend() } })
}

t.test('lookup', async (test) => {
  const store = await openHere(test)
  store.append(message({ body: Buffer.from('first') }))
  const second = store.append(message({ body: Buffer.from('second'), storeHost: '[2001:db8::1]:10911' }))
  test.equal(second.msgId.length, 56)
  test.equal(store.lookup(second.msgId)?.body.toString(), 'second', 'by id')
  test.equal(store.lookup(second.offset)?.body.toString(), 'second', 'by offset')
  test.equal(store.lookup(0)?.body.toString(), 'first')
  for (const offset of [store.maxPhyOffset, store.maxPhyOffset + 1, 2 ** 40, -1]) test.equal(store.lookup(offset), undefined, `${offset}`)
  for (const offset of [1, 4, 50, second.offset - 1, second.offset + 1]) {
    test.throws(() => store.lookup(offset), { code: 'ERR_CORRUPT', details: { offset } }, `no message begins at ${offset}`)
  }
  test.throws(() => store.lookup(NaN), { code: 'ERR_INVALID_ARGUMENT' })
  test.throws(() => store.lookup('no id'), { code: 'ERR_INVALID_ARGUMENT' })
  test.throws(() => store.lookup(second.msgId.slice(0, 31)), { code: 'ERR_INVALID_ARGUMENT' })
})

t.test('lookup at the end of a segment', async (test) => {
  const store = await openHere(test)
  store.append(messageOfSize(3000))
  store.append(messageOfSize(3000))
  test.throws(() => store.lookup(3000), { code: 'ERR_CORRUPT' }, 'the blank record is no message')
  test.equal(store.lookup(4096)?.storeSize, 3000)
  test.equal(store.lookup(4096 + 2950), undefined, 'too near to the end for a message')
})

t.test('a body that holds a record of another place', async (test) => {
  const store = await openHere(test)
  const { offset } = store.append(message({ body: Buffer.from('inner') }))
  const inner = Buffer.from(store.lookup(offset)!.bytes)
  const outer = store.append(message({ body: inner }))
  test.throws(() => store.lookup(outer.offset + 88), { code: 'ERR_CORRUPT' }, 'it does not name this place as its own')
})

t.test('query', async (test) => {
  const clock = new StillClock()
  const store = await openHere(test, { clock })
  const put = (body: string, properties: Record<string, string>, more = {}) => {
    clock.advance(1000)
    return store.append(message({ body: Buffer.from(body), properties, ...more }))
  }
  const first = put('first', { KEYS: 'a b', UNIQ_KEY: 'u1' })
  put('second', { KEYS: 'b' })
  const third = put('third', { KEYS: ' c  b ' })
  put('elsewhere', { KEYS: 'b' }, { topic: 'payments' })
  put('prepared', { KEYS: 'p' }, { sysFlag: 4 })
  put('rolled back', { KEYS: 'p' }, { sysFlag: 12 })
  put('committed', { KEYS: 'p' }, { sysFlag: 8 })
  const find = (key: string, more = {}) => bodies(store.query({ topic: 'orders', key, ...more }).messages)
  test.same(find('a'), ['first'])
  test.same(find('b'), ['first', 'second', 'third'], 'each of several keys, by ascending offset')
  test.same(find('c'), ['third'])
  test.same(find('u1'), ['first'], 'the unique key')
  test.same(find('a b'), [], 'not the property as a whole')
  test.same(find(''), [])
  test.same(find('d'), [])
  test.same(find('p'), ['prepared', 'committed'], 'what was rolled back is not found')
  test.same(find('b', { topic: 'payments' }), ['elsewhere'])
  test.same(find('b', { topic: 'unknown' }), [])
  test.same(find('b', { max: 2 }), ['second', 'third'], 'the newest')
  test.same(find('b', { max: 0 }), [])
  const from = third.storeTimestamp
  test.same(find('b', { begin: from }), ['third'], 'from a time on')
  test.same(find('b', { end: from - 1000 }), ['first', 'second'], 'up to a time')
  test.same(find('b', { begin: from - 1000, end: from - 1000 }), ['second'], 'both are included')
  test.same(find('b', { begin: from + 60_000 }), [])
  test.same(find('b', { end: first.storeTimestamp - 1000 }), [])
  test.same(find('b', { begin: from, end: first.storeTimestamp }), [], 'a range the wrong way round')
  const answer = store.query({ topic: 'orders', key: 'a' })
  test.same(answer.commitLogOffsets, [first.offset])
  test.equal(answer.indexLastUpdateTimestamp, clock.now())
  test.equal(answer.indexLastUpdateOffset, store.get({ topic: 'orders', queueId: 0, offset: 3 }).commitLogOffsets[0], 'the committed one came last')
})

t.test('how many a query answers with', async (test) => {
  const store = await openHere(test, { mappedFileSizeCommitLog: 1 << 20, maxMsgsNumBatch: 5, defaultQueryMaxNum: 3 })
  for (let at = 0; at < 10; at++) store.append(message({ properties: { KEYS: 'k' } }))
  const count = (max?: number): number => store.query({ topic: 'orders', key: 'k', max }).messages.length
  test.same([count(), count(4), count(100)], [3, 4, 5], 'defaultQueryMaxNum, what is asked for, maxMsgsNumBatch')
})

t.test('over rolled index files', async (test) => {
  const clock = new StillClock()
  // Three usable entries to a file.
  const store = await openHere(test, { clock, maxIndexNum: 4 })
  for (let at = 0; at < 20; at++) {
    clock.advance(1000)
    store.append(message({ body: Buffer.from(String(at)), properties: { KEYS: at % 2 ? 'odd both' : 'even both' } }))
  }
  const find = (key: string, more = {}) => bodies(store.query({ topic: 'orders', key, ...more }).messages).map(Number)
  test.same(find('odd'), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
  test.same(find('both', { max: 4 }), [16, 17, 18, 19])
  test.equal(find('both').length, 20)
})

t.test('keys with the same hash are not told apart', async (test) => {
  const store = await openHere(test)
  store.append(message({ body: Buffer.from('Aa'), properties: { KEYS: 'Aa' } }))
  store.append(message({ body: Buffer.from('BB'), properties: { KEYS: 'BB' } }))
  test.same(bodies(store.query({ topic: 'orders', key: 'Aa' }).messages), ['Aa', 'BB'], 'as in the engine: the caller looks at the keys')
})

t.test('a key with the hash that Java cannot negate', async (test) => {
  const store = await openHere(test)
  store.append(message({ properties: { KEYS: 'abydncvw' } }))
  test.equal(store.query({ topic: 'orders', key: 'abydncvw' }).messages.length, 1)
})

t.test('without an index', async (test) => {
  const store = await openHere(test, { messageIndexEnable: false })
  store.append(message({ properties: { KEYS: 'k' } }))
  test.same(store.query({ topic: 'orders', key: 'k' }), { commitLogOffsets: [], messages: [], indexLastUpdateTimestamp: 0, indexLastUpdateOffset: 0 })
})

t.test('messages that are gone', async (test) => {
  const backend = createMemoryBackend()
  const store = await openStore(test, '/store', { ports: { backend } })
  for (let at = 0; at < 8; at++) store.append({ ...messageOfSize(1000), body: Buffer.alloc(880, String(at)), properties: { KEYS: 'k' } })
  await store.close()
  backend.files.remove('/store/commitlog/00000000000000000000')
  const later = await openStore(test, '/store', { ports: { backend } })
  test.same(later.query({ topic: 'orders', key: 'k' }).messages.map(({ queueOffset }) => queueOffset), [4, 5, 6, 7], 'answered with what is there')
  test.same(later.query({ topic: 'orders', key: 'k', max: 2 }).messages.map(({ queueOffset }) => queueOffset), [6, 7])
  await later.close()
  backend.files.remove('/store/commitlog/00000000000000004096')
  test.equal(await codeOf(() => openStore(test, '/store', { ports: { backend } })), 'ERR_LOG_MISSING', 'without any log the store does not open')
})

t.test('store times', async (test) => {
  const clock = new StillClock()
  const store = await openHere(test, { clock })
  test.equal(store.earliestMessageTime(), -1)
  test.equal(store.earliestMessageTime('orders'), -1)
  const first = store.append(message())
  clock.advance(1)
  const second = store.append(message())
  test.equal(store.earliestMessageTime(), first.storeTimestamp)
  test.equal(store.earliestMessageTime('orders', 0), first.storeTimestamp)
  test.equal(store.storeTimestamp('orders', 0, 1), second.storeTimestamp)
  for (const offset of [-1, 2, NaN]) test.equal(store.storeTimestamp('orders', 0, offset), -1, `${offset}`)
  test.equal(store.storeTimestamp('unknown', 0, 0), -1)
})

t.test('queues in the order of their texts', async (test) => {
  const store = await openHere(test)
  for (const [topic, queueId] of [['b', 2], ['b', 10], ['a', 0], ['%RETRY%g', 1]] as const) store.append(message({ topic, queueId }))
  test.same(store.queues(), [
    { topic: '%RETRY%g', queueId: 1, minOffset: 0, maxOffset: 1 },
    { topic: 'a', queueId: 0, minOffset: 0, maxOffset: 1 },
    { topic: 'b', queueId: 10, minOffset: 0, maxOffset: 1 },
    { topic: 'b', queueId: 2, minOffset: 0, maxOffset: 1 },
  ])
})
