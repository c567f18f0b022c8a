import { isStoreError } from '../errors'
import type { MessageStore } from '../store'
import type { DiskLevel, MasterStatus, ReplicaStatus } from '../types'
import { lagOfConsumers, type ConsumerOffset } from './consumer-lag'
import type { Histogram } from './histogram'
import type { HistogramName, Labels, NumberName } from './metrics'
import { Traffic, type RecordValue } from './traffic'

/** What may be said about the metrics of a store. */
export interface ObserveOptions {
  /**
   * Labels that every value gets, and by which several stores are told apart. A broker has `cluster`, `node_type` (`broker`) and
   * `node_id` (its name); default none.
   */
  labels?: Labels
  /**
   * How far consumer groups have come, asked whenever their lag is; default nobody, and no lag. Where `config` keeps them:
   * `() => store.config.consumerOffsets`.
   */
  consumerOffsets?(): Iterable<ConsumerOffset>
}

/** The metrics of a store that somebody looks at. */
export interface StoreObservation {
  /** Ends it, and removes what was registered. Idempotent; the store does so itself when it closes. */
  stop(): void
}

export interface Sample {
  labels: Labels
  value: number
}

export interface HistogramSample {
  labels: Labels
  histogram: Histogram
}

/** By their numbers. */
const diskLevels: readonly DiskLevel[] = ['ok', 'warning', 'full']

/** The values of all metrics of a store. What need not be counted is looked up when it is asked for. */
export class StoreMetrics {
  readonly #store: MessageStore
  readonly #labels: Labels
  readonly #storageLabels: Labels
  readonly #consumerOffsets: () => Iterable<ConsumerOffset>
  readonly #traffic: Traffic
  readonly #numbers: Record<NumberName, () => Iterable<Sample>>
  readonly #histograms: Record<HistogramName, () => Iterable<HistogramSample>>

  constructor(store: MessageStore, { labels = {}, consumerOffsets = () => [] }: ObserveOptions, record?: RecordValue) {
    this.#store = store
    this.#labels = labels
    this.#storageLabels = { ...labels, storage_type: 'local', storage_medium: 'disk' }
    this.#consumerOffsets = consumerOffsets
    const traffic = new Traffic(store, labels, record)
    this.#traffic = traffic
    this.#numbers = {
      rocketmq_messages_in_total: () => map(traffic.incoming(), ({ labels, messages }) => ({ labels, value: messages })),
      rocketmq_throughput_in_total: () => map(traffic.incoming(), ({ labels, bytes }) => ({ labels, value: bytes })),
      rocketmq_messages_out_total: () => map(traffic.outgoing(), ({ labels, messages }) => ({ labels, value: messages })),
      rocketmq_throughput_out_total: () => map(traffic.outgoing(), ({ labels, bytes }) => ({ labels, value: bytes })),
      mqstore_deleted_files_total: () => map(traffic.deleted(), ({ labels, files }) => ({ labels, value: files })),
      mqstore_deleted_bytes_total: () => map(traffic.deleted(), ({ labels, bytes }) => ({ labels, value: bytes })),
      rocketmq_storage_size: () => this.#storage(this.#usedBytes()),
      rocketmq_storage_flush_behind_bytes: () => this.#storage(store.maxPhyOffset - store.flushedOffset),
      rocketmq_storage_dispatch_behind_bytes: () => this.#storage(0),
      rocketmq_storage_message_reserve_time: () => this.#storage(this.#reserveTime()),
      rocketmq_consumer_lag_messages: () => map(this.#lags(), ({ labels, messages }) => ({ labels, value: messages })),
      rocketmq_consumer_lag_latency: () => map(this.#lags(), ({ labels, milliseconds }) => ({ labels, value: milliseconds })),
      mqstore_writable: () => [{ labels, value: store.running.isWritable ? 1 : 0 }],
      mqstore_running_flag: () => map(store.running.names, (flag) => ({ labels: { ...labels, flag }, value: 1 })),
      mqstore_pressure_time: () => map(store.pressure(), ({ reason, since }) => ({ labels: { ...labels, reason }, value: store.clock.now() - since })),
      mqstore_replicas_connected: () => (store.replication.role === 'SLAVE' ? [] : [{ labels, value: store.replication.status().replicas.length }]),
      mqstore_replica_lag_bytes: () => this.#replicas(({ lagBytes }) => lagBytes),
      mqstore_replica_lag_time: () => this.#replicas(({ lagMilliseconds }) => lagMilliseconds),
      mqstore_replica_in_sync: () => this.#replicas(({ isInSync }) => (isInSync ? 1 : 0)),
      mqstore_slave_connected: () => this.#master(({ isConnected }) => (isConnected ? 1 : 0)),
      mqstore_slave_lag_bytes: () => this.#master(({ lagBytes }) => lagBytes),
      mqstore_slave_lag_time: () => this.#master(({ lagMilliseconds }) => lagMilliseconds),
      mqstore_disk_level: () => map(store.volumes, ({ paths, level }) => ({ labels: { ...labels, path: paths[0]! }, value: diskLevels.indexOf(level) })),
    }
    this.#histograms = {
      rocketmq_message_size: () => map(traffic.incoming(), ({ labels, sizes }) => ({ labels, histogram: sizes })),
      mqstore_flush_time: () => [{ labels, histogram: traffic.flushTimes }],
      mqstore_flush_bytes: () => [{ labels, histogram: traffic.flushBytes }],
    }
  }

  /** The values of a counter or gauge; none where the store cannot tell, as when it is closing. */
  read(name: NumberName): Sample[] {
    try {
      return [...this.#numbers[name]()]
    } catch (error) {
      // One value that cannot be had is no reason to have none of the others.
      if (isStoreError(error)) return []
      throw error
    }
  }

  readHistogram(name: HistogramName): HistogramSample[] {
    return [...this.#histograms[name]()]
  }

  stop(): void {
    this.#traffic.stop()
  }

  #storage(value: number | undefined): Sample[] {
    return value === undefined ? [] : [{ labels: this.#storageLabels, value }]
  }

  #usedBytes(): number | undefined {
    const volume = this.#store.volumes.find(({ paths }) => paths.includes(this.#store.directory))
    return volume && volume.totalBytes - volume.freeBytes
  }

  #reserveTime(): number | undefined {
    const earliest = this.#store.earliestMessageTime()
    return earliest < 0 ? undefined : this.#store.clock.now() - earliest
  }

  #replicas(valueOf: (status: ReplicaStatus) => number): Iterable<Sample> {
    return map(this.#store.replication.status().replicas, (status) => ({ labels: { ...this.#labels, replica: status.replica }, value: valueOf(status) }))
  }

  #master(valueOf: (status: MasterStatus) => number): Sample[] {
    const { master } = this.#store.replication.status()
    return master === undefined ? [] : [{ labels: { ...this.#labels, master: master.master }, value: valueOf(master) }]
  }

  #lags(): ReturnType<typeof lagOfConsumers> {
    return lagOfConsumers(this.#store, this.#labels, this.#consumerOffsets())
  }
}

/** Ends an observation once: when it is told to, or when the store closes. */
export function endWith(store: MessageStore, end: () => void): StoreObservation {
  const stop = (): void => {
    store.off('closed', stop)
    end()
    end = () => {}
  }
  store.on('closed', stop)
  return { stop }
}

function* map<From, To>(values: Iterable<From>, convert: (value: From) => To): Generator<To> {
  for (const value of values) yield convert(value)
}
