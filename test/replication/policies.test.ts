import t, { type Test } from 'tap'
import { MessageStore, type OpenOptions, type PutResult, type StoreEvents } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { message, messageOfSize, openStore, START, withGatedFlush, type TestOptions } from '../store/support'
import { SteppedClock } from '../torture/stepped-clock'
import { FILE } from './support'

/*
 * The story: which status a put gets, with replicas that the test is: by version, role and the options of acknowledgement, and what
 * a replica has to do to count. They speak to store.replication.log, as a transport does.
 *
 * Not proved here: that replicas have what they say (store-log, ha), and that two real stores do this over TCP (promotion).
 */

const clocks = new WeakMap<MessageStore, SteppedClock>()

async function open(test: Test, options: TestOptions = {}): Promise<MessageStore> {
  const clock = new SteppedClock(START)
  const store = await openStore(test, '/store', { brokerRole: 'SYNC_MASTER', clock, ports: { backend: createMemoryBackend() }, ...options })
  clocks.set(store, clock)
  // A close waits for those that wait, and their time would never come.
  test.teardown(() => clock.advance(60_000))
  return store
}

/** A store with one message that two replicas have. */
async function openWithTwo(test: Test, options: TestOptions = {}): Promise<MessageStore> {
  const store = await open(test, options)
  store.append(message())
  for (const replica of ['a', 'b']) store.replication.log.acknowledge(replica, store.maxPhyOffset)
  return store
}

function acknowledge(store: MessageStore, replica: string, offset = store.maxPhyOffset): void {
  store.replication.log.acknowledge(replica, offset)
}

/** The status once everything that can go on has gone on; undefined where it still waits. */
async function statusOf(put: Promise<PutResult>): Promise<string | undefined> {
  let status: string | undefined
  put.then((result) => (status = result.status), (error: { code?: string }) => (status = error.code))
  for (let turn = 0; turn < 5; turn++) await new Promise((resume) => setImmediate(resume))
  return status
}

function heard<Name extends keyof StoreEvents>(store: MessageStore, name: Name): StoreEvents[Name][] {
  const events: StoreEvents[Name][] = []
  store.on(name, (event) => events.push(event))
  return events
}

const nextTurn = (): Promise<void> => new Promise((resume) => setImmediate(resume))

t.test('4.9: one slave is enough', async (test) => {
  const store = await openWithTwo(test, { compatibility: '4.9' })
  const waiting = store.put(message())
  test.equal(await statusOf(waiting), undefined, 'nobody has it yet')
  acknowledge(store, 'b', store.maxPhyOffset - 1)
  test.equal(await statusOf(waiting), undefined, 'a byte is missing')
  acknowledge(store, 'b')
  test.equal(await statusOf(waiting), 'PUT_OK')
})

for (const compatibility of ['4.9', '5.3'] as const) {
  t.test(`${compatibility}: a replica that has nothing begins with the last file, and says nothing of the messages before`, async (test) => {
    const store = await open(test, { compatibility, ...(compatibility === '5.3' && { inSyncReplicas: 2 }) })
    acknowledge(store, 'a', 0)
    const first = store.put(messageOfSize(3000))
    const second = store.put(messageOfSize(3000))
    store.replication.log.leave('a', 'it lost the connection before anything came')
    test.equal(await statusOf(first), undefined)
    acknowledge(store, 'a', 0)
    test.match(await first, { status: 'FLUSH_SLAVE_TIMEOUT', offset: 0 }, 'nobody has it')
    test.equal(await statusOf(second), undefined)
    acknowledge(store, 'a')
    test.match(await second, { status: 'PUT_OK', offset: FILE })
    test.equal(await statusOf(store.put(message())), undefined)
  })
}

t.test('4.9: no slave, or none in reach', async (test) => {
  const store = await open(test, { compatibility: '4.9', haSlaveFallbehindMax: 1000 })
  test.match(await store.put(message()), { status: 'SLAVE_NOT_AVAILABLE', reason: /no slave is connected/, offset: 0 }, 'it is stored all the same')
  const end = store.maxPhyOffset
  acknowledge(store, 'a', end)
  const atLimit = store.put(messageOfSize(999))
  test.equal(await statusOf(atLimit), undefined, '999 bytes behind, with the message')
  test.match(await store.put(messageOfSize(100)), { status: 'SLAVE_NOT_AVAILABLE', reason: /1099 bytes behind/ })
  acknowledge(store, 'a', end + 999)
  test.equal(await statusOf(atLimit), 'PUT_OK')
  test.equal(await statusOf(store.put(messageOfSize(899))), undefined, 'in reach again: 999 bytes behind')
  test.equal(await statusOf(store.put(messageOfSize(99))), 'SLAVE_NOT_AVAILABLE')
})

t.test('4.9: how far behind is measured from the furthest that any slave ever was, also one that has gone', async (test) => {
  const store = await open(test, { compatibility: '4.9', haSlaveFallbehindMax: 1000 })
  acknowledge(store, 'slow', 0)
  for (let at = 0; at < 10; at++) store.append(messageOfSize(200))
  acknowledge(store, 'fast')
  store.replication.log.leave('fast', 'test')
  test.match(store.replication.status(), { push2SlaveMaxOffset: store.maxPhyOffset, replicas: [{ replica: 'slow' }] })
  const waiting = store.put(message())
  test.equal(await statusOf(waiting), undefined, 'the engine waits, too')
  acknowledge(store, 'slow', 100)
  clocks.get(store)!.advance(3000)
  test.match(await waiting, { status: 'FLUSH_SLAVE_TIMEOUT', reason: /3000 ms.*connected: 1/ }, 'for nobody has it')
})

t.test('5.3: as many stores as inSyncReplicas says, this one among them', async (test) => {
  const store = await openWithTwo(test, { inSyncReplicas: 3 })
  const waiting = store.put(message())
  acknowledge(store, 'a')
  test.equal(await statusOf(waiting), undefined, 'two have it')
  acknowledge(store, 'b')
  test.equal(await statusOf(waiting), 'PUT_OK')
  const batch = store.putBatch({ topic: 'orders', messages: [message(), message()] })
  acknowledge(store, 'a')
  acknowledge(store, 'b')
  test.equal(await statusOf(batch), 'PUT_OK', 'a batch, too')
})

t.test('5.3: with too few replicas a message is stored, and waits', async (test) => {
  const store = await open(test, { inSyncReplicas: 2, slaveTimeout: 50 })
  const waiting = store.put(message())
  test.equal(await statusOf(waiting), undefined, 'SLAVE_NOT_AVAILABLE is of 4.9')
  clocks.get(store)!.advance(50)
  test.match(await waiting, { status: 'FLUSH_SLAVE_TIMEOUT', reason: /50 ms.*connected: 0/ })
  test.equal(store.maxOffset('orders', 0), 1)
  acknowledge(store, 'a')
  const next = store.put(message())
  acknowledge(store, 'a')
  test.equal(await statusOf(next), 'PUT_OK', 'and the store goes on')
})

t.test('5.3: with the defaults a SYNC_MASTER waits for nobody, and a warning says so', async (test) => {
  const warningsOf = async (options: OpenOptions): Promise<string[]> => {
    const warnings = heard(await open(test, options), 'warning')
    await nextTurn()
    return warnings.map((warning) => warning.message).filter((text) => /replica/.test(text))
  }
  test.match(await warningsOf({}), [/SYNC_MASTER.*no replica is waited for.*inSyncReplicas 2/])
  test.equal((await (await open(test)).put(message())).status, 'PUT_OK')
  for (const options of [{ inSyncReplicas: 2 }, { allAckInSyncStateSet: true }, { compatibility: '4.9' }, { brokerRole: 'ASYNC_MASTER' }] as OpenOptions[]) {
    test.same(await warningsOf(options), [], JSON.stringify(options))
  }
})

for (const options of [{ compatibility: '4.9' }, { compatibility: '5.3', inSyncReplicas: 2 }] as const) {
  const name = `${options.compatibility}: `
  t.test(`${name}who does not wait`, async (test) => {
    const store = await open(test, { ...options })
    test.equal((await store.put(message({ properties: { WAIT: 'false' } }))).status, 'PUT_OK', 'WAIT=false')
    test.equal(store.append(message()).status, 'PUT_OK', 'append')
    const asynchronous = await open(test, { ...options, brokerRole: 'ASYNC_MASTER' })
    test.equal((await asynchronous.put(message())).status, 'PUT_OK', 'ASYNC_MASTER')
  })

  t.test(`${name}disk and replicas, and which status wins`, async (test) => {
    const cases = [
      { flushed: true, replicated: true, status: 'PUT_OK' },
      { flushed: false, replicated: true, status: 'FLUSH_DISK_TIMEOUT' },
      { flushed: true, replicated: false, status: 'FLUSH_SLAVE_TIMEOUT' },
      { flushed: false, replicated: false, status: 'FLUSH_SLAVE_TIMEOUT' },
    ]
    for (const { flushed, replicated, status } of cases) {
      const gate = withGatedFlush(createMemoryBackend())
      const store = await openWithTwo(test, { ...options, flushDiskType: 'SYNC_FLUSH', ports: gate })
      await store.flush()
      gate.close()
      const waiting = store.put(message())
      test.equal(await statusOf(waiting), undefined, 'it waits for both')
      if (replicated) acknowledge(store, 'a')
      test.equal(await statusOf(waiting), undefined)
      // The one that came is not forgotten when its replica has gone before the other one came.
      if (replicated) store.replication.log.leave('a', 'test')
      if (flushed) gate.open()
      await nextTurn()
      clocks.get(store)!.advance(5000)
      test.equal((await waiting).status, status, JSON.stringify({ flushed, replicated }))
      gate.open()
    }
  })

  t.test(`${name}a replica that has gone does not count`, async (test) => {
    const store = await openWithTwo(test, options)
    store.append(message())
    const end = store.maxPhyOffset
    for (const replica of ['a', 'b']) acknowledge(store, replica)
    for (const replica of ['a', 'b']) store.replication.log.leave(replica, 'test')
    acknowledge(store, 'c', 0)
    const waiting = store.put(message())
    test.equal(await statusOf(waiting), undefined)
    clocks.get(store)!.advance(3000)
    test.equal((await waiting).status, 'FLUSH_SLAVE_TIMEOUT')
    test.equal(store.replication.status().push2SlaveMaxOffset, end, "the engine's number stays")
  })

  t.test(`${name}who still waits when the last replica goes is not acknowledged for that`, async (test) => {
    const store = await openWithTwo(test, options)
    const waiting = store.put(message())
    for (const replica of ['a', 'b']) store.replication.log.leave(replica, 'test')
    test.equal(await statusOf(waiting), undefined)
    clocks.get(store)!.advance(3000)
    test.equal((await waiting).status, 'FLUSH_SLAVE_TIMEOUT')
  })

  t.test(`${name}an acknowledgement of what is not there is refused`, async (test) => {
    const store = await openWithTwo(test, options)
    const waiting = store.put(message())
    for (const offset of [store.maxPhyOffset + 1, Number.MAX_SAFE_INTEGER, Infinity, NaN]) {
      test.throws(() => acknowledge(store, 'a', offset), { code: 'ERR_OFFSET_UNAVAILABLE' }, String(offset))
      test.throws(() => acknowledge(store, 'new', offset), { code: 'ERR_OFFSET_UNAVAILABLE' })
    }
    test.same(store.replication.status().replicas.map(({ replica }) => replica), ['a', 'b'], 'and nobody has come by it')
    test.equal(await statusOf(waiting), undefined)
    acknowledge(store, 'a')
    test.equal(await statusOf(waiting), 'PUT_OK')
  })

  t.test(`${name}a replica that says that it has less than it said is taken at its word`, async (test) => {
    const store = await openWithTwo(test, options)
    const end = store.maxPhyOffset
    store.replication.log.leave('b', 'test')
    acknowledge(store, 'a', 0)
    const waiting = store.put(message())
    acknowledge(store, 'a', end)
    test.equal(await statusOf(waiting), undefined)
    acknowledge(store, 'a')
    test.equal(await statusOf(waiting), 'PUT_OK')
  })

  t.test(`${name}nothing is acknowledged by a store that has stopped, or was closed`, async (test) => {
    let flushError: Error | undefined
    const memory = createMemoryBackend()
    const mapper: typeof memory.mapper = {
      map(descriptor, length, access) {
        const mapping = memory.mapper.map(descriptor, length, access)
        return Object.create(mapping, {
          flush: { value: (from: number, to: number) => (flushError === undefined ? mapping.flush(from, to) : Promise.reject(flushError)) },
          bytes: { get: () => mapping.bytes }, view: { get: () => mapping.view },
          populate: { value: (from: number, to: number, inSinglePages: boolean) => mapping.populate(from, to, inSinglePages) }, unmap: { value: () => mapping.unmap() },
        }) as typeof mapping
      },
    }
    const failing = await openWithTwo(test, { ...options, ports: { backend: { ...memory, crc32: memory.crc32.bind(memory), mapper } } })
    const waiting = failing.put(message())
    flushError = new Error('EIO')
    await failing.flush().catch(() => undefined)
    test.equal(await statusOf(waiting), 'ERR_FLUSH_FAILED')
    acknowledge(failing, 'a')
    test.equal(failing.failure?.code, 'ERR_FLUSH_FAILED')
    test.equal(await statusOf(failing.put(message())), 'ERR_FLUSH_FAILED')

    const closed = await openWithTwo(test, options)
    for (const replica of ['a', 'b']) closed.replication.log.leave(replica, 'test')
    acknowledge(closed, 'c', 0)
    const last = closed.put(message())
    const closing = closed.close()
    await nextTurn()
    acknowledge(closed, 'c')
    test.equal((await last).status, 'PUT_OK', 'a close waits for those that wait')
    await closing
    const alone = await open(test, { ...options, compatibility: '5.3', inSyncReplicas: 2 })
    const hopeless = alone.put(message())
    await alone.close()
    test.match(await hopeless, { status: 'FLUSH_SLAVE_TIMEOUT', reason: /closed/ }, 'but not for nobody')
  })
}

t.test('5.3: minInSyncReplicas refuses before anything is stored', async (test) => {
  const store = await open(test, { inSyncReplicas: 2, minInSyncReplicas: 2 })
  test.match(await store.put(message()), { status: 'IN_SYNC_REPLICAS_NOT_ENOUGH', reason: /1 of the stores are in sync.*minInSyncReplicas is 2/, offset: -1 })
  test.equal((await store.putBatch({ topic: 'orders', messages: [message()] })).status, 'IN_SYNC_REPLICAS_NOT_ENOUGH')
  test.equal(store.maxPhyOffset, 0)
  test.equal((await store.put(message({ properties: { WAIT: 'false' } }))).status, 'PUT_OK', 'who does not wait is not asked')
  acknowledge(store, 'a')
  const waiting = store.put(message())
  test.equal(await statusOf(waiting), undefined)
  acknowledge(store, 'a')
  test.equal(await statusOf(waiting), 'PUT_OK')
  store.running.permit({ write: false })
  store.replication.log.leave('a', 'test')
  await test.rejects(store.put(message()), { code: 'ERR_NOT_WRITABLE' }, 'what is weightier comes first')
})

t.test('5.3: all that are in sync', async (test) => {
  const store = await open(test, { allAckInSyncStateSet: true, minInSyncReplicas: 2, haMaxGapNotInSync: 1000 })
  acknowledge(store, 'a')
  acknowledge(store, 'b')
  const waiting = store.put(message())
  acknowledge(store, 'a')
  test.equal(await statusOf(waiting), undefined, 'b is in sync, and lacks it')
  acknowledge(store, 'b')
  test.equal(await statusOf(waiting), 'PUT_OK')

  const next = store.put(message())
  acknowledge(store, 'a')
  store.replication.log.leave('b', 'test')
  test.equal(await statusOf(next), 'PUT_OK', 'one that is in sync no more is not waited for')

  const third = store.put(message())
  store.replication.log.leave('a', 'test')
  test.equal(await statusOf(third), undefined, 'with fewer than minInSyncReplicas nothing is acknowledged')
  test.equal((await store.put(message())).status, 'IN_SYNC_REPLICAS_NOT_ENOUGH', 'nor stored')
  acknowledge(store, 'c', 0)
  test.equal(store.replication.status().inSyncReplicas, 1, 'a new one is in sync once it has what there was when it came')
  acknowledge(store, 'c')
  test.equal(store.replication.status().inSyncReplicas, 2)
  test.equal(await statusOf(third), 'PUT_OK')
})

t.test('5.3: with all that are in sync, and none that is', async (test) => {
  const store = await open(test, { allAckInSyncStateSet: true })
  test.equal((await store.put(message())).status, 'PUT_OK', 'minInSyncReplicas is 1: this store alone will do')
  acknowledge(store, 'a', 0)
  test.equal((await store.put(message())).status, 'PUT_OK', 'one that still catches up is not waited for')
  acknowledge(store, 'a')
  const waiting = store.put(message())
  test.equal(await statusOf(waiting), undefined)
  store.replication.log.leave('a', 'test')
  test.equal(await statusOf(waiting), undefined, 'it was to be on a replica, and is on none')
})

t.test('5.3: making do with those that are in sync', async (test) => {
  const store = await open(test, { inSyncReplicas: 3, minInSyncReplicas: 2, enableAutoInSyncReplicas: true })
  test.equal((await store.put(message())).status, 'IN_SYNC_REPLICAS_NOT_ENOUGH')
  acknowledge(store, 'a')
  const two = store.put(message())
  acknowledge(store, 'a')
  test.equal(await statusOf(two), 'PUT_OK', 'two are in sync, and will do')
  acknowledge(store, 'b')
  const three = store.put(message())
  acknowledge(store, 'a')
  test.equal(await statusOf(three), undefined, 'three are, and have to')
  acknowledge(store, 'b')
  test.equal(await statusOf(three), 'PUT_OK')
})

t.test('in sync, by bytes and by time', async (test) => {
  const store = await open(test, { inSyncReplicas: 2, haMaxGapNotInSync: 1000, haMaxTimeSlaveNotCatchup: 15_000 })
  const clock = clocks.get(store)!
  const [inSync, outOfSync, caughtUp] = [heard(store, 'replicaInSync'), heard(store, 'replicaOutOfSync'), heard(store, 'replicaCaughtUp')]
  acknowledge(store, 'a')
  test.match(inSync, [{ replica: 'a', acknowledgedOffset: 0, lagBytes: 0, lagMilliseconds: 0, isInSync: true }])
  test.same(caughtUp, [{ replica: 'a', offset: 0 }])

  for (let at = 0; at < 5; at++) store.append(messageOfSize(200))
  await nextTurn()
  clock.advance(1000)
  test.match(outOfSync, [{ replica: 'a', lagBytes: 1000, isInSync: false }], 'too many bytes, found by a look once a second')
  acknowledge(store, 'a', 200)
  test.equal(store.replication.status().replicas[0]!.isInSync, false, 'near again, and without what there was when it fell out')
  acknowledge(store, 'a')
  test.equal(inSync.length, 2)
  test.equal(caughtUp.length, 2)

  store.append(messageOfSize(200))
  await nextTurn()
  for (let second = 0; second < 15; second++) clock.advance(1000)
  test.equal(outOfSync.length, 1, 'after 15 s it may still come')
  test.match(store.replication.status().replicas, [{ lagBytes: 200, lagMilliseconds: 15_000, isInSync: true }])
  clock.advance(1000)
  test.equal(outOfSync.length, 2)
})

t.test('replicas that come and go', async (test) => {
  const store = await open(test, { brokerRole: 'ASYNC_MASTER' })
  const [connected, gone] = [heard(store, 'replicaConnected'), heard(store, 'replicaGone')]
  store.append(messageOfSize(100))
  acknowledge(store, '10.0.0.1:5', 40)
  acknowledge(store, '10.0.0.2:5', 100)
  test.same(connected, [{ replica: '10.0.0.1:5', offset: 40 }, { replica: '10.0.0.2:5', offset: 100 }])
  clocks.get(store)!.advance(700)
  test.match(store.replication.status(), {
    role: 'ASYNC_MASTER', epoch: 0, isRunning: false, address: undefined, master: undefined, inSyncReplicas: 2, replicatedOffset: 100, push2SlaveMaxOffset: 100,
    replicas: [
      { replica: '10.0.0.2:5', since: START, acknowledgedOffset: 100, lagBytes: 0, lagMilliseconds: 0, isInSync: true },
      { replica: '10.0.0.1:5', since: START, acknowledgedOffset: 40, lagBytes: 60, lagMilliseconds: 700, isInSync: false },
    ],
  }, 'the furthest first')
  acknowledge(store, '10.0.0.1:5', 60)
  store.replication.log.leave('10.0.0.1:5', 'the connection was lost')
  store.replication.log.leave('10.0.0.1:5', 'again')
  test.same(gone, [{ replica: '10.0.0.1:5', offset: 60, reason: 'the connection was lost' }])
})

t.test('what is confirmed is on replicas', async (test) => {
  const store = await open(test, { inSyncReplicas: 2, visibility: 'confirmed' })
  const arrivals = heard(store, 'arrival')
  store.append(messageOfSize(100))
  store.append(messageOfSize(100))
  await nextTurn()
  test.equal(store.confirmOffset, 0)
  test.equal(store.maxOffset('orders', 0), 0)
  test.same(arrivals, [])
  acknowledge(store, 'a', 100)
  await nextTurn()
  test.equal(store.confirmOffset, 100)
  test.same(arrivals, [{ topic: 'orders', queueId: 0, maxOffset: 1 }])
  store.replication.log.leave('a', 'test')
  acknowledge(store, 'b', 0)
  test.equal(store.confirmOffset, 100, 'nothing that was seen disappears')
  acknowledge(store, 'b', 200)
  await nextTurn()
  test.equal(store.get({ topic: 'orders', queueId: 0, offset: 0 }).messages.length, 2)
})

t.test('what is confirmed waits for the disk as well, and only where put does', async (test) => {
  const gate = withGatedFlush(createMemoryBackend())
  const store = await open(test, { inSyncReplicas: 2, flushDiskType: 'SYNC_FLUSH', visibility: 'confirmed', ports: gate })
  gate.close()
  store.append(messageOfSize(100))
  acknowledge(store, 'a')
  test.equal(store.confirmOffset, 0)
  gate.open()
  await store.flush()
  test.equal(store.confirmOffset, 100)
  const alone = await open(test, { visibility: 'confirmed' })
  alone.append(messageOfSize(100))
  test.equal(alone.visibleOffset, 100, 'with inSyncReplicas 1 nobody is waited for')
  for (const compatibility of ['4.9', '5.3'] as const) {
    const usual = await open(test, { compatibility, ...(compatibility === '5.3' && { inSyncReplicas: 2 }) })
    usual.append(messageOfSize(100))
    test.equal(usual.visibleOffset, 100, 'by default readers see what replicas lack, as with the engine')
    test.equal(usual.confirmOffset, 0)
  }
})

t.test('what an open finds counts as replicated', async (test) => {
  const backend = createMemoryBackend()
  const first = await open(test, { inSyncReplicas: 2, ports: { backend } })
  first.append(messageOfSize(100))
  await first.close()
  const store = await open(test, { inSyncReplicas: 2, visibility: 'confirmed', ports: { backend } })
  test.equal(store.visibleOffset, 100)
  store.append(messageOfSize(100))
  test.equal(store.visibleOffset, 100)
})

t.test('replicas that are behind are pressure', async (test) => {
  const store = await open(test, { inSyncReplicas: 2 })
  const clock = clocks.get(store)!
  const pressures = heard(store, 'pressure')
  acknowledge(store, 'a')
  store.append(messageOfSize(100))
  await nextTurn()
  const since = clock.now()
  clock.advance(999)
  test.same(store.pressure(), [])
  const waiting = store.put(messageOfSize(100))
  clock.advance(1)
  await nextTurn()
  test.match(store.pressure(), [{ reason: 'replicaBehind', since, bytes: 200, message: /200 bytes.*1000 ms.*connected: 1/ }])
  test.match(pressures, [{ causes: [{ reason: 'replicaBehind' }] }])
  clock.advance(3000)
  test.match(await waiting, { status: 'FLUSH_SLAVE_TIMEOUT', reason: /replicas are behind/ })
  acknowledge(store, 'a')
  test.same(store.pressure(), [])
  clock.advance(1000)
  await nextTurn()
  test.match(pressures.at(-1), { causes: [] })
})
