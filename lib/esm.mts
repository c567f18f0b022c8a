// One implementation for both module systems: a store opened through one is known to the other.
export { MessageStore, PutResult, GetResult, StoredMessage, StoreError, isStoreError, errorCodes, observeWithOpenTelemetry, registerPrometheus } from './index.js'
export type * from './index.js'
