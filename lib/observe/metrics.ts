/** Names and values that tell the values of one metric apart. */
export type Labels = Readonly<Record<string, string>>

/** How a metric is called, and what it measures; the names and labels are those of RIP-46 wherever RocketMQ has the metric. */
export interface Metric {
  type: 'counter' | 'gauge' | 'histogram'
  /** Empty for a plain number. */
  unit: '' | 'bytes' | 'milliseconds'
  description: string
  labels: readonly string[]
}

export interface HistogramMetric extends Metric {
  type: 'histogram'
  bounds: readonly number[]
}

const incoming = ['topic', 'message_type', 'is_system'] as const
const outgoing = ['topic', 'is_system'] as const
const storage = ['storage_type', 'storage_medium'] as const
const consumer = ['consumer_group', 'topic', 'is_retry', 'is_system'] as const

export const counters = {
  rocketmq_messages_in_total: { type: 'counter', unit: '', description: 'Messages stored', labels: incoming },
  rocketmq_throughput_in_total: { type: 'counter', unit: 'bytes', description: 'Bytes of the records stored', labels: incoming },
  rocketmq_messages_out_total: { type: 'counter', unit: '', description: 'Messages that gets have found', labels: outgoing },
  rocketmq_throughput_out_total: { type: 'counter', unit: 'bytes', description: 'Bytes of the records that gets have found', labels: outgoing },
  mqstore_deleted_files_total: { type: 'counter', unit: '', description: 'Files deleted', labels: ['kind', 'reason'] },
  mqstore_deleted_bytes_total: { type: 'counter', unit: 'bytes', description: 'Bytes of the files deleted', labels: ['kind', 'reason'] },
} as const satisfies Record<string, Metric>

export const gauges = {
  rocketmq_storage_size: { type: 'gauge', unit: 'bytes', description: 'What is used of the volume that holds the store, in bytes', labels: storage },
  rocketmq_storage_flush_behind_bytes: { type: 'gauge', unit: 'bytes', description: 'Bytes of the commit log that a power cut would take', labels: storage },
  rocketmq_storage_dispatch_behind_bytes: {
    type: 'gauge', unit: 'bytes', description: 'Bytes of the commit log without queue entries: always 0, each message gets its own with it', labels: storage,
  },
  rocketmq_storage_message_reserve_time: {
    type: 'gauge', unit: 'milliseconds', description: 'Age of the first message that is kept, in milliseconds; absent without one', labels: storage,
  },
  rocketmq_consumer_lag_messages: { type: 'gauge', unit: '', description: 'Messages that a group has still to consume', labels: consumer },
  rocketmq_consumer_lag_latency: {
    type: 'gauge', unit: 'milliseconds', description: 'Age of the first message that a group has still to consume, in milliseconds; 0 without one', labels: consumer,
  },
  mqstore_writable: { type: 'gauge', unit: '', description: '1 while messages are taken, else 0', labels: [] },
  mqstore_running_flag: { type: 'gauge', unit: '', description: '1 for each reason why messages are not taken, or not given', labels: ['flag'] },
  mqstore_pressure_time: {
    type: 'gauge', unit: 'milliseconds', description: 'How long something has been holding up messages, in milliseconds; absent while nothing does', labels: ['reason'],
  },
  mqstore_replicas_connected: { type: 'gauge', unit: '', description: 'Replicas that are connected to a master; absent on a slave', labels: [] },
  mqstore_replica_lag_bytes: { type: 'gauge', unit: 'bytes', description: 'Bytes of the commit log that a replica has not acknowledged', labels: ['replica'] },
  mqstore_replica_lag_time: {
    type: 'gauge', unit: 'milliseconds', description: 'How long the log has had the first of them, in milliseconds; 0 without any', labels: ['replica'],
  },
  mqstore_replica_in_sync: { type: 'gauge', unit: '', description: '1 while a replica is in sync, else 0', labels: ['replica'] },
  mqstore_slave_connected: { type: 'gauge', unit: '', description: 'On a slave that follows its master: 1 while it is connected, else 0', labels: ['master'] },
  mqstore_slave_lag_bytes: { type: 'gauge', unit: 'bytes', description: 'On a slave: bytes that its master was known to have and it has not', labels: ['master'] },
  mqstore_slave_lag_time: {
    type: 'gauge', unit: 'milliseconds', description: 'How long it has known of the first of them, in milliseconds; 0 without any', labels: ['master'],
  },
  mqstore_disk_level: { type: 'gauge', unit: '', description: 'A volume on which the store lies: 0 ok, 1 short of room, 2 full', labels: ['path'] },
} as const satisfies Record<string, Metric>

const KIB = 1024
const MIB = 1024 * KIB

export const histograms = {
  rocketmq_message_size: {
    type: 'histogram', unit: 'bytes', description: 'Bytes of a record; of a batch, the mean of its records, once', labels: incoming,
    bounds: [KIB, 4 * KIB, 512 * KIB, MIB, 2 * MIB, 4 * MIB],
  },
  mqstore_flush_time: {
    type: 'histogram', unit: 'milliseconds', description: 'How long a flush of the commit log took, in milliseconds', labels: [],
    bounds: [1, 5, 10, 20, 50, 200, 500, 1000, 5000],
  },
  mqstore_flush_bytes: {
    type: 'histogram', unit: 'bytes', description: 'How much a flush of the commit log was about', labels: [],
    bounds: [4 * KIB, 64 * KIB, MIB, 16 * MIB, 64 * MIB],
  },
} as const satisfies Record<string, HistogramMetric>

/** Keys of a table, as what they are. */
export function namesOf<Table extends object>(table: Table): (keyof Table & string)[] {
  return Object.keys(table) as (keyof Table & string)[]
}

export type NumberName = keyof typeof counters | keyof typeof gauges
export type HistogramName = keyof typeof histograms
