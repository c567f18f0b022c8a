export { MessageStore } from './store'
export { PutResult } from './put-result'
export { GetResult } from './read/get-result'
export { StoredMessage } from './format/stored-message'
export { observeWithOpenTelemetry } from './observe/open-telemetry'
export { registerPrometheus } from './observe/prometheus'
export { StoreError, isStoreError, errorCodes } from './errors'
export type { ErrorCode, ErrorDetails, Pressure } from './errors'
export type { Retention } from './retention/retention'
export type { StoreConfig } from './config/store-config'
export type { ConfigTable } from './config/config-table'
export type { ConsumerOffsets, ConsumerPlace } from './config/consumer-offsets'
export type { DelayOffsets } from './config/delay-offsets'
export type { GroupSettings, SettingsTable, TopicSettings } from './config/settings'
export type { UnconsumedMessage } from './config/slowest-reader'
export type { RunningFlag, RunningFlags } from './guard/running-flags'
export type { StoreOptions, ResolvedOptions, UnusedProperty, Compatibility, FlushDiskType, BrokerRole, Visibility } from './options/options'
export type { Clock } from './storage/ports'
export type { ObserveOptions, StoreObservation } from './observe/store-metrics'
export type { ConsumerOffset } from './observe/consumer-lag'
export type { Labels } from './observe/metrics'
export type { OpenTelemetryCallback, OpenTelemetryInstrument, OpenTelemetryMeter } from './observe/open-telemetry'
export type { PrometheusRegistry } from './observe/prometheus'
export type {
  BackupOptions, BackupProgress, BackupResult,
  Damage, DelayedDeletion, Deletion, DeletionReason, DeletionReport, DiskLevel, DiskVolume, DispatchRecord, Dispatcher, GetRequest, GetStatus, Message,
  MessageBatch, MessageFilter, OffsetByTimeRequest, OpenOptions, PlannedDeletion, Properties, PutStatus, QueryRequest, QueryResult, QueueInfo, ReadRequest,
  RecoveryProgress, RecoveryReport, RetentionOptions, RetentionPreview, SegmentInfo, StoreChannels, StoreEvents,
} from './types'
