/**
 * The table of options against RocketMQ's defaults, which are written out here a second time as
 * 4.9.7 and 5.3.3 print them, and against the documentation of StoreOptions.
 */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { optionKeys, optionTable, type OptionDefinition } from '../../lib/options/option-table'
import { isAllowed } from '../../lib/options/option-values'
import { resolveOptions } from '../../lib/options/options'

const defaultsOf49 = {
  storePathRootDir: join(homedir(), 'store'),
  storePathCommitLog: join(homedir(), 'store', 'commitlog'),
  readOnlyCommitLogStorePaths: '',
  mappedFileSizeCommitLog: 1_073_741_824,
  mappedFileSizeConsumeQueue: 6_000_000,
  flushDiskType: 'ASYNC_FLUSH',
  brokerRole: 'ASYNC_MASTER',
  syncFlushTimeout: 5000,
  flushIntervalCommitLog: 500,
  flushCommitLogTimed: true,
  flushCommitLogLeastPages: 4,
  flushCommitLogThoroughInterval: 10_000,
  flushIntervalConsumeQueue: 1000,
  flushConsumeQueueLeastPages: 2,
  flushConsumeQueueThoroughInterval: 60_000,
  flushConsumerOffsetInterval: 5000,
  slaveTimeout: 3000,
  inSyncReplicas: 1,
  minInSyncReplicas: 1,
  totalReplicas: 1,
  allAckInSyncStateSet: false,
  enableAutoInSyncReplicas: false,
  haMaxGapNotInSync: 268_435_456,
  haMaxTimeSlaveNotCatchup: 15_000,
  haListenAddress: '127.0.0.1',
  haListenPort: 10_912,
  haAllowedAddresses: '',
  haConnectionsMax: 64,
  haMasterAddress: '',
  haTransferBatchSize: 32_768,
  haSendHeartbeatInterval: 5000,
  haHousekeepingInterval: 20_000,
  haFlowControlEnable: false,
  maxHaTransferByteInSecond: 104_857_600,
  haAcknowledgeAfterFlush: false,
  maxMessageSize: 4_194_304,
  checkCRCOnRecover: true,
  messageIndexEnable: true,
  messageIndexSafe: false,
  maxHashSlotNum: 5_000_000,
  maxIndexNum: 20_000_000,
  maxMsgsNumBatch: 64,
  defaultQueryMaxNum: 32,
  maxTransferBytesOnMessageInMemory: 262_144,
  maxTransferCountOnMessageInMemory: 32,
  maxTransferBytesOnMessageInDisk: 65_536,
  maxTransferCountOnMessageInDisk: 8,
  accessMessageInMemoryMaxRatio: 40,
  maxFilterMessageSize: 16_000,
  travelCqFileNumWhenGetMessage: 1,
  messageDelayLevel: '1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h',
  autoMessageVersionOnTopicLen: false,
  enabledAppendPropCRC: false,
  forceVerifyPropCRC: false,
  offsetCheckInSlave: false,
  deleteWhen: '04',
  fileReservedTime: 72,
  cleanFileForciblyEnable: true,
  deleteFileBatchMax: 10,
  cleanResourceInterval: 10_000,
  deleteCommitLogFilesInterval: 100,
  deleteConsumeQueueFilesInterval: 100,
  destroyMappedFileIntervalForcibly: 120_000,
  redeleteHangedFileInterval: 120_000,
  diskMaxUsedSpaceRatio: 75,
  diskSpaceCleanForciblyRatio: 85,
  diskSpaceWarningLevelRatio: 90,
  diskFreeSpaceMin: 0,
  compatibility: '4.9',
  backend: 'auto',
  visibility: undefined,
  brokerChecks: false,
  readOnly: false,
}

t.test('defaults', async (t) => {
  t.strictSame(resolveOptions({ compatibility: '4.9' }).options, defaultsOf49)
  const defaultsOf53 = { ...defaultsOf49, compatibility: '5.3', autoMessageVersionOnTopicLen: true }
  t.strictSame(resolveOptions({ compatibility: '5.3' }).options, defaultsOf53)
  t.strictSame(resolveOptions(), { options: defaultsOf53, unusedProperties: [] })
})

t.test('a definition allows its own default', async (t) => {
  for (const key of optionKeys) {
    for (const value of Object.values(optionTable[key].default)) {
      t.ok(value === undefined || isAllowed(optionTable[key], value), key)
    }
  }
})

/** What the documentation of an option has to say, from its definition. */
function documentation(definition: OptionDefinition): string {
  const value = definition.default['5.3']
  let text = definition.description
  if (definition.type === 'integer') {
    const { minimum, maximum, unit } = definition
    const range = maximum === 2_147_483_647 ? `${minimum} or more` : `${minimum} to ${maximum}`
    text += `. In ${unit}, ${range}; default ${value}`
  } else if (value !== undefined && value !== '') {
    text += `. Default ${definition.type === 'boolean' ? value : `\`${value}\``}`
  }
  text += '.'
  if (definition.onlyIn53) text += ` Only in 5.3; 4.9 is as with ${definition.default['4.9']}.`
  return text
}

t.test('StoreOptions documents every option as the table has it', async (t) => {
  const source = readFileSync(join('lib', 'options', 'store-options.ts'), 'utf8')
  const documented = new Map<string, string>()
  for (const [, comment, key] of source.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s+(\w+)\?:/g)) {
    documented.set(key, comment.replace(/\s*\n\s*\*/g, ' ').replace(/\s+/g, ' ').trim())
  }
  for (const key of optionKeys) t.equal(documented.get(key), documentation(optionTable[key]), key)
})
