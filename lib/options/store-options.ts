/** The RocketMQ line whose behaviour the store takes on where the two differ. */
export type Compatibility = '4.9' | '5.3'

export type FlushDiskType = 'ASYNC_FLUSH' | 'SYNC_FLUSH'

export type BrokerRole = 'ASYNC_MASTER' | 'SYNC_MASTER' | 'SLAVE'

export type Backend = 'auto' | 'native' | 'mmap-io'

export type Visibility = 'written' | 'flushed' | 'confirmed'

/**
 * What a store can be told. The names are those of RocketMQ's MessageStoreConfig, save for the
 * library's own `compatibility`, `backend`, `visibility`, `brokerChecks`, `readOnly`,
 * `diskFreeSpaceMin`, `haListenAddress`, `haAllowedAddresses`, `haConnectionsMax` and
 * `haAcknowledgeAfterFlush`.
 */
export interface StoreOptions {
  /** Directory of the store; the one given to open takes its place. Default `${home}/store`. */
  storePathRootDir?: string
  /**
   * Directory of the commit log, or several with commas between them, which take segments in turn.
   * Default `${storePathRootDir}/commitlog`.
   */
  storePathCommitLog?: string
  /**
   * Directories of the commit log, with commas between them, in which no segment is made any more.
   */
  readOnlyCommitLogStorePaths?: string
  /**
   * Length of a commit log file; existing stores keep theirs. In bytes, 1024 or more; default
   * 1073741824.
   */
  mappedFileSizeCommitLog?: number
  /**
   * Length of a queue file, rounded up to a multiple of 20; existing stores keep theirs. In
   * bytes, 20 to 2147483640; default 6000000.
   */
  mappedFileSizeConsumeQueue?: number
  /** Whether put waits until the message is on the disk. Default `ASYNC_FLUSH`. */
  flushDiskType?: FlushDiskType
  /** Whether put waits for replicas, or the store is one. Default `ASYNC_MASTER`. */
  brokerRole?: BrokerRole
  /**
   * How long put waits for the flush under SYNC_FLUSH. In milliseconds, 1 or more; default 5000.
   */
  syncFlushTimeout?: number
  /**
   * Pause between two flushes of the commit log under ASYNC_FLUSH. In milliseconds, 1 or more;
   * default 500.
   */
  flushIntervalCommitLog?: number
  /** Whether that pause is kept to the end; if not, a put may cut it short. Default true. */
  flushCommitLogTimed?: boolean
  /** The commit log is not flushed for less than this. In pages of 4 KiB, 0 or more; default 4. */
  flushCommitLogLeastPages?: number
  /**
   * After this time the commit log is flushed for any amount. In milliseconds, 0 or more; default
   * 10000.
   */
  flushCommitLogThoroughInterval?: number
  /** Pause between two flushes of the queues. In milliseconds, 1 or more; default 1000. */
  flushIntervalConsumeQueue?: number
  /** A queue is not flushed for less than this. In pages of 4 KiB, 0 or more; default 2. */
  flushConsumeQueueLeastPages?: number
  /**
   * After this time a queue is flushed for any amount. In milliseconds, 0 or more; default 60000.
   */
  flushConsumeQueueThoroughInterval?: number
  /**
   * How long a change to what is in config, such as a consumer offset, stays in memory only. In
   * milliseconds, 1 or more; default 5000.
   */
  flushConsumerOffsetInterval?: number
  /**
   * How long put waits for replicas under SYNC_MASTER. In milliseconds, 1 or more; default 3000.
   */
  slaveTimeout?: number
  /**
   * How many stores have to have a message before put is acknowledged under SYNC_MASTER, this one
   * among them. In stores, 1 or more; default 1. Only in 5.3; 4.9 is as with 1.
   */
  inSyncReplicas?: number
  /**
   * With fewer stores in sync, this one among them, put is refused under SYNC_MASTER. In stores, 1
   * or more; default 1. Only in 5.3; 4.9 is as with 1.
   */
  minInSyncReplicas?: number
  /**
   * How many stores there are to be, this one among them; where given, no more can be waited for.
   * In stores, 1 or more; default 1. Only in 5.3; 4.9 is as with 1.
   */
  totalReplicas?: number
  /**
   * Whether put waits for all replicas that are in sync under SYNC_MASTER, in place of
   * inSyncReplicas. Default false. Only in 5.3; 4.9 is as with false.
   */
  allAckInSyncStateSet?: boolean
  /**
   * Whether put makes do with as many stores as are in sync, but no fewer than minInSyncReplicas.
   * Default false. Only in 5.3; 4.9 is as with false.
   */
  enableAutoInSyncReplicas?: boolean
  /** A replica that lags by this or more is not in sync. In bytes, 1 or more; default 268435456. */
  haMaxGapNotInSync?: number
  /**
   * A replica that has lagged for longer is not in sync. In milliseconds, 1 or more; default 15000.
   * Only in 5.3; 4.9 is as with 15000.
   */
  haMaxTimeSlaveNotCatchup?: number
  /** Address on which a master listens for its slaves; 0.0.0.0 for all. Default `127.0.0.1`. */
  haListenAddress?: string
  /**
   * Port on which a master listens for its slaves; 0 for any that is free. In port numbers, 0 to
   * 65535; default 10912.
   */
  haListenPort?: number
  /**
   * Addresses and ranges from which a slave may connect, with commas between them; left out, from
   * any.
   */
  haAllowedAddresses?: string
  /** Most slaves that may be connected at a time. In connections, 1 or more; default 64. */
  haConnectionsMax?: number
  /** Master that a slave follows, as host:port. */
  haMasterAddress?: string
  /**
   * Most bytes of the log that a master sends in a frame. In bytes, 1 to 4194292; default 32768.
   */
  haTransferBatchSize?: number
  /**
   * After this time without a word, master and slave send one. In milliseconds, 1 or more; default
   * 5000.
   */
  haSendHeartbeatInterval?: number
  /**
   * After this time without a word from the other side, the connection is given up. In
   * milliseconds, 1 or more; default 20000.
   */
  haHousekeepingInterval?: number
  /** Whether maxHaTransferByteInSecond holds. Default false. Only in 5.3; 4.9 is as with false. */
  haFlowControlEnable?: boolean
  /**
   * Most bytes of the log that a master sends in a second to each slave. In bytes, 1 or more;
   * default 104857600. Only in 5.3; 4.9 is as with 104857600.
   */
  maxHaTransferByteInSecond?: number
  /**
   * Whether a slave reports only what is on its disk; if not, what it has checked. Default false.
   */
  haAcknowledgeAfterFlush?: boolean
  /** Longest body that put accepts. In bytes, 1 or more; default 4194304. */
  maxMessageSize?: number
  /**
   * Whether a topic longer than 127 bytes is written in a V2 record; if not, it is refused.
   * Default true. Only in 5.3; 4.9 is as with false.
   */
  autoMessageVersionOnTopicLen?: boolean
  /**
   * Whether a record carries a checksum of its own as the property '__CRC32#'. Default false.
   * Only in 5.3; 4.9 is as with false.
   */
  enabledAppendPropCRC?: boolean
  /**
   * The delays that a message can ask for by level, level 1 first. Default `1s 5s 10s 30s 1m 2m
   * 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h`.
   */
  messageDelayLevel?: string
  /** Whether recovery checks the checksum of each body. Default true. */
  checkCRCOnRecover?: boolean
  /**
   * Whether recovery takes a record without a valid checksum of its own for damaged. Default
   * false. Only in 5.3; 4.9 is as with false.
   */
  forceVerifyPropCRC?: boolean
  /** Whether messages can be queried by key. Default true. */
  messageIndexEnable?: boolean
  /** Whether recovery goes back to what the index files are known to hold. Default false. */
  messageIndexSafe?: boolean
  /** Hash slots of an index file. In slots, 1 or more; default 5000000. */
  maxHashSlotNum?: number
  /**
   * Entries of an index file; the first is never used. In entries, 2 or more; default 20000000.
   */
  maxIndexNum?: number
  /** Most messages that a query by key answers with. In messages, 1 or more; default 64. */
  maxMsgsNumBatch?: number
  /**
   * Most messages of a query by key that does not say how many. In messages, 1 or more; default
   * 32.
   */
  defaultQueryMaxNum?: number
  /**
   * Most bytes that one get answers with where they are in memory. In bytes, 1 or more; default
   * 262144.
   */
  maxTransferBytesOnMessageInMemory?: number
  /**
   * Most messages that one get answers with where they are in memory. In messages, 1 or more;
   * default 32.
   */
  maxTransferCountOnMessageInMemory?: number
  /**
   * Most bytes that one get answers with where they are on the disk. In bytes, 1 or more; default
   * 65536.
   */
  maxTransferBytesOnMessageInDisk?: number
  /**
   * Most messages that one get answers with where they are on the disk. In messages, 1 or more;
   * default 8.
   */
  maxTransferCountOnMessageInDisk?: number
  /**
   * How far behind the end of the log messages count as being in memory. In percent of the
   * physical memory, 0 to 100; default 40.
   */
  accessMessageInMemoryMaxRatio?: number
  /**
   * How much of a queue one get searches for messages that pass its filter. In bytes of queue
   * entries, 0 or more; default 16000. Only in 5.3; 4.9 is as with 16000.
   */
  maxFilterMessageSize?: number
  /**
   * How many files of a queue one get searches while it has found nothing. In files, 1 or more;
   * default 1. Only in 5.3; 4.9 is as with 1.
   */
  travelCqFileNumWhenGetMessage?: number
  /** Whether a slave, too, corrects the offset of a get that is out of range. Default false. */
  offsetCheckInSlave?: boolean
  /**
   * Hours of the day, local time, separated by semicolons, in which old files are deleted. Default
   * `04`.
   */
  deleteWhen?: string
  /**
   * How long a commit log file is kept after its last message. In hours, 0 or more; default 72.
   */
  fileReservedTime?: number
  /**
   * Whether files go before their time once diskSpaceCleanForciblyRatio is exceeded. Default true.
   */
  cleanFileForciblyEnable?: boolean
  /**
   * Most commit log files that are deleted before the next look at hour and disk. In files, 1 or
   * more; default 10. Only in 5.3; 4.9 is as with 10.
   */
  deleteFileBatchMax?: number
  /**
   * Pause between two looks at what is to be deleted; the first one comes after a minute. In
   * milliseconds, 1 or more; default 10000.
   */
  cleanResourceInterval?: number
  /**
   * Pause behind the deletion of a commit log file. In milliseconds, 0 or more; default 100.
   */
  deleteCommitLogFilesInterval?: number
  /** Pause behind the deletion of files of a queue. In milliseconds, 0 or more; default 100. */
  deleteConsumeQueueFilesInterval?: number
  /**
   * How long readers can put off the deletion of a file that they hold. In milliseconds, 0 or more;
   * default 120000.
   */
  destroyMappedFileIntervalForcibly?: number
  /**
   * Pause between two tries to delete a file that was held, at any hour. In milliseconds, 0 or
   * more; default 120000.
   */
  redeleteHangedFileInterval?: number
  /**
   * From here on a volume is short of room, and old files go at any hour. In percent of a volume,
   * 10 to 95; default 75.
   */
  diskMaxUsedSpaceRatio?: number
  /**
   * From here on files go before their time; a full volume is full until it is back here. In
   * percent of a volume, 30 to 100; default 85.
   */
  diskSpaceCleanForciblyRatio?: number
  /**
   * From here on a volume is full and nothing is stored; 100 for no such limit. In percent of a
   * volume, 35 to 100; default 90.
   */
  diskSpaceWarningLevelRatio?: number
  /** A volume with less than this left is full as well. In MiB, 0 or more; default 0. */
  diskFreeSpaceMin?: number
  /**
   * The RocketMQ line whose behaviour and files are followed where the two differ. Default `5.3`.
   */
  compatibility?: Compatibility
  /** What maps the files; auto is native where its binary loads. Default `auto`. */
  backend?: Backend
  /** How far readers see; left out, it is flushed for SYNC_FLUSH under 5.3, else written. */
  visibility?: Visibility
  /** Whether put makes the checks of RocketMQ's broker as well. Default false. */
  brokerChecks?: boolean
  /** Whether the store is opened without writing or locking anything. Default false. */
  readOnly?: boolean

  /** The spelling of `mappedFileSizeCommitLog` in RocketMQ 3.x and early 4.x. */
  mapedFileSizeCommitLog?: number
  /** The spelling of `mappedFileSizeConsumeQueue` in RocketMQ 3.x and early 4.x. */
  mapedFileSizeConsumeQueue?: number
  /** The name of `haMaxGapNotInSync` in 4.x. */
  haSlaveFallbehindMax?: number
  /** The spelling of `destroyMappedFileIntervalForcibly` in all of RocketMQ. */
  destroyMapedFileIntervalForcibly?: number
}

type OldSpelling = 'mapedFileSizeCommitLog' | 'mapedFileSizeConsumeQueue' | 'destroyMapedFileIntervalForcibly' | 'haSlaveFallbehindMax'

/** Every option with the value that holds. */
export type ResolvedOptions = Required<Omit<StoreOptions, OldSpelling | 'visibility'>> & {
  visibility: Visibility | undefined
}

/** A line of a properties file that some RocketMQ version would heed and this store does not. */
export interface UnusedProperty {
  key: string
  value: string
  /** 1 for the first line of the file. */
  line: number
  reason: string
}
