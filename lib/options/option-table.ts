import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'
import { addressesAllowed, hostPortAllowed, parseAddresses, parseHostPort } from './addresses'
import { delayLevelsAllowed, isDelayLevels } from './delay-levels'
import { hoursAllowed, parseHours } from './hours'
import type { Compatibility, ResolvedOptions } from './store-options'

interface CommonDefinition<Value> {
  /** One line; what the option does, without unit and default. */
  description: string
  default: Readonly<Record<Compatibility, Value>>
  /** 4.9 has no such option: its default tells what 4.9 does, and nothing else can be asked for. */
  onlyIn53?: true
}

export interface IntegerDefinition extends CommonDefinition<number> {
  type: 'integer'
  unit: string
  minimum: number
  maximum: number
  /** The value that holds is the next multiple of this. */
  roundedUpTo?: number
}

export interface BooleanDefinition extends CommonDefinition<boolean> {
  type: 'boolean'
}

export interface StringDefinition extends CommonDefinition<string> {
  type: 'string'
  allowed: string
  accepts(value: string): boolean
}

export interface EnumDefinition<Value extends string = string>
  extends CommonDefinition<Value | undefined> {
  type: 'enum'
  values: readonly Value[]
}

export type OptionDefinition =
  | IntegerDefinition
  | BooleanDefinition
  | StringDefinition
  | EnumDefinition

export type OptionKey = keyof ResolvedOptions

type DefinitionOf<Value> = [Value] extends [number]
  ? IntegerDefinition
  : [Value] extends [boolean]
    ? BooleanDefinition
    : string extends Value
      ? StringDefinition
      : EnumDefinition<Extract<Value, string>>

/** The largest `int` of Java. */
export const integerMaximum = 2_147_483_647

/** A longer frame, with the 12 bytes of its header, does not fit into the buffer of a RocketMQ slave, which then waits for ever. */
const frameBodyMaximum = (4 << 20) - 12

function integer(
  unit: string,
  value: number,
  description: string,
  limits: { minimum?: number; maximum?: number; roundedUpTo?: number; onlyIn53?: true } = {},
): IntegerDefinition {
  const bounds = { minimum: 1, maximum: integerMaximum, ...limits }
  return { type: 'integer', unit, default: both(value), description, ...bounds }
}

function boolean(value: boolean, description: string): BooleanDefinition {
  return { type: 'boolean', default: both(value), description }
}

/** An option of 5.3; 4.9 does as if it were false. */
function boolean53(value: boolean, description: string): BooleanDefinition {
  return { type: 'boolean', default: { '4.9': false, '5.3': value }, description, onlyIn53: true }
}

function path(value: string, description: string): StringDefinition {
  const accepts = (given: string) => given !== '' && !given.includes('\0')
  return { type: 'string', default: both(value), description, allowed: 'a path', accepts }
}

function pathList(description: string): StringDefinition {
  const accepts = (given: string) => !given.includes('\0')
  return { type: 'string', default: both(''), description, allowed: 'paths with commas between them', accepts }
}

function choice<Value extends string>(
  values: readonly Value[],
  value: Value | undefined,
  description: string,
): EnumDefinition<Value> {
  return { type: 'enum', values, default: both(value), description }
}

/** Another store, or none. */
function peer(description: string): StringDefinition {
  const accepts = (given: string) => given === '' || parseHostPort(given) !== undefined
  return { type: 'string', default: both(''), description, allowed: hostPortAllowed, accepts }
}

function host(value: string, description: string): StringDefinition {
  const accepts = (given: string) => /^[^\s/,\0]+$/.test(given)
  return { type: 'string', default: both(value), description, allowed: 'an address of this machine, or its name', accepts }
}

function addressList(description: string): StringDefinition {
  const accepts = (given: string) => parseAddresses(given) !== undefined
  return { type: 'string', default: both(''), description, allowed: addressesAllowed, accepts }
}

function both<Value>(value: Value): Record<Compatibility, Value> {
  return { '4.9': value, '5.3': value }
}

const delayLevels: StringDefinition = {
  type: 'string',
  default: both('1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h'),
  description: 'The delays that a message can ask for by level, level 1 first',
  allowed: delayLevelsAllowed,
  accepts: isDelayLevels,
}

function hours(value: string, description: string): StringDefinition {
  const accepts = (given: string) => parseHours(given) !== undefined
  return { type: 'string', default: both(value), description, allowed: hoursAllowed, accepts }
}

/**
 * The options that the store uses. `${home}` and `${storePathRootDir}` in a default stand for what
 * their names say; they are not replaced in values that somebody gives.
 */
export const optionTable: { readonly [Key in OptionKey]: DefinitionOf<ResolvedOptions[Key]> } = {
  // files
  storePathRootDir: path(
    '${home}/store',
    'Directory of the store; the one given to open takes its place',
  ),
  storePathCommitLog: path(
    '${storePathRootDir}/commitlog',
    'Directory of the commit log, or several with commas between them, which take segments in turn',
  ),
  readOnlyCommitLogStorePaths: pathList(
    'Directories of the commit log, with commas between them, in which no segment is made any more',
  ),
  mappedFileSizeCommitLog: integer(
    'bytes',
    1_073_741_824,
    'Length of a commit log file; existing stores keep theirs',
    { minimum: 1024 },
  ),
  mappedFileSizeConsumeQueue: integer(
    'bytes',
    6_000_000,
    'Length of a queue file, rounded up to a multiple of 20; existing stores keep theirs',
    {
      minimum: QUEUE_ENTRY_LENGTH,
      maximum: integerMaximum - (integerMaximum % QUEUE_ENTRY_LENGTH),
      roundedUpTo: QUEUE_ENTRY_LENGTH,
    },
  ),

  // acknowledgement and flush
  flushDiskType: choice(
    ['ASYNC_FLUSH', 'SYNC_FLUSH'],
    'ASYNC_FLUSH',
    'Whether put waits until the message is on the disk',
  ),
  brokerRole: choice(
    ['ASYNC_MASTER', 'SYNC_MASTER', 'SLAVE'],
    'ASYNC_MASTER',
    'Whether put waits for replicas, or the store is one',
  ),
  syncFlushTimeout: integer(
    'milliseconds',
    5_000,
    'How long put waits for the flush under SYNC_FLUSH',
  ),
  flushIntervalCommitLog: integer(
    'milliseconds',
    500,
    'Pause between two flushes of the commit log under ASYNC_FLUSH',
  ),
  flushCommitLogTimed: boolean(
    true,
    'Whether that pause is kept to the end; if not, a put may cut it short',
  ),
  flushCommitLogLeastPages: integer(
    'pages of 4 KiB',
    4,
    'The commit log is not flushed for less than this',
    { minimum: 0 },
  ),
  flushCommitLogThoroughInterval: integer(
    'milliseconds',
    10_000,
    'After this time the commit log is flushed for any amount',
    { minimum: 0 },
  ),
  flushIntervalConsumeQueue: integer(
    'milliseconds',
    1_000,
    'Pause between two flushes of the queues',
  ),
  flushConsumeQueueLeastPages: integer(
    'pages of 4 KiB',
    2,
    'A queue is not flushed for less than this',
    { minimum: 0 },
  ),
  flushConsumeQueueThoroughInterval: integer(
    'milliseconds',
    60_000,
    'After this time a queue is flushed for any amount',
    { minimum: 0 },
  ),
  flushConsumerOffsetInterval: integer(
    'milliseconds',
    5_000,
    'How long a change to what is in config, such as a consumer offset, stays in memory only',
  ),

  // replicas, and what put waits for
  slaveTimeout: integer(
    'milliseconds',
    3_000,
    'How long put waits for replicas under SYNC_MASTER',
  ),
  inSyncReplicas: integer(
    'stores',
    1,
    'How many stores have to have a message before put is acknowledged under SYNC_MASTER, this one among them',
    { onlyIn53: true },
  ),
  minInSyncReplicas: integer(
    'stores',
    1,
    'With fewer stores in sync, this one among them, put is refused under SYNC_MASTER',
    { onlyIn53: true },
  ),
  totalReplicas: integer(
    'stores',
    1,
    'How many stores there are to be, this one among them; where given, no more can be waited for',
    { onlyIn53: true },
  ),
  allAckInSyncStateSet: boolean53(
    false,
    'Whether put waits for all replicas that are in sync under SYNC_MASTER, in place of inSyncReplicas',
  ),
  enableAutoInSyncReplicas: boolean53(
    false,
    'Whether put makes do with as many stores as are in sync, but no fewer than minInSyncReplicas',
  ),
  haMaxGapNotInSync: integer(
    'bytes',
    268_435_456,
    'A replica that lags by this or more is not in sync',
  ),
  haMaxTimeSlaveNotCatchup: integer(
    'milliseconds',
    15_000,
    'A replica that has lagged for longer is not in sync',
    { onlyIn53: true },
  ),

  // the connection between master and slave
  haListenAddress: host(
    '127.0.0.1',
    'Address on which a master listens for its slaves; 0.0.0.0 for all',
  ),
  haListenPort: integer(
    'port numbers',
    10_912,
    'Port on which a master listens for its slaves; 0 for any that is free',
    { minimum: 0, maximum: 65_535 },
  ),
  haAllowedAddresses: addressList(
    'Addresses and ranges from which a slave may connect, with commas between them; left out, from any',
  ),
  haConnectionsMax: integer('connections', 64, 'Most slaves that may be connected at a time'),
  haMasterAddress: peer('Master that a slave follows, as host:port'),
  haTransferBatchSize: integer('bytes', 32_768, 'Most bytes of the log that a master sends in a frame', {
    maximum: frameBodyMaximum,
  }),
  haSendHeartbeatInterval: integer(
    'milliseconds',
    5_000,
    'After this time without a word, master and slave send one',
  ),
  haHousekeepingInterval: integer(
    'milliseconds',
    20_000,
    'After this time without a word from the other side, the connection is given up',
  ),
  haFlowControlEnable: boolean53(false, 'Whether maxHaTransferByteInSecond holds'),
  maxHaTransferByteInSecond: integer(
    'bytes',
    104_857_600,
    'Most bytes of the log that a master sends in a second to each slave',
    { onlyIn53: true },
  ),
  haAcknowledgeAfterFlush: boolean(
    false,
    'Whether a slave reports only what is on its disk; if not, what it has checked',
  ),

  // records
  maxMessageSize: integer('bytes', 4_194_304, 'Longest body that put accepts'),
  autoMessageVersionOnTopicLen: boolean53(
    true,
    'Whether a topic longer than 127 bytes is written in a V2 record; if not, it is refused',
  ),
  enabledAppendPropCRC: boolean53(
    false,
    "Whether a record carries a checksum of its own as the property '__CRC32#'",
  ),
  messageDelayLevel: delayLevels,

  // recovery
  checkCRCOnRecover: boolean(true, 'Whether recovery checks the checksum of each body'),
  forceVerifyPropCRC: boolean53(
    false,
    'Whether recovery takes a record without a valid checksum of its own for damaged',
  ),

  // index
  messageIndexEnable: boolean(true, 'Whether messages can be queried by key'),
  messageIndexSafe: boolean(
    false,
    'Whether recovery goes back to what the index files are known to hold',
  ),
  maxHashSlotNum: integer('slots', 5_000_000, 'Hash slots of an index file'),
  maxIndexNum: integer('entries', 20_000_000, 'Entries of an index file; the first is never used', {
    minimum: 2,
  }),
  maxMsgsNumBatch: integer('messages', 64, 'Most messages that a query by key answers with'),
  defaultQueryMaxNum: integer(
    'messages',
    32,
    'Most messages of a query by key that does not say how many',
  ),

  // reads
  maxTransferBytesOnMessageInMemory: integer(
    'bytes',
    262_144,
    'Most bytes that one get answers with where they are in memory',
  ),
  maxTransferCountOnMessageInMemory: integer(
    'messages',
    32,
    'Most messages that one get answers with where they are in memory',
  ),
  maxTransferBytesOnMessageInDisk: integer(
    'bytes',
    65_536,
    'Most bytes that one get answers with where they are on the disk',
  ),
  maxTransferCountOnMessageInDisk: integer(
    'messages',
    8,
    'Most messages that one get answers with where they are on the disk',
  ),
  accessMessageInMemoryMaxRatio: integer(
    'percent of the physical memory',
    40,
    'How far behind the end of the log messages count as being in memory',
    { minimum: 0, maximum: 100 },
  ),
  maxFilterMessageSize: integer(
    'bytes of queue entries',
    16_000,
    'How much of a queue one get searches for messages that pass its filter',
    { minimum: 0, onlyIn53: true },
  ),
  travelCqFileNumWhenGetMessage: integer(
    'files',
    1,
    'How many files of a queue one get searches while it has found nothing',
    { onlyIn53: true },
  ),
  offsetCheckInSlave: boolean(
    false,
    'Whether a slave, too, corrects the offset of a get that is out of range',
  ),

  // retention
  deleteWhen: hours(
    '04',
    'Hours of the day, local time, separated by semicolons, in which old files are deleted',
  ),
  fileReservedTime: integer('hours', 72, 'How long a commit log file is kept after its last message', {
    minimum: 0,
  }),
  cleanFileForciblyEnable: boolean(
    true,
    'Whether files go before their time once diskSpaceCleanForciblyRatio is exceeded',
  ),
  deleteFileBatchMax: integer(
    'files',
    10,
    'Most commit log files that are deleted before the next look at hour and disk',
    { onlyIn53: true },
  ),
  cleanResourceInterval: integer(
    'milliseconds',
    10_000,
    'Pause between two looks at what is to be deleted; the first one comes after a minute',
  ),
  deleteCommitLogFilesInterval: integer(
    'milliseconds',
    100,
    'Pause behind the deletion of a commit log file',
    { minimum: 0 },
  ),
  deleteConsumeQueueFilesInterval: integer(
    'milliseconds',
    100,
    'Pause behind the deletion of files of a queue',
    { minimum: 0 },
  ),
  destroyMappedFileIntervalForcibly: integer(
    'milliseconds',
    120_000,
    'How long readers can put off the deletion of a file that they hold',
    { minimum: 0 },
  ),
  redeleteHangedFileInterval: integer(
    'milliseconds',
    120_000,
    'Pause between two tries to delete a file that was held, at any hour',
    { minimum: 0 },
  ),

  // room on the disk
  diskMaxUsedSpaceRatio: integer(
    'percent of a volume',
    75,
    'From here on a volume is short of room, and old files go at any hour',
    { minimum: 10, maximum: 95 },
  ),
  diskSpaceCleanForciblyRatio: integer(
    'percent of a volume',
    85,
    'From here on files go before their time; a full volume is full until it is back here',
    { minimum: 30, maximum: 100 },
  ),
  diskSpaceWarningLevelRatio: integer(
    'percent of a volume',
    90,
    'From here on a volume is full and nothing is stored; 100 for no such limit',
    { minimum: 35, maximum: 100 },
  ),
  diskFreeSpaceMin: integer(
    'MiB',
    0,
    'A volume with less than this left is full as well',
    { minimum: 0 },
  ),

  // the library's own
  compatibility: choice(
    ['4.9', '5.3'],
    '5.3',
    'The RocketMQ line whose behaviour and files are followed where the two differ',
  ),
  backend: choice(
    ['auto', 'native', 'mmap-io'],
    'auto',
    'What maps the files; auto is native where its binary loads',
  ),
  visibility: choice(
    ['written', 'flushed', 'confirmed'],
    undefined,
    'How far readers see; left out, it is flushed for SYNC_FLUSH under 5.3, else written',
  ),
  brokerChecks: boolean(false, "Whether put makes the checks of RocketMQ's broker as well"),
  readOnly: boolean(false, 'Whether the store is opened without writing or locking anything'),
}

export const optionKeys = Object.keys(optionTable) as readonly OptionKey[]

/** Undefined where the store uses no such option. `key` in the spelling of the table. */
export function definitionOf(key: string): OptionDefinition | undefined {
  return Object.hasOwn(optionTable, key) ? optionTable[key as OptionKey] : undefined
}
