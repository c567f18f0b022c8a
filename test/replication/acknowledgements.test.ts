import { connect } from 'node:net'
import t from 'tap'
import type { MessageStore, PutResult } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { bodies, message, openStore, START, withGatedFlush, type TestOptions } from '../store/support'
import { SteppedClock } from '../torture/stepped-clock'
import { addressOf, caughtUp, connected, has, portOf, startMaster, startSlave, until } from './pair'
import { firstDifferenceInMemory, firstReadDifference } from './support'

/*
 * The story: a synchronous master and its slave, over TCP on one machine. What put says is acknowledged is on the slave, at that
 * moment; and the slave is a store that is read from.
 *
 * Not proved here: every policy (policies), every cut of the stream (ha, any-cut), and slaves that lose their power (torture).
 */

const MESSAGES = 200

const versions = [
  { compatibility: '4.9', inSyncReplicas: undefined },
  { compatibility: '5.3', inSyncReplicas: 2 },
] satisfies TestOptions[]

function put(store: MessageStore, text: string): Promise<PutResult> {
  return store.put(message({ body: Buffer.from(text), queueId: text.length % 3, properties: { KEYS: text } }))
}

for (const version of versions) {
  for (const flushDiskType of ['ASYNC_FLUSH', 'SYNC_FLUSH'] as const) {
    t.test(`${version.compatibility} ${flushDiskType}: what is acknowledged is on the slave`, async (test) => {
      const [own, other] = [createMemoryBackend(), createMemoryBackend()]
      const master = await startMaster(test, '/store', { ...version, flushDiskType, ports: { backend: own } })
      const slave = await startSlave(test, '/store', addressOf(master), { compatibility: version.compatibility, ports: { backend: other } })
      await connected(master)
      const texts = Array.from({ length: MESSAGES }, (_, index) => `message ${index}`)
      await Promise.all(texts.map(async (text) => {
        const result = await put(master, text)
        test.ok(result.status === 'PUT_OK' && has(slave, result, text), text)
      }))
      test.equal(firstReadDifference(master, slave, texts.map((key) => ({ topic: 'orders', key }))), undefined)
      test.match(master.replication.status(), { replicas: [{ lagBytes: 0, isInSync: true }], replicatedOffset: master.maxPhyOffset })
      test.match(slave.replication.status(), { role: 'SLAVE', master: { master: addressOf(master), isConnected: true, verifiedOffset: master.maxPhyOffset } })
      await master.close()
      await slave.close()
      test.equal(firstDifferenceInMemory(own, other), undefined, 'byte for byte')
    })
  }

  t.test(`${version.compatibility}: a slave that goes and comes back`, async (test) => {
    const other = createMemoryBackend()
    const clock = new SteppedClock(START)
    const master = await startMaster(test, '/store', { ...version, clock, slaveTimeout: 1000, ports: { backend: createMemoryBackend() } })
    const first = await startSlave(test, '/store', addressOf(master), { ports: { backend: other } })
    await connected(master)
    test.equal((await put(master, 'before')).status, 'PUT_OK')
    await first.close()
    await until(() => master.replication.status().replicas.length === 0)
    const waiting = put(master, 'meanwhile')
    clock.advance(1000)
    const lonely = await waiting
    test.equal(lonely.status, version.compatibility === '4.9' ? 'SLAVE_NOT_AVAILABLE' : 'FLUSH_SLAVE_TIMEOUT')
    const slave = await startSlave(test, '/store', addressOf(master), { ports: { backend: other } })
    await caughtUp(slave, master)
    await connected(master)
    test.ok(has(slave, lonely, 'meanwhile'), 'what was not acknowledged comes as well')
    test.equal((await put(master, 'after')).status, 'PUT_OK')
    test.equal(firstReadDifference(master, slave), undefined)
  })

  t.test(`${version.compatibility}: a master that goes and comes back`, async (test) => {
    const own = createMemoryBackend()
    const first = await startMaster(test, '/store', { ...version, ports: { backend: own } })
    const address = addressOf(first)
    const slave = await startSlave(test, '/store', address, { ports: { backend: createMemoryBackend() } })
    const lost: string[] = []
    slave.on('masterLost', ({ master }) => lost.push(master))
    await connected(first)
    const before = await put(first, 'before')
    await first.close()
    await until(() => lost.length > 0)
    test.same(lost, [address])
    test.equal(slave.replication.status().master?.isConnected, false)
    test.ok(has(slave, before, 'before'), 'it is read without its master')
    const master = await startMaster(test, '/store', { ...version, haListenPort: portOf(address), ports: { backend: own } })
    await connected(master)
    const after = await put(master, 'after')
    test.equal(after.status, 'PUT_OK')
    test.ok(has(slave, after, 'after'))
    test.equal(firstReadDifference(master, slave), undefined)
  })

  t.test(`${version.compatibility}: whoever reports what was not sent acknowledges nothing`, async (test) => {
    const clock = new SteppedClock(START)
    const master = await startMaster(test, '/store', { ...version, clock, slaveTimeout: 1000, ports: { backend: createMemoryBackend() } })
    const warnings: string[] = []
    master.on('warning', ({ message: text }) => warnings.push(text))
    const liar = connect(portOf(addressOf(master)), '127.0.0.1')
    liar.on('error', () => undefined)
    test.teardown(() => liar.destroy())
    liar.resume()
    const report = (offset: bigint): void => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(offset)
      liar.write(bytes)
    }
    report(0n)
    await connected(master)
    const waiting = put(master, 'text')
    report(1n << 40n)
    await until(() => warnings.some((text) => /replica 127\.0\.0\.1:\d+ reported the offset 1099511627776/.test(text)))
    clock.advance(1000)
    test.equal((await waiting).status, 'FLUSH_SLAVE_TIMEOUT')
  })
}

t.test('a slave that acknowledges after its flush', async (test) => {
  for (const haAcknowledgeAfterFlush of [false, true]) {
    const gate = withGatedFlush(createMemoryBackend())
    const clock = new SteppedClock(START)
    const master = await startMaster(test, '/store', { clock, slaveTimeout: 1000, ports: { backend: createMemoryBackend() } })
    const slave = await startSlave(test, '/store', addressOf(master), { haAcknowledgeAfterFlush, ports: gate })
    await connected(master)
    test.equal((await put(master, 'first')).status, 'PUT_OK')
    gate.close()
    const end = master.maxPhyOffset
    const waiting = put(master, 'second')
    await until(() => slave.maxPhyOffset > end)
    if (haAcknowledgeAfterFlush) clock.advance(1000)
    const result = await waiting
    test.ok(has(slave, result, 'second'))
    test.equal(result.status, haAcknowledgeAfterFlush ? 'FLUSH_SLAVE_TIMEOUT' : 'PUT_OK', 'a copy in memory counts, unless it is not to')
    gate.open()
    await until(() => master.replication.status().replicas[0]!.lagBytes === 0)
    const flushed = await put(master, 'third')
    test.equal(flushed.status, 'PUT_OK')
    if (haAcknowledgeAfterFlush) test.ok(slave.flushedOffset >= flushed.offset + flushed.bytes)
    await slave.close()
    await master.close()
  }
})

t.test('a slave is read from, and not written to', async (test) => {
  const dispatched: string[] = []
  const master = await startMaster(test, '/store', { ports: { backend: createMemoryBackend() } })
  const slave = await startSlave(test, '/store', addressOf(master), {
    dispatchers: [{ name: 'test', dispatch: ({ message: { body } }) => void dispatched.push(body.toString()) }], ports: { backend: createMemoryBackend() },
  })
  const following = slave.read({ topic: 'orders', queueId: 0, offset: 0 })
  const next = following.next()
  await connected(master)
  for (const text of ['one', 'two', 'six']) await put(master, text)
  test.equal((await next).value?.body.toString(), 'one', 'who waits for messages is told')
  test.equal((await following.next()).value?.body.toString(), 'two')
  await following.return()
  test.same(bodies(slave.get({ topic: 'orders', queueId: 0, offset: 0 }).messages), ['one', 'two', 'six'])
  test.same(bodies(slave.query({ topic: 'orders', key: 'two' }).messages), ['two'])
  test.same(dispatched, ['one', 'two', 'six'])
  test.match(await slave.put(message()), { status: 'SERVICE_NOT_AVAILABLE', reason: /put to its master/ })
  test.equal(slave.maxPhyOffset, master.maxPhyOffset)
})

t.test('two slaves, and three stores that have to have it', async (test) => {
  const master = await startMaster(test, '/store', { inSyncReplicas: 3, ports: { backend: createMemoryBackend() } })
  const slaves = await Promise.all([1, 2].map(() => startSlave(test, '/store', addressOf(master), { ports: { backend: createMemoryBackend() } })))
  await connected(master, 2)
  for (let index = 0; index < 20; index++) {
    const result = await put(master, `message ${index}`)
    test.ok(result.status === 'PUT_OK' && slaves.every((slave) => has(slave, result, `message ${index}`)))
  }
})

t.test('who starts what', async (test) => {
  const master = await startMaster(test, '/store', { ports: { backend: createMemoryBackend() } })
  const address = addressOf(master)
  await master.replication.start()
  test.equal(addressOf(master), address, 'once is enough')
  test.match(address, /^127\.0\.0\.1:\d+$/, 'on this machine only, unless told otherwise')
  const second = await openStore(test, '/store', { haListenPort: portOf(address), ports: { backend: createMemoryBackend() } })
  test.equal(second.replication.status().isRunning, false, 'nothing listens that was not told to')
  await test.rejects(second.replication.start(), { code: 'ERR_LISTEN_FAILED', details: { reason: 'EADDRINUSE' } })
  test.equal((await second.put(message())).status, 'PUT_OK', 'it works without')
  await master.replication.stop()
  await master.replication.stop()
  test.match(master.replication.status(), { isRunning: false, address: undefined })
  await second.replication.start()
  test.equal(addressOf(second), address, 'the port is free again')
  const slave = await openStore(test, '/store', { brokerRole: 'SLAVE', ports: { backend: createMemoryBackend() } })
  await test.rejects(slave.replication.start(), { code: 'ERR_INVALID_OPTION', details: { key: 'haMasterAddress' } })
  await slave.close()
  await test.rejects(slave.replication.start(), { code: 'ERR_STORE_CLOSED' })
  const backend = createMemoryBackend()
  await (await openStore(test, '/store', { ports: { backend } })).close()
  const reader = await openStore(test, '/store', { readOnly: true, ports: { backend } })
  await test.rejects(reader.replication.start(), { code: 'ERR_READ_ONLY' })
})
