import type { BrokerRole, StoreOptions } from './options/options'
import type { Clock } from './storage/ports'
import type { StoredMessage } from './format/stored-message'
import type { Pressure, StoreError } from './errors'
import type { PutResult } from './put-result'
import type { GetResult } from './read/get-result'
import type { Divergence } from './replication/replicated-log'
import type { MessageStore } from './store'

/**
 * Names and values of a message's properties, in the order in which they are stored. Refused where, encoded, they end in a NUL
 * character or hold 512 in a row: a record that a crash has cut short looks like that, and no checksum need cover them.
 */
export type Properties = Readonly<Record<string, string>>

/** A message to store. Only `topic` and `body` are required. */
export interface Message {
  topic: string
  /** 0 or more; default 0. */
  queueId?: number
  /** Stored as it is: a compressed body says so in `sysFlag`. */
  body: Uint8Array
  properties?: Properties
  /** The producer's own flag, 32 bits; default 0. */
  flag?: number
  /** Compression and transaction bits, see docs/format.md; default 0. The address-family bits are set from the hosts. */
  sysFlag?: number
  /** Milliseconds; default now. */
  bornTimestamp?: number
  /** `ip:port`, IPv4 or IPv6; default 127.0.0.1:0. */
  bornHost?: string
  /** `ip:port`, IPv4 or IPv6; default 127.0.0.1:0. */
  storeHost?: string
  /** Default 0. */
  reconsumeTimes?: number
  /** Commit log offset of the half message; default 0. */
  preparedTransactionOffset?: number
}

/** Messages of one topic and queue, stored next to each other or not at all. */
export interface MessageBatch extends Omit<Message, 'body' | 'flag' | 'preparedTransactionOffset'> {
  /** `properties` of the batch are appended to those of each message. */
  messages: readonly { body: Uint8Array; properties?: Properties; flag?: number }[]
}

/**
 * RocketMQ's PutMessageStatus. PUT_OK: as asked. FLUSH_DISK_TIMEOUT, FLUSH_SLAVE_TIMEOUT and SLAVE_NOT_AVAILABLE: stored,
 * and what was to be waited for has not come; where disk and replicas both lag, it is the status of the replicas. The others: not
 * stored, and `reason` says why.
 */
export type PutStatus =
  | 'PUT_OK'
  | 'FLUSH_DISK_TIMEOUT'
  | 'FLUSH_SLAVE_TIMEOUT'
  | 'SLAVE_NOT_AVAILABLE'
  | 'IN_SYNC_REPLICAS_NOT_ENOUGH'
  | 'SERVICE_NOT_AVAILABLE'
  | 'MESSAGE_ILLEGAL'
  | 'PROPERTIES_SIZE_EXCEEDED'

/**
 * RocketMQ's GetMessageStatus. FOUND; or the offset is before the queue (OFFSET_TOO_SMALL), at its end
 * (OFFSET_OVERFLOW_ONE) or behind (OFFSET_OVERFLOW_BADLY); or nothing passed the filter (NO_MATCHED_MESSAGE); or the log no
 * longer has the messages (MESSAGE_WAS_REMOVING). In each case `nextBeginOffset` says where to go on.
 */
export type GetStatus =
  | 'FOUND'
  | 'NO_MATCHED_MESSAGE'
  | 'MESSAGE_WAS_REMOVING'
  | 'OFFSET_FOUND_NULL'
  | 'OFFSET_OVERFLOW_BADLY'
  | 'OFFSET_OVERFLOW_ONE'
  | 'OFFSET_TOO_SMALL'
  | 'NO_MATCHED_LOGIC_QUEUE'
  | 'NO_MESSAGE_IN_QUEUE'

/** The caller's filter. Both tests are optional; what is absent passes. */
export interface MessageFilter {
  /** Asked first, with what the queue entry holds: the tag's Java hash code, or for a delayed message its time of delivery. */
  matchesEntry?(tagsCode: number): boolean
  /** Asked with the whole message. */
  matchesMessage?(message: StoredMessage): boolean
}

/** What to read of a queue. */
export interface GetRequest {
  topic: string
  queueId: number
  /** Queue offset of the first message wanted. */
  offset: number
  /** Default 32; the options `maxTransferCountOnMessage…` limit it further. */
  maxMessages?: number
  /**
   * Bytes, 100 to 128 MiB; default 128 MiB. One message is given however large it is; the options
   * `maxTransferBytesOnMessage…` limit it further. Without effect under compatibility 4.9.
   */
  maxBytes?: number
  /** Tags (`a || b`, `*` for all), or the caller's own tests. */
  filter?: string | MessageFilter
  /** What the reader calls itself, where an event or error names who puts off the deletion of messages. */
  reader?: string
}

/** What to read of a queue, message by message. */
export interface ReadRequest extends GetRequest {
  /** Ends the iteration with its reason. */
  signal?: AbortSignal
  /** Waits for messages to come at the end of the queue; default true. */
  follow?: boolean
}

/** Which messages to find by key. */
export interface QueryRequest {
  topic: string
  /** A value of KEYS, or a unique key. */
  key: string
  /** The most messages; default is the option `defaultQueryMaxNum`, the limit `maxMsgsNumBatch`. */
  max?: number
  /** Earliest store time in milliseconds; default 0. */
  begin?: number
  /** Latest store time in milliseconds; default no limit. */
  end?: number
}

/** What a query by key found. */
export interface QueryResult {
  /** Ascending. */
  commitLogOffsets: number[]
  /** In the order of the offsets; another key with the same hash cannot be told apart, so look at the keys. */
  messages: StoredMessage[]
  /** Store time of the last message indexed. */
  indexLastUpdateTimestamp: number
  /** Its commit log offset. */
  indexLastUpdateOffset: number
}

/** A queue and a store time. */
export interface OffsetByTimeRequest {
  topic: string
  queueId: number
  /** Milliseconds. */
  timestamp: number
  /**
   * `lower` (default): the first message stored at `timestamp` or later. `upper`: the last one stored at it or
   * earlier. Ignored under compatibility 4.9, which answers with the nearest message.
   */
  boundary?: 'lower' | 'upper'
}

/** A queue and what of it can be read. */
export interface QueueInfo {
  topic: string
  queueId: number
  /** The first message that is still in the log. */
  minOffset: number
  /** One past the last visible message. */
  maxOffset: number
}

/** What a dispatcher learns of a record. Valid during the call only. */
export interface DispatchRecord {
  readonly topic: string
  readonly queueId: number
  /** Place in its queue; 0 for prepared and rolled-back messages, which have none. */
  readonly queueOffset: number
  readonly commitLogOffset: number
  /** Bytes of the record. */
  readonly storeSize: number
  /** What its queue entry holds. */
  readonly tagsCode: number
  readonly storeTimestamp: number
  readonly sysFlag: number
  /** The whole message, copied when asked for. */
  readonly message: StoredMessage
}

/** Called once for each record, in the order of the commit log. */
export interface Dispatcher {
  /** For errors and events. */
  name: string
  /** Replays the records from this commit log offset on when the store opens; default: only new ones. */
  from?: number
  /** Must not throw: a throw fail-stops the store, since a gap could not be told from a crash. */
  dispatch(record: DispatchRecord): void
}

/** How far an open has come. */
export interface RecoveryProgress {
  /** What is being looked at; `dispatch` replays records to the given dispatchers. */
  phase: 'layout' | 'queues' | 'index' | 'log' | 'dispatch'
  done: number
  /** 0 where it is not known. */
  total: number
  /** What `done` and `total` count. */
  unit: 'files' | 'queues' | 'entries' | 'bytes'
}

/** A range of the commit log that cannot be read. */
export interface Damage {
  /** The file in which it begins. */
  file: string
  /** Commit log offset of the first bad byte. */
  offset: number
  /** How many bytes are passed over. */
  unreadableBytes: number
  /** What is wrong with the first of them. */
  reason: string
  /** Commit log offset of the next good record, or -1. */
  resumeOffset: number
}

/** What an open found and did, see docs/recovery.md. */
export interface RecoveryReport {
  /** The row of the recovery table. */
  label: string
  /** What that row says has happened. */
  story: string
  /** Commit log offset at which scanning began. */
  scannedFrom: number
  /** Commit log offset from which queues were filled again. */
  dispatchedFrom: number
  /** End of the log after recovery. */
  logEnd: number
  /** Bytes behind the end that were not zero and have been (or, read-only, would be) zeroed. */
  zeroedBytes: number
  /** Files that were set aside or ignored, with the reason. */
  files: { file: string; action: 'ignored' | 'removed' | 'completed'; reason: string }[]
  /** What of the log cannot be read; all else can. */
  damage: Damage[]
  /** How long the open took. */
  milliseconds: number
}

/** How to open a store: its options by RocketMQ's names, and what concerns this open only. */
export interface OpenOptions extends StoreOptions {
  /** Path of a RocketMQ broker `.properties` file; an option that is given besides takes the place of its line. */
  properties?: string
  /** Where the time comes from; default the system. */
  clock?: Clock
  /** Who is told of each record. */
  dispatchers?: readonly Dispatcher[]
  /** What may be deleted, beside what the options say. */
  retention?: RetentionOptions
  /** How to follow the recovery, and to end it early. */
  recovery?: {
    /** Ends the open with its reason; the directory is left as a crash would leave it. */
    signal?: AbortSignal
    onProgress?(progress: RecoveryProgress): void
  }
}

/**
 * How much room a volume has. `ok`; `warning`: it is short of room; `full`: nothing is stored that needs room there. The options
 * `diskMaxUsedSpaceRatio`, `diskSpaceWarningLevelRatio` and `diskFreeSpaceMin` say from where on, and a call that had no room
 * makes a volume full as well. A level is left some way below where it is reached.
 */
export type DiskLevel = 'ok' | 'warning' | 'full'

/** A volume, which is a mounted file system, on which the store lies. */
export interface DiskVolume {
  /** The directories of the store that lie on it. */
  paths: readonly string[]
  level: DiskLevel
  /** When it came to that level, in milliseconds. */
  since: number
  /** Bytes. */
  totalBytes: number
  /** Bytes that are left; the log's blocks that are reserved and not yet written are among them. */
  freeBytes: number
  /** Bytes that have to go before messages are taken again; 0 unless it is full. */
  excessBytes: number
}

/** How to make a backup. */
export interface BackupOptions {
  /**
   * A backup of this store that was made before, on the file system of the new one: of its files, those that have not changed since
   * are not copied again. Default: the one that is replaced, where there is one.
   */
  from?: string
  /** Ends the backup with its reason; what was there before stays. */
  signal?: AbortSignal
  /** Called now and then, between pieces of work. */
  onProgress?(progress: BackupProgress): void
  /** Reads the whole copy and looks for what is wrong with it, as `mqstore check` does, before it takes its place; default false. */
  verify?: boolean
}

/** How far a backup has come. */
export interface BackupProgress {
  /** `copy`: files are linked or copied; `flush`: the copy is made durable; `verify`: it is looked through. */
  phase: 'copy' | 'flush' | 'verify'
  /** Bytes that are in the copy. */
  done: number
  /** Bytes that are to be there. */
  total: number
}

/** A backup that has been made, and is on the disk. */
export interface BackupResult {
  /** Absolute path of the copy, which can be opened as a store. */
  directory: string
  /** Files in it. */
  files: number
  /** Bytes of files that the copy shares with the store or with a backup before it. */
  linkedBytes: number
  /** Bytes that were copied. */
  copiedBytes: number
  /** The copy holds the messages before this commit log offset, and none behind it. */
  logEnd: number
  /** With `verify`: what is wrong with the copy, which mostly is wrong with the store as well; `offset` and `bytes` as `mqstore check` has them. */
  findings?: readonly { file: string; offset: number; what: string; bytes: number }[]
}

/** A full file of the commit log. */
export interface SegmentInfo {
  /** Absolute path. */
  file: string
  /** Commit log offset of its first byte. */
  fromOffset: number
  /** Commit log offset behind its last byte. */
  toOffset: number
  /** Store time of its last message, in milliseconds: the time of the file. */
  lastStoreTime: number
}

/**
 * Why a file is deleted. It is older than `fileReservedTime`, and it is the `hour` of `deleteWhen`, or a volume is short of `space`
 * (`diskMaxUsedSpaceRatio`), or somebody asked for it (`manual`). Or it is not that old, and was `forced` out by a volume above
 * `diskSpaceCleanForciblyRatio`, or by one that is full. Or it is a file of a queue or the index, and all its messages are `gone` from
 * the log.
 */
export type DeletionReason = 'hour' | 'space' | 'manual' | 'forced' | 'gone'

/** A file that was deleted, and its room given back. */
export interface Deletion {
  kind: 'commitlog' | 'consumequeue' | 'index'
  /** Absolute path. */
  file: string
  /** Length of the file; queues and index are sparse, and take less. */
  bytes: number
  reason: DeletionReason
  /** The reason in words. */
  text: string
}

/** A file that is to be deleted, and is not yet. */
export interface DelayedDeletion extends SegmentInfo {
  /** Whoever holds messages of it, or does not want it to be deleted. */
  by: 'readers' | 'mayDelete' | 'oldestUnconsumed' | 'backup'
  /** Who that is, and until when he can. */
  text: string
}

/** A file that would be deleted. */
export interface PlannedDeletion extends SegmentInfo {
  /** When it has been kept for `fileReservedTime`, in milliseconds. */
  expiresAt: number
  reason: DeletionReason
  /** The reason in words. */
  text: string
  /** What would put it off. */
  delayed: DelayedDeletion | undefined
}

/** What would be deleted of the commit log, and when; files of queues and index follow when all their messages are gone. */
export interface RetentionPreview {
  /** The time of the preview, in milliseconds. */
  at: number
  /** Of `deleteWhen`: the time zone of the process. */
  timeZone: string
  /** How full the volumes are, in percent; -1 where that is not known. */
  usedPercents: { log: number; queues: number }
  /** What may go now, oldest first. What is behind one that is put off waits for it. */
  now: PlannedDeletion[]
  /** What else may go in the next hour of `deleteWhen`, as full as the volumes are now. */
  next: { at: number; files: PlannedDeletion[] }
  /** What stays, in words. */
  kept: string
}

/** What a deletion by hand has done. */
export interface DeletionReport {
  /** The files that are gone, and whose room is free. */
  deleted: Deletion[]
  /** What was to go, and is put off. */
  delayed: DelayedDeletion | undefined
}

/** What an embedder has to say on what is deleted. Without `hardLimit` his word is the last, however full the disk. */
export interface RetentionOptions {
  /** Asked before a file of the commit log is deleted, oldest first; false keeps it, and all behind it, until it is asked again. */
  mayDelete?(segment: SegmentInfo): boolean
  /**
   * Commit log offset of the oldest message that somebody has yet to read: nothing from its file on is deleted. Undefined where
   * there is none.
   */
  oldestUnconsumed?(): number | { commitLogOffset: number } | undefined
  /** Beyond either of these, files go that the two above would keep. */
  hardLimit?: {
    /** Length of all files of the commit log. */
    logBytes?: number
    /** How full the volume of the log is, in percent. */
    usedPercent?: number
  }
}

/** A store, or a RocketMQ slave, that follows this one. */
export interface ReplicaStatus {
  /** Its address, or the name that the embedder's transport gave it. */
  replica: string
  /** When it connected, in milliseconds. */
  since: number
  /** Commit log offset: it has said that it has everything below. Of a RocketMQ slave, and of one of ours without `haAcknowledgeAfterFlush`: in memory. */
  acknowledgedOffset: number
  /** Bytes of the log that it lacks. */
  lagBytes: number
  /** For how long, at least, it has lacked some of them, in milliseconds; 0 where it has all. */
  lagMilliseconds: number
  /** Whether it lags by less than `haMaxGapNotInSync`, and by no more than `haMaxTimeSlaveNotCatchup`. */
  isInSync: boolean
}

/** The store that this one follows. */
export interface MasterStatus {
  /** Its address, `haMasterAddress`. */
  master: string
  isConnected: boolean
  /** When that began, in milliseconds. */
  since: number
  /** Commit log offset: everything below is here, checked, and can be read. */
  verifiedOffset: number
  /** The furthest offset of the master's log that is known here. */
  masterOffset: number
  /** Bytes that are known to be there and are not here. */
  lagBytes: number
  /** For how long, at least, some of them have been, in milliseconds; 0 where there are none. */
  lagMilliseconds: number
}

/** How a store and those that follow it, or the one that it follows, stand to each other. */
export interface ReplicationStatus {
  /** What the store is now: the option `brokerRole`, or what `promote` and `demote` have made of it. */
  role: BrokerRole
  /** Number of the mastership under which its log grows; goes up with each `promote`, and is kept. */
  epoch: number
  /** Whether it listens, or follows its master. */
  isRunning: boolean
  /** A master that listens: where, as `address:port`. */
  address: string | undefined
  /** Those that are connected, in the order of how far they are. */
  replicas: ReplicaStatus[]
  /** Stores that have the messages and are in sync, this one among them. */
  inSyncReplicas: number
  /** Commit log offset: everything below is on as many replicas as `put` waits for. */
  replicatedOffset: number
  /** RocketMQ's number of this name: the furthest offset that any replica has ever acknowledged; never goes down. */
  push2SlaveMaxOffset: number
  /** A slave: its master. */
  master: MasterStatus | undefined
}

/** The events of a store; each listener gets the one argument. */
export interface StoreEvents {
  /** Messages became visible; one event per queue and turn of the event loop. */
  arrival: { topic: string; queueId: number; maxOffset: number }
  /** A commit log segment was begun. */
  roll: { file: string; fromOffset: number }
  /** The commit log from `from` to `to` is on the disk now. */
  flush: { from: number; to: number; milliseconds: number }
  /** The store stopped acknowledging for good; reads go on. */
  failed: { error: StoreError }
  /** A volume has come to another level. */
  diskLevel: { volume: DiskVolume; previous: DiskLevel }
  /** There is no room; puts are refused from now on, until there is. */
  diskFull: { error: StoreError }
  /** Something else holds up messages than before: what `pressure()` says, nothing where all is well again. Looked for once a second. */
  pressure: { causes: Pressure[] }
  /** A file was deleted, and its room is free. */
  deletion: Deletion
  /** A file of the commit log was to be deleted, and is put off; once for each file and cause. */
  deletionDelayed: DelayedDeletion
  /** A reader held a file for longer than `destroyMappedFileIntervalForcibly`: it went all the same, and he gets ERR_READ_REVOKED. */
  readRevoked: { file: string; reader: string }
  /** A replica has connected, and has the log up to `offset`. */
  replicaConnected: { replica: string; offset: number }
  /** A replica is there no more; it had the log up to `offset`. */
  replicaGone: { replica: string; offset: number; reason: string }
  /** A replica that lagged has all there is. */
  replicaCaughtUp: { replica: string; offset: number }
  /** A replica lags no more than a replica in sync may. */
  replicaInSync: ReplicaStatus
  /** A replica lags too far, or for too long. */
  replicaOutOfSync: ReplicaStatus
  /** A slave has connected to its master, and has the log up to `offset`. */
  masterConnected: { master: string; offset: number }
  /** A slave has lost its master, or has ended the connection; it tries again. */
  masterLost: { master: string; reason: string }
  /** The log of the master is no continuation of this one. Nothing was changed, and nothing more is taken. */
  diverged: Divergence & { master: string }
  /** The store has become a master, or a slave, by `promote` or `demote`. */
  roleChanged: { role: BrokerRole; epoch: number }
  /** Something that works but should be looked at. */
  warning: { message: string; file?: string }
  /** The open, or a read, found a part of the log that cannot be read; one event for each. */
  damage: Damage
  /** What the open found and did; comes with the first turn of the event loop after it. */
  recovered: RecoveryReport
  /** The store has given the directory back. */
  closed: Record<string, never>
}

/**
 * What is published to the channels of `node:diagnostics_channel`, for all stores of the process, while somebody has subscribed.
 * Subscribers are called within the call that they hear of, and what they throw surfaces as an uncaught exception.
 */
export interface StoreChannels {
  /**
   * A message or batch is in the log, or was refused: `result.status` says which. Of `put`, this is what `append` would have
   * answered, before anything was waited for. What throws is not published.
   */
  'mqstore:append': { store: MessageStore; message: Message | MessageBatch; result: PutResult }
  /** `get` has answered; `read` asks `get` for up to 32 messages at a time. */
  'mqstore:read': { store: MessageStore; request: GetRequest; result: GetResult }
  /** The commit log from `from` to `to` is on the disk now; the fields of the event `flush`. */
  'mqstore:flush': { store: MessageStore } & StoreEvents['flush']
  /** A file was deleted, and its room is free; the fields of the event `deletion`. */
  'mqstore:delete': { store: MessageStore } & StoreEvents['deletion']
  /** A store has been opened, read-only or not; the fields of the event `recovered`. */
  'mqstore:recover': { store: MessageStore } & StoreEvents['recovered']
}
