import { Counter, Registry, type OpenMetricsContentType } from 'prom-client'
import t from 'tap'
import { registerPrometheus, type MessageStore } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { StillClock, message, openStore, recordLength } from '../store/support'
import { FakeDisks } from '../guard/support'

/*
 * The story: a program that has a page for Prometheus already gets the store onto it with one line, and the page stays right when
 * stores come and go.
 */

const size = recordLength('orders', 4, 0)

async function linesOf(registry: Registry): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

t.test('the page of a store', async (t) => {
  const clock = new StillClock()
  const disk = new FakeDisks()
  disk.mount('/store', 100 * 2 ** 30, 40 * 2 ** 30)
  const store = await openStore(t, '/store', { clock, ports: { backend: createMemoryBackend(), disk } })
  const registry = new Registry()
  registerPrometheus(store, registry, {
    labels: { cluster: 'shop', node_id: 'broker-a' },
    consumerOffsets: () => [{ group: 'billing', topic: 'orders', queueId: 0, offset: 1 }],
  })
  store.append(message())
  store.append(message({ properties: { __SHARDINGKEY: 'a' } }))
  clock.advance(2000)
  store.get({ topic: 'orders', queueId: 0, offset: 0, maxMessages: 1 })
  const all = 'cluster="shop",node_id="broker-a"'
  const normal = `${all},topic="orders",message_type="normal",is_system="false"`
  const fifo = `${all},topic="orders",message_type="fifo",is_system="false"`
  const storage = `${all},storage_type="local",storage_medium="disk"`
  const consumer = `${all},consumer_group="billing",topic="orders",is_retry="false",is_system="false"`
  const fifoSize = store.maxPhyOffset - size
  t.strictSame(await linesOf(registry), [
    `rocketmq_messages_in_total{${normal}} 1`,
    `rocketmq_messages_in_total{${fifo}} 1`,
    `rocketmq_throughput_in_total{${normal}} ${size}`,
    `rocketmq_throughput_in_total{${fifo}} ${fifoSize}`,
    `rocketmq_messages_out_total{${all},topic="orders",is_system="false"} 1`,
    `rocketmq_throughput_out_total{${all},topic="orders",is_system="false"} ${size}`,
    `rocketmq_storage_size{${storage}} ${60 * 2 ** 30}`,
    `rocketmq_storage_flush_behind_bytes{${storage}} ${store.maxPhyOffset}`,
    `rocketmq_storage_dispatch_behind_bytes{${storage}} 0`,
    `rocketmq_storage_message_reserve_time{${storage}} 2000`,
    `rocketmq_consumer_lag_messages{${consumer}} 1`,
    `rocketmq_consumer_lag_latency{${consumer}} 2000`,
    `mqstore_writable{${all}} 1`,
    `mqstore_replicas_connected{${all}} 0`,
    `mqstore_disk_level{${all},path="/store"} 0`,
    ...[[normal, size], [fifo, fifoSize]].flatMap(([labels, sum]) => [
      ...['1024', '4096', '524288', '1048576', '2097152', '4194304', '+Inf'].map((le) => `rocketmq_message_size_bucket{${labels},le="${le}"} 1`),
      `rocketmq_message_size_sum{${labels}} ${sum}`,
      `rocketmq_message_size_count{${labels}} 1`,
    ]),
    ...['1', '5', '10', '20', '50', '200', '500', '1000', '5000', '+Inf'].map((le) => `mqstore_flush_time_bucket{${all},le="${le}"} 0`),
    `mqstore_flush_time_sum{${all}} 0`,
    `mqstore_flush_time_count{${all}} 0`,
    ...['4096', '65536', '1048576', '16777216', '67108864', '+Inf'].map((le) => `mqstore_flush_bytes_bucket{${all},le="${le}"} 0`),
    `mqstore_flush_bytes_sum{${all}} 0`,
    `mqstore_flush_bytes_count{${all}} 0`,
  ])
})

t.test('what each metric is', async (t) => {
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const registry = new Registry()
  registerPrometheus(store, registry)
  const page = await registry.metrics()
  t.match(page, '# HELP rocketmq_messages_in_total Messages stored\n# TYPE rocketmq_messages_in_total counter\n')
  t.match(page, '# TYPE rocketmq_storage_size gauge\n')
  t.match(page, '# TYPE rocketmq_message_size histogram\n')
})

t.test('buckets hold what is in those below them', async (t) => {
  const store = await openStore(t, '/store', { mappedFileSizeCommitLog: 1 << 16, ports: { backend: createMemoryBackend() } })
  const registry = new Registry()
  registerPrometheus(store, registry)
  for (const length of [10, 2000, 3000, 20_000]) store.append(message({ body: Buffer.alloc(length) }))
  const buckets = (await linesOf(registry)).filter((line) => line.startsWith('rocketmq_message_size_bucket'))
  t.strictSame(buckets.map((line) => Number(line.split(' ')[1])), [1, 3, 4, 4, 4, 4, 4])
})

t.test('a scrape looks at the store, each anew', async (t) => {
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const registry = new Registry()
  registerPrometheus(store, registry)
  const flushBehind = async (): Promise<number> => Number((await registry.getSingleMetricAsString('rocketmq_storage_flush_behind_bytes')).split(' ').at(-1))
  t.equal(await flushBehind(), 0)
  store.append(message())
  t.equal(await flushBehind(), size)
  await store.flush()
  t.equal(await flushBehind(), 0)
})

async function openTwo(t: Parameters<typeof openStore>[0]): Promise<[MessageStore, MessageStore]> {
  const backend = createMemoryBackend()
  return [await openStore(t, '/one', { ports: { backend } }), await openStore(t, '/two', { ports: { backend } })]
}

t.test('several stores on one page, and one that closes', async (t) => {
  const [one, two] = await openTwo(t)
  const registry = new Registry()
  registerPrometheus(one, registry, { labels: { node_id: 'one' } })
  registerPrometheus(two, registry, { labels: { node_id: 'two' } })
  one.append(message())
  two.append(message())
  const counted = async (): Promise<string[]> => (await linesOf(registry)).filter((line) => line.startsWith('rocketmq_messages_in_total'))
  const labels = 'topic="orders",message_type="normal",is_system="false"'
  t.strictSame(await counted(), [
    `rocketmq_messages_in_total{node_id="one",${labels}} 1`, `rocketmq_messages_in_total{node_id="two",${labels}} 1`,
  ])
  await one.close()
  t.strictSame(await counted(), [`rocketmq_messages_in_total{node_id="two",${labels}} 1`])
  await two.close()
  t.strictSame(registry.getMetricsAsArray(), [])
})

t.test('stop takes the metrics away, and a store can be registered again', async (t) => {
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const registry = new Registry()
  const observation = registerPrometheus(store, registry)
  store.append(message())
  observation.stop()
  observation.stop()
  t.strictSame(registry.getMetricsAsArray(), [])
  registerPrometheus(store, registry)
  store.append(message())
  t.match(await registry.getSingleMetricAsString('rocketmq_messages_in_total'), /orders.*\} 1$/, 'counters begin again')
})

t.test('a registry that was cleared', async (t) => {
  const [one, two] = await openTwo(t)
  const registry = new Registry()
  const first = registerPrometheus(one, registry)
  registry.clear()
  registerPrometheus(two, registry)
  const count = registry.getMetricsAsArray().length
  t.ok(count > 0)
  first.stop()
  t.equal(registry.getMetricsAsArray().length, count, 'those of the other store stay')
})

t.test('a name that is taken', async (t) => {
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const registry = new Registry()
  new Counter({ name: 'rocketmq_storage_size', help: 'mine', registers: [registry] })
  t.throws(() => registerPrometheus(store, registry), /rocketmq_storage_size has already been registered/)
  t.strictSame(registry.getMetricsAsArray().map(({ name }) => name), ['rocketmq_storage_size'], 'nothing is half there')
})

t.test('OpenMetrics, JSON, and resetting', async (t) => {
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  registerPrometheus(store, registry)
  store.append(message())
  const page = await registry.metrics()
  t.match(page, '# TYPE rocketmq_messages_in counter\nrocketmq_messages_in_total{')
  t.notMatch(page, '_total_total')
  registry.resetMetrics()
  const json = await registry.getMetricsAsJSON()
  const incoming = json.find(({ name }) => name === 'rocketmq_messages_in')
  t.match(incoming, { type: 'counter', aggregator: 'sum', values: [{ value: 1, labels: { topic: 'orders' } }] })
})
