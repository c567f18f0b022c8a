export { MessageStore } from './store'
export { PutResult } from './put-result'
export { GetResult } from './read/get-result'
export { StoredMessage } from './format/stored-message'
export { StoreError, isStoreError, errorCodes } from './errors'
export type { ErrorCode, ErrorDetails } from './errors'
export type { StoreOptions, ResolvedOptions, UnusedProperty, Compatibility, FlushDiskType, BrokerRole, Visibility } from './options/options'
export type { Clock } from './storage/ports'
export type {
  Damage, DispatchRecord, Dispatcher, GetRequest, GetStatus, Message, MessageBatch, MessageFilter, OffsetByTimeRequest, OpenOptions,
  Properties, PutStatus, QueryRequest, QueryResult, QueueInfo, ReadRequest, RecoveryProgress, RecoveryReport, StoreEvents,
} from './types'
