import { metrics as api } from '@opentelemetry/api'
import { AggregationTemporality, MeterProvider, MetricReader, type MetricData } from '@opentelemetry/sdk-metrics'
import t, { type Test } from 'tap'
import { observeWithOpenTelemetry } from '../../lib/index'
import { counters, gauges, histograms, namesOf } from '../../lib/observe/metrics'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { StillClock, message, openStore, recordLength } from '../store/support'
import { FakeDisks } from '../guard/support'

/*
 * The story: a program that has OpenTelemetry already hands the store a meter, and the store's metrics go where the program's go.
 * The library itself never loads the package.
 */

const size = recordLength('orders', 4, 0)

/** Collects when it is asked to, and what has been said since it was asked last. */
class AskedReader extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.DELTA })
  }

  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}

  async values(): Promise<Map<string, MetricData>> {
    const { resourceMetrics, errors } = await this.collect()
    if (errors.length > 0) throw errors[0]
    return new Map(resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics.map((metric) => [metric.descriptor.name, metric])))
  }
}

function makeMeter(t: Test): { provider: MeterProvider; reader: AskedReader } {
  const reader = new AskedReader()
  const provider = new MeterProvider({ readers: [reader] })
  t.teardown(() => provider.shutdown())
  return { provider, reader }
}

t.test('what a reader collects', async (t) => {
  const { provider, reader } = makeMeter(t)
  const clock = new StillClock()
  const disk = new FakeDisks()
  disk.mount('/store', 100 * 2 ** 30, 40 * 2 ** 30)
  const store = await openStore(t, '/store', { clock, ports: { backend: createMemoryBackend(), disk } })
  observeWithOpenTelemetry(store, provider.getMeter('mqstore'), {
    labels: { cluster: 'shop' },
    consumerOffsets: () => [{ group: 'billing', topic: 'orders', queueId: 0, offset: 1 }],
  })
  store.append(message())
  store.append(message())
  clock.advance(2000)
  store.get({ topic: 'orders', queueId: 0, offset: 0, maxMessages: 1 })
  await store.flush()
  store.replication.log.acknowledge('replica', store.maxPhyOffset)
  const found = await reader.values()
  const silent = [
    'mqstore_deleted_files_total', 'mqstore_deleted_bytes_total', 'mqstore_running_flag', 'mqstore_pressure_time',
    'mqstore_slave_connected', 'mqstore_slave_lag_bytes', 'mqstore_slave_lag_time',
  ]
  const all = [...namesOf(counters), ...namesOf(gauges), ...namesOf(histograms)]
  t.strictSame([...found.keys()].sort(), all.filter((name) => !silent.includes(name)).sort(), 'all that has something to say')
  const points = (name: string): object[] => found.get(name)!.dataPoints.map(({ attributes, value }) => ({ ...attributes, value }))
  const incoming = { cluster: 'shop', topic: 'orders', message_type: 'normal', is_system: 'false' }
  const storage = { cluster: 'shop', storage_type: 'local', storage_medium: 'disk' }
  const consumer = { cluster: 'shop', consumer_group: 'billing', topic: 'orders', is_retry: 'false', is_system: 'false' }
  t.strictSame(points('rocketmq_messages_in_total'), [{ ...incoming, value: 2 }])
  t.strictSame(points('rocketmq_throughput_in_total'), [{ ...incoming, value: 2 * size }])
  t.strictSame(points('rocketmq_messages_out_total'), [{ cluster: 'shop', topic: 'orders', is_system: 'false', value: 1 }])
  t.strictSame(points('rocketmq_throughput_out_total'), [{ cluster: 'shop', topic: 'orders', is_system: 'false', value: size }])
  t.strictSame(points('rocketmq_storage_size'), [{ ...storage, value: 60 * 2 ** 30 }])
  t.strictSame(points('rocketmq_storage_flush_behind_bytes'), [{ ...storage, value: 0 }])
  t.strictSame(points('rocketmq_storage_dispatch_behind_bytes'), [{ ...storage, value: 0 }])
  t.strictSame(points('rocketmq_storage_message_reserve_time'), [{ ...storage, value: 2000 }])
  t.strictSame(points('rocketmq_consumer_lag_messages'), [{ ...consumer, value: 1 }])
  t.strictSame(points('rocketmq_consumer_lag_latency'), [{ ...consumer, value: 2000 }])
  t.strictSame(points('mqstore_writable'), [{ cluster: 'shop', value: 1 }])
  t.strictSame(points('mqstore_disk_level'), [{ cluster: 'shop', path: '/store', value: 0 }])
  t.match(points('rocketmq_message_size'), [{
    ...incoming, value: { count: 2, sum: 2 * size, buckets: { boundaries: [1024, 4096, 524288, 1048576, 2097152, 4194304], counts: [2, 0, 0, 0, 0, 0, 0] } },
  }])
  t.match(points('mqstore_flush_bytes'), [{ cluster: 'shop', value: { count: 1, sum: 2 * size } }])
  t.match(points('mqstore_flush_time'), [{ cluster: 'shop', value: { count: 1, buckets: { boundaries: [...histograms.mqstore_flush_time.bounds] } } }])
})

t.test('kinds and units', async (t) => {
  const { provider, reader } = makeMeter(t)
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  observeWithOpenTelemetry(store, provider.getMeter('mqstore'))
  store.append(message())
  const found = await reader.values()
  t.match(found.get('rocketmq_throughput_in_total'), { isMonotonic: true, descriptor: { unit: 'bytes', type: 'OBSERVABLE_COUNTER' } })
  t.match(found.get('rocketmq_storage_message_reserve_time')!.descriptor, {
    unit: 'milliseconds', type: 'OBSERVABLE_GAUGE', description: gauges.rocketmq_storage_message_reserve_time.description,
  })
  t.match(found.get('rocketmq_message_size')!.descriptor, { unit: 'bytes', type: 'HISTOGRAM' })
})

t.test('the end of an observation, and of a store', async (t) => {
  const { provider, reader } = makeMeter(t)
  const backend = createMemoryBackend()
  const one = await openStore(t, '/one', { ports: { backend } })
  const two = await openStore(t, '/two', { ports: { backend } })
  const meter = provider.getMeter('mqstore')
  const observation = observeWithOpenTelemetry(one, meter, { labels: { node_id: 'one' } })
  observeWithOpenTelemetry(two, meter, { labels: { node_id: 'two' } })
  const behind = async (): Promise<unknown[]> => {
    const points = (await reader.values()).get('rocketmq_storage_flush_behind_bytes')?.dataPoints ?? []
    return points.map(({ attributes, value }) => [attributes['node_id'], value])
  }
  one.append(message())
  t.strictSame(await behind(), [['one', size], ['two', 0]])
  observation.stop()
  t.strictSame(await behind(), [['two', 0]])
  await two.close()
  t.strictSame(await behind(), [])
})

t.test('the meter of a program that collects nothing', async (t) => {
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const observation = observeWithOpenTelemetry(store, api.getMeter('mqstore'))
  t.equal(store.append(message()).status, 'PUT_OK')
  observation.stop()
})
