import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { MessageStore, StoreEvents } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { bodies, codeOf, copyAsIfKilled, message, messageOfSize, openStore, withGatedFlush } from '../store/support'
import { addressOf, caughtUp, connected, has, startMaster, startSlave, until } from './pair'
import { bytesOf, catchUp, FILE, firstReadDifference, openMaster, openSlave, temporaryDirectory } from './support'

/*
 * The story: a master is lost, or to be taken away, and a slave takes its place; then the old master comes back as the slave. What is
 * in both logs is never changed by that, and where they have gone different ways somebody is told.
 *
 * Not proved here: that there is only one master at a time. That is the caller's part; the HA protocol does not tell.
 */

function heard<Name extends keyof StoreEvents>(store: MessageStore, name: Name): StoreEvents[Name][] {
  const events: StoreEvents[Name][] = []
  store.on(name, (event) => events.push(event))
  return events
}

function text(store: MessageStore): string[] {
  return bodies(store.get({ topic: 'orders', queueId: 0, offset: 0 }).messages)
}

function body(content: string): ReturnType<typeof message> {
  return message({ body: Buffer.from(content) })
}

const memory = (): { ports: { backend: ReturnType<typeof createMemoryBackend> } } => ({ ports: { backend: createMemoryBackend() } })

t.test('a slave becomes a master', async (test) => {
  const master = await openMaster(test, '/store', memory())
  for (const content of ['one', 'two']) master.append(body(content))
  const { ports } = memory()
  const slave = await openSlave(test, '/store', { ports })
  const changes = heard(slave, 'roleChanged')
  catchUp(slave.replication.log, master.replication.log)
  const end = slave.maxPhyOffset
  test.equal(slave.append(message()).status, 'SERVICE_NOT_AVAILABLE')
  await slave.replication.promote({ role: 'ASYNC_MASTER' })
  test.same(changes, [{ role: 'ASYNC_MASTER', epoch: 1 }])
  test.match(slave.replication.status(), { role: 'ASYNC_MASTER', epoch: 1, isRunning: false, replicatedOffset: end })
  test.equal(slave.options.brokerRole, 'ASYNC_MASTER')
  test.same(slave.running.names, [])
  test.match(await slave.put(body('three')), { status: 'PUT_OK', offset: end, queueOffset: 2 })
  test.same(text(slave), ['one', 'two', 'three'])
  test.equal(await codeOf(() => slave.replication.log.append(slave.maxPhyOffset, Buffer.alloc(8))), 'ERR_NOT_A_SLAVE')
  test.equal(slave.get({ topic: 'orders', queueId: 0, offset: -1 }).nextBeginOffset, 0, 'a master puts offsets right')
  await slave.close()
  const again = await openStore(test, '/store', { ports })
  test.same(text(again), ['one', 'two', 'three'])
  test.equal(again.replication.epoch, 1)
})

t.test('what a slave has of a record that is not whole is gone when it is a master', async (test) => {
  const master = await openMaster(test, '/store', memory())
  master.append(messageOfSize(500))
  const whole = master.maxPhyOffset
  master.append(messageOfSize(1500))
  for (const cut of [1, 700, 1499]) {
    const { ports } = memory()
    const slave = await openSlave(test, '/store', { ports })
    slave.replication.log.append(0, bytesOf(master.replication.log, 0, whole + cut))
    test.equal(slave.maxPhyOffset, whole)
    await slave.replication.promote({ role: 'ASYNC_MASTER' })
    test.equal((await slave.put(messageOfSize(200))).offset, whole)
    await slave.close()
    const file = ports.backend.files.open(`/store/commitlog/${'0'.repeat(20)}`, 'read')
    const bytes = Buffer.alloc(FILE)
    ports.backend.files.read(file, bytes, 0, FILE, 0)
    ports.backend.files.close(file)
    test.ok(bytes.subarray(whole + 200).every((byte) => byte === 0), `cut after ${cut} bytes`)
  }
})

t.test('the zeros in place of what was cut are on the disk before the slave is a master', async (test) => {
  const master = await openMaster(test, '/store', memory())
  master.append(messageOfSize(500))
  const whole = master.maxPhyOffset
  master.append(messageOfSize(1500))
  const gate = withGatedFlush(createMemoryBackend())
  const slave = await openSlave(test, '/store', { ports: gate })
  slave.replication.log.append(0, bytesOf(master.replication.log, 0, whole + 700))
  await slave.flush()
  gate.close()
  let isPromoted = false
  const promoting = slave.replication.promote({ role: 'ASYNC_MASTER' }).then(() => (isPromoted = true))
  for (let turn = 0; turn < 10; turn++) await new Promise((resume) => setImmediate(resume))
  test.equal(isPromoted, false)
  test.equal(slave.append(message()).status, 'SERVICE_NOT_AVAILABLE')
  gate.open()
  await promoting
  test.equal(slave.append(message()).status, 'PUT_OK')
})

t.test('the epoch goes up with each promotion, and outlives a crash', async (test) => {
  const directory = temporaryDirectory(test)
  const store = await openSlave(test, join(directory, 'store'))
  test.equal(store.replication.epoch, 0)
  await store.replication.promote({ role: 'SYNC_MASTER' })
  await store.replication.demote()
  await store.replication.promote({ role: 'ASYNC_MASTER' })
  test.equal(store.replication.epoch, 2)
  await store.replication.demote()
  test.equal(await codeOf(() => store.replication.promote({ role: 'ASYNC_MASTER', epoch: 2 })), 'ERR_INVALID_ARGUMENT')
  test.equal(await codeOf(() => store.replication.promote({ role: 'ASYNC_MASTER', epoch: 2.5 })), 'ERR_INVALID_ARGUMENT')
  test.equal(store.replication.role, 'SLAVE')
  await store.replication.promote({ role: 'ASYNC_MASTER', epoch: 10 })
  const copy = copyAsIfKilled(join(directory, 'store'), join(directory, 'copy'))
  const recovered = await openMaster(test, copy)
  test.equal(recovered.replication.epoch, 10)
  test.equal(recovered.replication.log.epoch, 10)
  await recovered.close()

  const file = join(copy, 'mqstore-epoch.json')
  writeFileSync(file, readFileSync(file, 'latin1').replace('10', '11'))
  const damaged = await openSlave(test, copy)
  const warnings = heard(damaged, 'warning')
  await new Promise((resume) => setImmediate(resume))
  test.match(warnings.filter((warning) => warning.file === file), [{ message: /damaged: the epoch begins at 0/ }])
  test.equal(damaged.replication.epoch, 0)
})

t.test('who cannot be promoted', async (test) => {
  const master = await openMaster(test, '/store', memory())
  test.equal(await codeOf(() => master.replication.promote({ role: 'SYNC_MASTER' })), 'ERR_NOT_A_SLAVE')
  const slave = await openSlave(test, '/store', memory())
  test.equal(await codeOf(() => slave.replication.promote({ role: 'SLAVE' as never })), 'ERR_INVALID_ARGUMENT')
  await slave.close()
  test.equal(await codeOf(() => slave.replication.promote({ role: 'SYNC_MASTER' })), 'ERR_STORE_CLOSED')
  test.equal(await codeOf(() => slave.replication.demote()), 'ERR_STORE_CLOSED')
  const failing = await openSlave(test, '/store', { ...memory(), dispatchers: [{ name: 'bad', dispatch: () => { throw new Error('no') } }] })
  master.append(message())
  test.equal(await codeOf(() => catchUp(failing.replication.log, master.replication.log)), 'ERR_DISPATCHER_FAILED')
  test.equal(await codeOf(() => failing.replication.promote({ role: 'ASYNC_MASTER' })), 'ERR_DISPATCHER_FAILED')
  test.equal(failing.replication.role, 'SLAVE')
})

t.test('a promoted slave waits for replicas by its own options', async (test) => {
  const cases = [
    { options: { compatibility: '4.9' }, status: 'SLAVE_NOT_AVAILABLE', warns: false },
    { options: { compatibility: '5.3' }, status: 'PUT_OK', warns: true },
    { options: { compatibility: '5.3', minInSyncReplicas: 2 }, status: 'IN_SYNC_REPLICAS_NOT_ENOUGH', warns: true },
  ] as const
  for (const { options, status, warns } of cases) {
    const slave = await openSlave(test, '/store', { ...memory(), ...options })
    await new Promise((resume) => setImmediate(resume))
    const warnings = heard(slave, 'warning')
    await slave.replication.promote({ role: 'SYNC_MASTER' })
    test.equal((await slave.put(message())).status, status, JSON.stringify(options))
    test.equal(warnings.some((warning) => /no replica is waited for/.test(warning.message)), warns)
  }
})

t.test('a master becomes a slave once those that wait have their answers', async (test) => {
  const gate = withGatedFlush(createMemoryBackend())
  const master = await openStore(test, '/store', { brokerRole: 'SYNC_MASTER', inSyncReplicas: 2, flushDiskType: 'SYNC_FLUSH', ports: gate })
  const changes = heard(master, 'roleChanged')
  master.replication.log.acknowledge('a', 0)
  gate.close()
  const waiting = master.put(message())
  const demoting = master.replication.demote({ masterAddress: '10.0.0.1:10912' })
  await new Promise((resume) => setImmediate(resume))
  test.equal((await master.put(message())).status, 'SERVICE_NOT_AVAILABLE', 'nothing more is taken')
  gate.open()
  await master.flush()
  test.equal(master.replication.role, 'SYNC_MASTER', 'a replica is waited for')
  master.replication.log.acknowledge('a', master.maxPhyOffset)
  test.equal((await waiting).status, 'PUT_OK')
  await demoting
  test.same(changes, [{ role: 'SLAVE', epoch: 0 }])
  test.match(master.options, { brokerRole: 'SLAVE', haMasterAddress: '10.0.0.1:10912' })
  test.equal(master.confirmOffset, master.maxPhyOffset)
  test.equal(master.get({ topic: 'orders', queueId: 0, offset: 9 }).nextBeginOffset, 9, 'a slave leaves offsets as they are')
  for (const masterAddress of ['', 'nowhere', '10.0.0.1:0']) {
    test.equal(await codeOf(() => master.replication.demote({ masterAddress })), 'ERR_INVALID_ARGUMENT', masterAddress)
  }
})

t.test('a master that listens is not demoted without somebody to follow', async (test) => {
  const master = await startMaster(test, '/store', memory())
  test.equal(await codeOf(() => master.replication.demote()), 'ERR_INVALID_OPTION')
  test.match(master.replication.status(), { role: 'SYNC_MASTER', isRunning: true })
  test.equal(master.running.isWritable, true)
})

for (const compatibility of ['4.9', '5.3'] as const) {
  const version = { compatibility, ...(compatibility === '5.3' && { inSyncReplicas: 2 }) }
  t.test(`${compatibility}: master and slave change places, and back`, async (test) => {
    const first = await startMaster(test, '/store', { ...memory(), inSyncReplicas: undefined, ...version })
    const second = await startSlave(test, '/store', addressOf(first), { ...memory(), ...version })
    await connected(first)
    test.equal((await first.put(body('one'))).status, 'PUT_OK')

    await first.replication.stop()
    await second.replication.promote({ role: 'SYNC_MASTER' })
    test.match(second.replication.status(), { role: 'SYNC_MASTER', isRunning: true, epoch: 1 }, 'it listens, since it followed')
    await first.replication.demote({ masterAddress: addressOf(second) })
    await first.replication.start()
    await connected(second)
    const two = await second.put(body('two'))
    test.equal(two.status, 'PUT_OK')
    test.ok(has(first, two, 'two'))

    await second.replication.stop()
    await first.replication.promote({ role: 'SYNC_MASTER' })
    await second.replication.demote({ masterAddress: addressOf(first) })
    await second.replication.start()
    await connected(first)
    const three = await first.put(body('three'))
    test.equal(three.status, 'PUT_OK')
    test.ok(has(second, three, 'three'))
    test.same(text(second), ['one', 'two', 'three'])
    test.equal(firstReadDifference(first, second), undefined)
  })

  t.test(`${compatibility}: a master comes back with a message that its slave never had`, async (test) => {
    const own = createMemoryBackend()
    const lost = await startMaster(test, '/store', { inSyncReplicas: undefined, ...version, ports: { backend: own } })
    const slave = await startSlave(test, '/store', addressOf(lost), { ...memory(), ...version })
    await connected(lost)
    await lost.put(body('both'))
    const common = lost.maxPhyOffset
    await lost.replication.stop()
    lost.append(body('nobody was told of this'))
    const ownOffset = lost.maxPhyOffset
    await lost.close()
    await slave.replication.promote({ role: 'ASYNC_MASTER' })

    const back = await startSlave(test, '/store', addressOf(slave), { ...version, ports: { backend: own } })
    const events = heard(back, 'diverged')
    await until(() => events.length > 0)
    test.match(events, [{ master: addressOf(slave), ownOffset, otherOffset: common }], 'it has more than its master')
    await slave.put(body('another one'))
    await back.replication.stop()
    await back.replication.start()
    await until(() => events.length > 1)
    test.equal(events[1]!.ownOffset, ownOffset)
    test.ok(events[1]!.otherOffset >= common && events[1]!.otherOffset < ownOffset, 'the two logs differ from there on')
    test.same(text(back), ['both', 'nobody was told of this'], 'nothing is cut, nothing is merged')
    test.same(text(slave), ['both', 'another one'])
    test.match(back.replication.status(), { master: { isConnected: false } })
  })
}

t.test('a slave follows another master', async (test) => {
  const [one, two] = [await startMaster(test, '/store', memory()), await startMaster(test, '/store', memory())]
  const slave = await startSlave(test, '/store', addressOf(one), memory())
  const changes = heard(slave, 'roleChanged')
  await connected(one)
  const result = await one.put(body('one'))
  test.equal(result.status, 'PUT_OK')
  two.replication.log.acknowledge('test', 0)
  two.append(body('one'))
  await slave.replication.demote({ masterAddress: addressOf(two) })
  test.equal(slave.replication.status().master?.master, addressOf(two))
  test.same(changes, [], 'it was a slave before')
  two.replication.log.leave('test', 'test')
  await until(() => one.replication.status().replicas.length === 0)
})

t.test('a chain: a slave has no slaves of its own, and one that is promoted has', async (test) => {
  const master = await startMaster(test, '/store', memory())
  const slave = await startSlave(test, '/store', addressOf(master), memory())
  await connected(master)
  await master.put(body('one'))
  test.equal(slave.replication.status().address, undefined)
  await master.close()
  await slave.replication.promote({ role: 'ASYNC_MASTER' })
  const next = await startSlave(test, '/store', addressOf(slave), memory())
  await slave.put(body('two'))
  await caughtUp(next, slave)
  test.same(text(next), ['one', 'two'])
})

for (const compatibility of ['4.9', '5.3'] as const) {
  const policy = { compatibility, inSyncReplicas: compatibility === '5.3' ? 2 : undefined }

  t.test(`${compatibility}: a slave of which the log goes further than its master's says so`, async (test) => {
    const other = memory()
    const former = await startMaster(test, '/store', { ...policy, ...memory() })
    const slave = await startSlave(test, '/store', addressOf(former), { compatibility, ...other })
    await connected(former)
    for (const content of ['one', 'two', 'three']) await former.put(body(content))
    await slave.close()
    await former.close()
    const master = await startMaster(test, '/store', { ...policy, ...memory() })
    master.append(body('one'))
    const back = await startSlave(test, '/store', addressOf(master), { compatibility, ...other })
    const events = heard(back, 'diverged')
    await until(() => events.length > 0)
    test.match(events, [{ ownOffset: back.maxPhyOffset }])
    test.equal(back.maxPhyOffset > master.maxPhyOffset, true)
  })

  t.test(`${compatibility}: a slave with another log acknowledges nothing when it connects`, async (test) => {
    const other = memory()
    const former = await startMaster(test, '/store', { ...policy, ...memory() })
    const slave = await startSlave(test, '/store', addressOf(former), { compatibility, ...other })
    await connected(former)
    for (const content of ['one', 'two', 'three']) await former.put(body(content))
    await slave.close()
    await former.close()
    const master = await startMaster(test, '/store', { ...policy, ...memory() })
    master.replication.log.acknowledge('a', 0)
    const statuses: string[] = []
    const puts = ['1', '2', '3', '4'].map(async (content) => statuses.push((await master.put(body(content))).status))
    const back = await startSlave(test, '/store', addressOf(master), { compatibility, ...other })
    const events = heard(back, 'diverged')
    await until(() => events.length > 0)
    test.same(statuses, [], 'nobody has them')
    master.replication.log.leave('a', 'over')
    await until(() => master.replication.status().replicas.length === 0)
    await Promise.all([master.close(), ...puts])
  })
}
