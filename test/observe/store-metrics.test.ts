import { createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { FRAME_HEADER_LENGTH, writeFrameHeader } from '../../lib/format/ha-frame'
import type { MessageStore, ObserveOptions } from '../../lib/index'
import { counters, gauges, histograms, namesOf, type HistogramName, type NumberName } from '../../lib/observe/metrics'
import { StoreMetrics } from '../../lib/observe/store-metrics'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { StillClock, message, messageOfSize, openStore, recordLength, withGatedFlush, type TestOptions } from '../store/support'
import { FakeDisks } from '../guard/support'
import { until } from '../replication/pair'
import { HOUR, fillSegments, openRetained } from '../retention/support'

/*
 * The story: a dashboard that was made for a broker shows the same of a store. So each value is held against what was done to the
 * store, and not against how it is counted.
 */

async function open(t: Test, options: TestOptions & { observe?: ObserveOptions } = {}): Promise<{ store: MessageStore; metrics: StoreMetrics }> {
  const { observe = {}, ...storeOptions } = options
  const store = await openStore(t, '/store', { ...storeOptions, ports: { backend: createMemoryBackend(), ...storeOptions.ports } })
  const metrics = new StoreMetrics(store, observe)
  t.teardown(() => metrics.stop())
  return { store, metrics }
}

const GIB = 2 ** 30

/** Volumes of 100 GiB with so much left. */
function disksOf(free: Record<string, number>): FakeDisks {
  const disks = new FakeDisks()
  for (const [path, freeBytes] of Object.entries(free)) disks.mount(path, 100 * GIB, freeBytes)
  return disks
}

/** Values of a metric by the labels that are asked for. */
function values(metrics: StoreMetrics, name: NumberName, ...labelNames: string[]): Record<string, number> {
  return Object.fromEntries(metrics.read(name).map(({ labels, value }) => [labelNames.map((label) => labels[label]).join(' '), value]))
}

function value(metrics: StoreMetrics, name: NumberName): number | undefined {
  const samples = metrics.read(name)
  if (samples.length > 1) throw new Error(`${name} has ${samples.length} values`)
  return samples[0]?.value
}

t.test('messages and bytes that came in, by topic', async (t) => {
  const { store, metrics } = await open(t)
  t.strictSame(values(metrics, 'rocketmq_messages_in_total'), {})
  store.append(message({ topic: 'orders' }))
  store.append(message({ topic: 'orders', queueId: 3 }))
  store.append(message({ topic: 'bills', body: Buffer.alloc(100) }))
  t.strictSame(values(metrics, 'rocketmq_messages_in_total', 'topic'), { orders: 2, bills: 1 })
  t.strictSame(values(metrics, 'rocketmq_throughput_in_total', 'topic'), {
    orders: 2 * recordLength('orders', 4, 0), bills: recordLength('bills', 100, 0),
  })
})

t.test('messages that came in, by type: as a broker tells them apart', async (t) => {
  const { store, metrics } = await open(t)
  const propertiesOf: Record<string, Record<string, string>[]> = {
    normal: [{}, { TAGS: 'tag' }, { TRAN_MSG: 'false' }],
    transaction: [{ TRAN_MSG: 'true' }, { TRAN_MSG: 'TRUE', __SHARDINGKEY: 'key', DELAY: '1' }],
    fifo: [{ __SHARDINGKEY: 'key' }, { __SHARDINGKEY: 'key', DELAY: '1' }],
    delay: [{ DELAY: '3' }, { TIMER_DELIVER_MS: '1' }, { TIMER_DELAY_SEC: '1' }, { TIMER_DELAY_MS: '1' }, { __STARTDELIVERTIME: '1' }],
  }
  for (const properties of Object.values(propertiesOf).flat()) store.append(message({ properties }))
  t.strictSame(values(metrics, 'rocketmq_messages_in_total', 'message_type'), { normal: 3, transaction: 2, fifo: 2, delay: 5 })
})

t.test('a delayed message counts for the topic that it was sent to', async (t) => {
  const { store, metrics } = await open(t, { compatibility: '4.9' })
  store.append(message({ properties: { DELAY: '1' } }))
  t.strictSame(store.queues().map(({ topic }) => topic), ['SCHEDULE_TOPIC_XXXX'])
  t.strictSame(values(metrics, 'rocketmq_messages_in_total', 'topic', 'message_type'), { 'orders delay': 1 })
})

t.test('system topics are told apart, retry and dead-letter topics do not count', async (t) => {
  const { store, metrics } = await open(t)
  for (const topic of ['orders', 'TBW102', 'rmq_sys_REVIVE_LOG_cluster', '%RETRY%group', '%DLQ%group']) {
    store.append(message({ topic }))
    store.get({ topic, queueId: 0, offset: 0 })
  }
  const expected = { 'orders false': 1, 'TBW102 true': 1, 'rmq_sys_REVIVE_LOG_cluster true': 1 }
  t.strictSame(values(metrics, 'rocketmq_messages_in_total', 'topic', 'is_system'), expected)
  t.strictSame(values(metrics, 'rocketmq_messages_out_total', 'topic', 'is_system'), expected)
})

t.test('a batch counts each of its messages; what is refused, or thrown out, does not count', async (t) => {
  const { store, metrics } = await open(t)
  const result = store.appendBatch({ topic: 'orders', messages: [{ body: Buffer.alloc(10) }, { body: Buffer.alloc(21) }, { body: Buffer.alloc(32) }] })
  t.equal(store.append(message({ topic: '' })).isStored(), false)
  t.throws(() => store.append(undefined as never))
  t.strictSame(values(metrics, 'rocketmq_messages_in_total', 'topic'), { orders: 3 })
  t.strictSame(values(metrics, 'rocketmq_throughput_in_total', 'topic'), { orders: result.bytes })
  const { count, sum } = metrics.readHistogram('rocketmq_message_size')[0]!.histogram
  t.strictSame([count, sum], [1, Math.floor(result.bytes / 3)], 'their mean, once')
})

t.test('messages and bytes that went out', async (t) => {
  const { store, metrics } = await open(t)
  const size = store.append(message()).bytes
  for (let count = 1; count < 40; count++) store.append(message())
  store.get({ topic: 'orders', queueId: 0, offset: 0, maxMessages: 3 })
  t.strictSame(values(metrics, 'rocketmq_messages_out_total', 'topic'), { orders: 3 })
  for await (const _ of store.read({ topic: 'orders', queueId: 0, offset: 0, follow: false }));
  store.get({ topic: 'orders', queueId: 0, offset: 1000 })
  store.get({ topic: 'unknown', queueId: 0, offset: 0 })
  t.strictSame(values(metrics, 'rocketmq_messages_out_total', 'topic'), { orders: 43 })
  t.strictSame(values(metrics, 'rocketmq_throughput_out_total', 'topic'), { orders: 43 * size })
})

t.test('sizes of messages, in the buckets of a broker', async (t) => {
  const { store, metrics } = await open(t, { mappedFileSizeCommitLog: 1 << 20 })
  for (const size of [500, 1024, 1025, 4096, 4097, 500_000, 524_289]) store.append(messageOfSize(size))
  const [sample] = metrics.readHistogram('rocketmq_message_size')
  t.strictSame(sample!.histogram.bounds, [1024, 4096, 524_288, 1_048_576, 2_097_152, 4_194_304])
  t.strictSame(sample!.histogram.counts, [2, 2, 2, 1, 0, 0, 0])
  t.equal(sample!.histogram.sum, 500 + 1024 + 1025 + 4096 + 4097 + 500_000 + 524_289)
  t.equal(sample!.histogram.count, 7)
})

t.test('what a power cut would take', async (t) => {
  const { store, metrics } = await open(t)
  const { bytes } = store.append(message())
  t.equal(value(metrics, 'rocketmq_storage_flush_behind_bytes'), bytes)
  t.equal(value(metrics, 'rocketmq_storage_dispatch_behind_bytes'), 0)
  await store.flush()
  t.equal(value(metrics, 'rocketmq_storage_flush_behind_bytes'), 0)
})

t.test('how old the first message is', async (t) => {
  const clock = new StillClock()
  const { store, metrics } = await open(t, { clock })
  t.strictSame(metrics.read('rocketmq_storage_message_reserve_time'), [], 'there is none')
  store.append(message())
  clock.advance(5000)
  store.append(message())
  clock.advance(1000)
  t.equal(value(metrics, 'rocketmq_storage_message_reserve_time'), 6000)
})

t.test('what is used of the volume', async (t) => {
  const { metrics } = await open(t, { ports: { disk: disksOf({ '/store': 40 * GIB, '/store/commitlog': 1 }) } })
  t.equal(value(metrics, 'rocketmq_storage_size'), 60 * GIB, 'of that where the store lies, as a broker has it')
})

t.test('volumes, and what is in the way of messages', async (t) => {
  const clock = new StillClock()
  const full = disksOf({ '/store': 40 * GIB, '/store/commitlog': 0 })
  const { store, metrics } = await open(t, { clock, ports: { disk: full } })
  t.strictSame(values(metrics, 'mqstore_disk_level', 'path'), { '/store': 0, '/store/commitlog': 2 })
  t.equal(value(metrics, 'mqstore_writable'), 0)
  t.strictSame(values(metrics, 'mqstore_running_flag', 'flag'), { DISK_FULL: 1 })
  clock.advance(3000)
  t.strictSame(values(metrics, 'mqstore_pressure_time', 'reason'), { diskFull: 3000 })
  store.running.permit({ write: false })
  t.strictSame(Object.keys(values(metrics, 'mqstore_running_flag', 'flag')).sort(), ['DISK_FULL', 'NOT_WRITEABLE'])
})

t.test('nothing is in the way', async (t) => {
  const { metrics } = await open(t, { ports: { disk: disksOf({ '/store': 40 * GIB }) } })
  t.strictSame(values(metrics, 'mqstore_disk_level', 'path'), { '/store': 0 })
  t.equal(value(metrics, 'mqstore_writable'), 1)
  t.strictSame(metrics.read('mqstore_running_flag'), [])
  t.strictSame(metrics.read('mqstore_pressure_time'), [])
})

t.test('flushes, and the failure that ends them', async (t) => {
  const gated = withGatedFlush(createMemoryBackend())
  const mapper = gated.backend.mapper
  let fails = false
  const backend = {
    ...gated.backend,
    mapper: {
      map: (...words: Parameters<typeof mapper.map>) => {
        const mapping = mapper.map(...words)
        return Object.assign(Object.create(mapping) as typeof mapping, {
          flush: (from: number, to: number) => (fails ? Promise.reject(new Error('no such disk')) : mapping.flush(from, to)),
        })
      },
    },
  }
  const { store, metrics } = await open(t, { ports: { backend } })
  const flushes = (): number => metrics.readHistogram('mqstore_flush_time')[0]!.histogram.count
  t.equal(flushes(), 0)
  store.append(message())
  await store.flush()
  t.equal(flushes(), 1)
  t.strictSame(metrics.readHistogram('mqstore_flush_bytes')[0]!.histogram.counts, [1, 0, 0, 0, 0, 0])
  t.equal(metrics.readHistogram('mqstore_flush_bytes')[0]!.histogram.sum, store.maxPhyOffset)
  t.equal(value(metrics, 'mqstore_writable'), 1)
  fails = true
  store.append(message())
  await t.rejects(store.flush(), { code: 'ERR_FLUSH_FAILED' })
  t.equal(flushes(), 1)
  t.strictSame(values(metrics, 'mqstore_running_flag', 'flag'), { FAILED: 1 })
})

t.test('the lag of consumer groups', async (t) => {
  const clock = new StillClock()
  const offsets = [
    { group: 'shop', topic: 'orders', queueId: 0, offset: 1 },
    { group: 'shop', topic: 'orders', queueId: 1, offset: 0 },
    { group: 'shop', topic: 'bills', queueId: 0, offset: 7 },
    { group: 'CID_RMQ_SYS_TRANS', topic: 'orders', queueId: 0, offset: 2 },
    { group: 'shop', topic: '%RETRY%shop', queueId: 0, offset: 0 },
  ]
  const { store, metrics } = await open(t, { clock, observe: { consumerOffsets: () => offsets } })
  for (const queueId of [0, 0, 1, 0]) {
    store.append(message({ queueId }))
    clock.advance(1000)
  }
  t.strictSame(values(metrics, 'rocketmq_consumer_lag_messages', 'consumer_group', 'topic', 'is_retry', 'is_system'), {
    'shop orders false false': 3, 'shop bills false false': 0, 'CID_RMQ_SYS_TRANS orders false true': 1, 'shop %RETRY%shop true false': 0,
  })
  t.strictSame(values(metrics, 'rocketmq_consumer_lag_latency', 'consumer_group', 'topic'), {
    'shop orders': 3000, 'shop bills': 0, 'CID_RMQ_SYS_TRANS orders': 1000, 'shop %RETRY%shop': 0,
  })
  offsets[0]!.offset = 3
  offsets[1]!.offset = 1
  t.strictSame(values(metrics, 'rocketmq_consumer_lag_messages', 'consumer_group', 'topic')['shop orders'], 0, 'asked anew each time')
})

t.test('the lag of the groups that the store keeps itself', async (t) => {
  const { store } = await open(t)
  const metrics = new StoreMetrics(store, { consumerOffsets: () => store.config.consumerOffsets })
  t.teardown(() => metrics.stop())
  for (const queueId of [0, 0, 1]) store.append(message({ queueId }))
  store.config.consumerOffsets.commit({ group: 'shop', topic: 'orders', queueId: 0, offset: 1 })
  store.config.consumerOffsets.commit({ group: 'shop', topic: 'orders', queueId: 1, offset: 0 })
  store.config.consumerOffsets.commit({ group: 'billing', topic: 'orders', queueId: 0, offset: 2 })
  t.strictSame(values(metrics, 'rocketmq_consumer_lag_messages', 'consumer_group', 'topic'), { 'shop orders': 2, 'billing orders': 0 })
})

t.test('how far the replicas of a master are', async (t) => {
  const clock = new StillClock()
  const { store, metrics } = await open(t, { clock, brokerRole: 'ASYNC_MASTER' })
  const { log } = store.replication
  t.equal(value(metrics, 'mqstore_replicas_connected'), 0)
  t.strictSame(metrics.read('mqstore_replica_lag_bytes'), [])
  const first = store.append(message())
  log.acknowledge('near', first.offset + first.bytes)
  log.acknowledge('far', first.offset)
  clock.advance(1000)
  const second = store.append(message())
  await new Promise(setImmediate)
  clock.advance(2000)
  t.equal(value(metrics, 'mqstore_replicas_connected'), 2)
  t.strictSame(values(metrics, 'mqstore_replica_lag_bytes', 'replica'), { near: second.bytes, far: first.bytes + second.bytes })
  t.strictSame(values(metrics, 'mqstore_replica_lag_time', 'replica'), { near: 2000, far: 3000 })
  t.strictSame(values(metrics, 'mqstore_replica_in_sync', 'replica'), { near: 1, far: 0 })
  log.acknowledge('far', store.maxPhyOffset)
  log.leave('near', 'it left')
  t.equal(value(metrics, 'mqstore_replicas_connected'), 1)
  t.strictSame(values(metrics, 'mqstore_replica_lag_bytes', 'replica'), { far: 0 })
  t.strictSame(values(metrics, 'mqstore_replica_lag_time', 'replica'), { far: 0 })
  t.strictSame(values(metrics, 'mqstore_replica_in_sync', 'replica'), { far: 1 })
  t.strictSame(metrics.read('mqstore_slave_connected'), [])
})

t.test('how far a slave is, by what its master has sent', async (t) => {
  const clock = new StillClock()
  const frame = Buffer.alloc(FRAME_HEADER_LENGTH)
  writeFrameHeader(new DataView(frame.buffer, frame.byteOffset, frame.length), 0, 0, 1000)
  const sockets: Socket[] = []
  // The header of a frame says how far the master is, and the rest of it never comes.
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const master = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const { store, metrics } = await open(t, { clock, brokerRole: 'SLAVE', haMasterAddress: master })
  t.strictSame(metrics.read('mqstore_slave_connected'), [], 'it does not follow yet')
  t.strictSame(metrics.read('mqstore_replicas_connected'), [], 'nothing that should be connected to a slave is missing')
  const connected = new Promise((resolve) => store.once('masterConnected', resolve))
  await store.replication.start()
  await connected
  t.strictSame(values(metrics, 'mqstore_slave_connected', 'master'), { [master]: 1 })
  t.strictSame(values(metrics, 'mqstore_slave_lag_bytes', 'master'), { [master]: 0 })
  await until(() => sockets.length > 0)
  sockets[0]!.write(frame)
  await until(() => value(metrics, 'mqstore_slave_lag_bytes') !== 0)
  clock.advance(700)
  t.strictSame(values(metrics, 'mqstore_slave_lag_bytes', 'master'), { [master]: 1000 })
  t.strictSame(values(metrics, 'mqstore_slave_lag_time', 'master'), { [master]: 700 })
  const lost = new Promise((resolve) => store.once('masterLost', resolve))
  sockets[0]!.destroy()
  await lost
  t.strictSame(values(metrics, 'mqstore_slave_connected', 'master'), { [master]: 0 })
})

t.test('files that were deleted, and why', async (t) => {
  const { store, clock, meter, deletions } = await openRetained(t)
  const metrics = new StoreMetrics(store, {})
  t.teardown(() => metrics.stop())
  fillSegments({ store, clock }, 4)
  t.strictSame(metrics.read('mqstore_deleted_files_total'), [])
  meter.usedPercent = 90
  await store.retention.deleteNow()
  clock.advance(100 * HOUR)
  fillSegments({ store, clock }, 2)
  meter.usedPercent = 10
  await store.retention.deleteNow()
  const files: Record<string, number> = {}
  const bytes: Record<string, number> = {}
  for (const { kind, reason, bytes: length } of deletions) {
    files[`${kind} ${reason}`] = (files[`${kind} ${reason}`] ?? 0) + 1
    bytes[`${kind} ${reason}`] = (bytes[`${kind} ${reason}`] ?? 0) + length
  }
  t.ok(deletions.length > 2)
  t.ok(Object.keys(files).length > 1)
  t.strictSame(values(metrics, 'mqstore_deleted_files_total', 'kind', 'reason'), files)
  t.strictSame(values(metrics, 'mqstore_deleted_bytes_total', 'kind', 'reason'), bytes)
})

t.test('stores do not count for each other; labels tell them apart', async (t) => {
  const backend = createMemoryBackend()
  const stores = [await openStore(t, '/one', { ports: { backend } }), await openStore(t, '/two', { ports: { backend } })] as const
  const [one, two] = stores.map((store, index) => new StoreMetrics(store, { labels: { node_id: `node-${index}` } })) as [StoreMetrics, StoreMetrics]
  t.teardown(() => [one, two].forEach((metrics) => metrics.stop()))
  stores[0].append(message())
  await stores[0].flush()
  stores[1].append(message())
  stores[1].append(message())
  stores[1].get({ topic: 'orders', queueId: 0, offset: 0 })
  t.strictSame(values(one, 'rocketmq_messages_in_total', 'node_id', 'topic'), { 'node-0 orders': 1 })
  t.strictSame(values(two, 'rocketmq_messages_in_total', 'node_id', 'topic'), { 'node-1 orders': 2 })
  t.strictSame(values(one, 'rocketmq_messages_out_total', 'topic'), {})
  t.strictSame(values(two, 'rocketmq_messages_out_total', 'topic'), { orders: 2 })
  t.equal(one.readHistogram('mqstore_flush_time')[0]!.histogram.count, 1)
  t.equal(two.readHistogram('mqstore_flush_time')[0]!.histogram.count, 0)
})

t.test('every value has the labels that its metric names, and those of the store', async (t) => {
  const { store, metrics } = await open(t, {
    observe: { labels: { cluster: 'cluster' }, consumerOffsets: () => [{ group: 'shop', topic: 'orders', queueId: 0, offset: 0 }] },
    ports: { disk: disksOf({ '/store': 40 * GIB }) },
  })
  store.append(message())
  store.get({ topic: 'orders', queueId: 0, offset: 0 })
  store.replication.log.acknowledge('replica', 0)
  store.running.permit({ read: false })
  const absent: string[] = []
  const slaveOnly = ['mqstore_slave_connected', 'mqstore_slave_lag_bytes', 'mqstore_slave_lag_time']
  const check = (name: NumberName | HistogramName, wanted: readonly string[], samples: readonly { labels: object }[]): void => {
    if (samples.length === 0) absent.push(name)
    for (const { labels } of samples) t.strictSame(Object.keys(labels).sort(), ['cluster', ...wanted].sort(), name)
  }
  for (const name of namesOf(counters)) check(name, counters[name].labels, metrics.read(name))
  for (const name of namesOf(gauges)) check(name, gauges[name].labels, metrics.read(name))
  for (const name of namesOf(histograms)) check(name, histograms[name].labels, metrics.readHistogram(name))
  t.strictSame(absent, ['mqstore_deleted_files_total', 'mqstore_deleted_bytes_total', 'mqstore_pressure_time', ...slaveOnly])
})

t.test('a store that closes has no values where it cannot tell, and counts nothing more', async (t) => {
  const { store, metrics } = await open(t)
  store.append(message())
  await store.close()
  t.strictSame(metrics.read('rocketmq_storage_message_reserve_time'), [])
  t.strictSame(values(metrics, 'rocketmq_messages_in_total', 'topic'), { orders: 1 })
})
