import t from 'tap'
import type { PutResult } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { message, openStore, withGatedFlush } from './support'

/*
 * The story: PUT_OK is a promise. What it waits for depends on flushDiskType, brokerRole, and whether the message
 * itself asks not to be waited for.
 *
 * Not proved here: that what was promised is on the disk (test/torture), and slaves (test/replication).
 */

/** Whether the promise has settled by the time everything that can go on has gone on. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  promise.then(() => (settled = true), () => (settled = true))
  for (let turn = 0; turn < 5; turn++) await new Promise((resume) => setImmediate(resume))
  return settled
}

for (const compatibility of ['4.9', '5.3'] as const) {
  t.test(`${compatibility}: SYNC_FLUSH waits for the disk`, async (test) => {
    const gate = withGatedFlush(createMemoryBackend())
    const store = await openStore(test, '/store', { compatibility, flushDiskType: 'SYNC_FLUSH', ports: gate })
    gate.close()
    const waiting = store.put(message())
    const batch = store.putBatch({ topic: 'orders', messages: [message(), message()] })
    const impatient = await store.put(message({ properties: { WAIT: 'false' } }))
    test.equal(impatient.status, 'PUT_OK', 'WAIT=false does not wait')
    test.equal((await store.putBatch({ topic: 'orders', properties: { WAIT: 'false' }, messages: [message()] })).status, 'PUT_OK')
    test.equal(await hasSettled(waiting), false)
    test.equal(await hasSettled(batch), false)
    test.equal(store.flushedOffset, 0)
    test.equal(store.append(message()).status, 'PUT_OK', 'append never waits')
    gate.open()
    test.equal((await waiting).status, 'PUT_OK')
    const { status, messageCount, queueOffset, offset } = await batch
    test.same({ status, messageCount, queueOffset }, { status: 'PUT_OK', messageCount: 2, queueOffset: 1 })
    test.ok(store.flushedOffset > offset)
  })

  t.test(`${compatibility}: ASYNC_FLUSH does not`, async (test) => {
    const gate = withGatedFlush(createMemoryBackend())
    const store = await openStore(test, '/store', { compatibility, ports: gate })
    gate.close()
    test.equal((await store.put(message())).status, 'PUT_OK')
    test.equal(store.flushedOffset, 0)
    test.equal(store.confirmOffset, store.maxPhyOffset)
    gate.open()
    await store.flush()
    test.equal(store.flushedOffset, store.maxPhyOffset, 'flush does')
  })
}

t.test('a flush that takes too long', async (test) => {
  const gate = withGatedFlush(createMemoryBackend())
  const realTimers = { now: () => Date.now(), startTimer: (ms: number, call: () => void) => { const timer = setTimeout(call, ms); return () => clearTimeout(timer) } }
  const store = await openStore(test, '/store', { flushDiskType: 'SYNC_FLUSH', syncFlushTimeout: 5, clock: realTimers, ports: gate })
  gate.close()
  const result = await store.put(message())
  test.equal(result.status, 'FLUSH_DISK_TIMEOUT')
  test.match(result.reason, /5 ms/)
  test.equal(result.isStored(), true, 'it is stored, and may or may not survive')
  test.equal(result.offset, 0)
  test.equal(result.msgId.length, 32)
  gate.open()
  test.equal((await store.put(message())).status, 'PUT_OK', 'and the store goes on')
})

t.test('SYNC_MASTER', async (test) => {
  const put = async (options: object, properties?: Record<string, string>): Promise<PutResult> => {
    const store = await openStore(test, '/store', { brokerRole: 'SYNC_MASTER', ...options, ports: { backend: createMemoryBackend() } })
    return store.put(message({ properties }))
  }
  const result = await put({ compatibility: '4.9' })
  test.equal(result.status, 'SLAVE_NOT_AVAILABLE', '4.9 wants a slave')
  test.match(result.reason, /slave/)
  test.equal(result.isStored(), true)
  test.equal((await put({ compatibility: '4.9', flushDiskType: 'SYNC_FLUSH' })).status, 'SLAVE_NOT_AVAILABLE')
  test.equal((await put({ compatibility: '4.9' }, { WAIT: 'false' })).status, 'PUT_OK', 'unless the message does not')
  test.equal((await put({ compatibility: '5.3' })).status, 'PUT_OK', '5.3 with one replica in sync does not')
})

t.test('the result of a batch', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  await store.put(message())
  const result = await store.putBatch({ topic: 'orders', storeHost: '1.2.3.4:5', messages: [message(), message({ body: Buffer.alloc(10) })] })
  test.equal(result.messageCount, 2)
  test.equal(result.queueOffset, 1)
  test.equal(result.bytes, store.maxPhyOffset - result.offset)
  const ids = result.msgId.split(',')
  test.same(ids.map((id) => store.lookup(id)?.queueOffset), [1, 2], 'an id for each')
  test.ok(ids.every((id) => id.startsWith('0102030400000005')))
})

t.test('the messages of a batch have all that the batch says', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  const said = {
    topic: 'orders', queueId: 3, sysFlag: 1, bornTimestamp: 1234, bornHost: '1.2.3.4:5', storeHost: '5.6.7.8:9', reconsumeTimes: 7,
    properties: { TAGS: 'paid' },
  }
  const result = await store.putBatch({ ...said, messages: [{ body: Buffer.from('body'), flag: 2 }, { body: Buffer.from('other') }] })
  const stored = result.msgId.split(',').map((id) => store.lookup(id)!)
  for (const read of stored) test.match(read, said)
  test.same(stored.map(({ flag, preparedTransactionOffset }) => [flag, preparedTransactionOffset]), [[2, 0], [0, 0]])
})
