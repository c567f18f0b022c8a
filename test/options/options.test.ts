/** What wins over what, what is refused, and how an error names it. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { isStoreError, type StoreError } from '../../lib/errors'
import { optionKeys, optionTable } from '../../lib/options/option-table'
import {
  logPathsOf,
  rerootCommitLogPath,
  resolveLogPaths,
  resolveOptions,
  type ResolvedOptions,
  type StoreOptions,
} from '../../lib/options/options'

const file = 'conf/broker.properties'

function load(text: string, given: StoreOptions = {}) {
  return resolveOptions(given, { file, text })
}

function refusal(action: () => unknown): StoreError {
  try {
    action()
  } catch (error) {
    if (isStoreError(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

/** What a program in plain JavaScript may pass. */
function give(given: object, otherNames?: string[]) {
  return resolveOptions(given as StoreOptions, undefined, otherNames)
}

t.test('given options win over the file, and the file over the defaults', async (t) => {
  const text = 'flushDiskType=SYNC_FLUSH\nmaxMessageSize=1000'
  const { options } = load(text, { maxMessageSize: 2000 })
  t.equal(options.flushDiskType, 'SYNC_FLUSH')
  t.equal(options.maxMessageSize, 2000)
  t.equal(options.syncFlushTimeout, 5000)
  t.equal(load(text, { maxMessageSize: undefined }).options.maxMessageSize, 1000)
  t.equal(load('a\\u0062ortFile=x').unusedProperties[0].key, 'abortFile')
})

t.test('every option can be given, and is what holds', async (t) => {
  const given: ResolvedOptions = {
    storePathRootDir: '/data/store',
    storePathCommitLog: '/fast/log',
    readOnlyCommitLogStorePaths: '/old/log',
    mappedFileSizeCommitLog: 131_072,
    mappedFileSizeConsumeQueue: 2000,
    flushDiskType: 'SYNC_FLUSH',
    brokerRole: 'SLAVE',
    syncFlushTimeout: 1,
    flushIntervalCommitLog: 3,
    flushCommitLogTimed: false,
    flushCommitLogLeastPages: 0,
    flushCommitLogThoroughInterval: 0,
    flushIntervalConsumeQueue: 4,
    flushConsumeQueueLeastPages: 0,
    flushConsumeQueueThoroughInterval: 0,
    flushConsumerOffsetInterval: 5,
    slaveTimeout: 15,
    inSyncReplicas: 2,
    minInSyncReplicas: 2,
    totalReplicas: 3,
    allAckInSyncStateSet: true,
    enableAutoInSyncReplicas: true,
    haMaxGapNotInSync: 16,
    haMaxTimeSlaveNotCatchup: 17,
    haListenAddress: '::',
    haListenPort: 0,
    haAllowedAddresses: '10.0.0.0/8,fe80::/10',
    haConnectionsMax: 18,
    haMasterAddress: '[::1]:10912',
    haTransferBatchSize: 19,
    haSendHeartbeatInterval: 20,
    haHousekeepingInterval: 21,
    haFlowControlEnable: true,
    maxHaTransferByteInSecond: 22,
    haAcknowledgeAfterFlush: true,
    maxMessageSize: 5,
    checkCRCOnRecover: false,
    messageIndexEnable: false,
    messageIndexSafe: true,
    maxHashSlotNum: 100,
    maxIndexNum: 400,
    maxMsgsNumBatch: 6,
    defaultQueryMaxNum: 7,
    maxTransferBytesOnMessageInMemory: 8,
    maxTransferCountOnMessageInMemory: 9,
    maxTransferBytesOnMessageInDisk: 10,
    maxTransferCountOnMessageInDisk: 11,
    accessMessageInMemoryMaxRatio: 0,
    maxFilterMessageSize: 0,
    travelCqFileNumWhenGetMessage: 12,
    messageDelayLevel: '1s',
    autoMessageVersionOnTopicLen: false,
    enabledAppendPropCRC: true,
    forceVerifyPropCRC: true,
    offsetCheckInSlave: true,
    deleteWhen: '4;16',
    fileReservedTime: 48,
    cleanFileForciblyEnable: false,
    deleteFileBatchMax: 13,
    cleanResourceInterval: 14,
    deleteCommitLogFilesInterval: 0,
    deleteConsumeQueueFilesInterval: 0,
    destroyMappedFileIntervalForcibly: 0,
    redeleteHangedFileInterval: 0,
    diskMaxUsedSpaceRatio: 60,
    diskSpaceCleanForciblyRatio: 70,
    diskSpaceWarningLevelRatio: 80,
    diskFreeSpaceMin: 100,
    compatibility: '5.3',
    backend: 'mmap-io',
    visibility: 'confirmed',
    brokerChecks: true,
    readOnly: true,
  }
  t.same(Object.keys(given).sort(), [...optionKeys].sort())
  t.strictSame(give(given).options, given)
  const text = Object.entries(given).map(([key, value]) => `${key}=${value}`)
  t.strictSame(load(text.join('\n')), { options: given, unusedProperties: [] })
})

t.test('both spellings', async (t) => {
  const { options } = give({ mapedFileSizeCommitLog: 4096, mapedFileSizeConsumeQueue: 40 })
  t.equal(options.mappedFileSizeCommitLog, 4096)
  t.equal(options.mappedFileSizeConsumeQueue, 40)
  t.notOk('mapedFileSizeCommitLog' in options)
  t.equal(load('mapedFileSizeCommitLog=4096').options.mappedFileSizeCommitLog, 4096)
  t.equal(load('mappedFileSizeCommitLog=4096').options.mappedFileSizeCommitLog, 4096)
  const text = 'mappedFileSizeCommitLog=4096\nmapedFileSizeCommitLog=8192'
  t.equal(load(text).options.mappedFileSizeCommitLog, 8192, 'the last one in a file')
  t.equal(load(text, { mapedFileSizeCommitLog: 2048 }).options.mappedFileSizeCommitLog, 2048)
  const sizes = { mappedFileSizeCommitLog: 4096, mapedFileSizeCommitLog: 4096 }
  t.match(refusal(() => give(sizes)), {
    code: 'ERR_INVALID_OPTION',
    message: /both of its spellings/,
    details: { key: 'mapedFileSizeCommitLog', value: 4096 },
  })
  const unused = load('warmMappedFileEnable=true\nwarmMapedFileEnable=false')
  t.same(
    unused.unusedProperties.map(({ key, value }) => [key, value]),
    [
      ['warmMappedFileEnable', 'true'],
      ['warmMapedFileEnable', 'false'],
    ],
  )
})

t.test('the hours of deletion, as RocketMQ reads them', async (t) => {
  for (const deleteWhen of ['4', '04', '0;12;23', '04;16;', '+7']) t.equal(give({ deleteWhen }).options.deleteWhen, deleteWhen)
  for (const deleteWhen of ['', ';4', '4,16', '4; 16', '24', '-1', 'noon']) {
    t.match(refusal(() => give({ deleteWhen })), { code: 'ERR_INVALID_OPTION', details: { allowed: /0 to 23/ } }, deleteWhen)
  }
})

t.test('the length of a queue file is rounded up to whole entries', async (t) => {
  const cases = [
    [20, 20],
    [21, 40],
    [5_999_999, 6_000_000],
    [2_147_483_640, 2_147_483_640],
  ]
  for (const [given, holds] of cases) {
    const { options } = give({ mappedFileSizeConsumeQueue: given })
    t.equal(options.mappedFileSizeConsumeQueue, holds)
  }
})

t.test('the paths', async (t) => {
  t.equal(give({}).options.storePathRootDir, join(homedir(), 'store'))
  t.equal(give({ storePathRootDir: '/x' }).options.storePathCommitLog, '/x/commitlog')
  const odd = '/$&/${home}/${storePathRootDir}'
  t.equal(give({ storePathRootDir: odd }).options.storePathRootDir, odd)
  t.equal(give({ storePathRootDir: odd }).options.storePathCommitLog, `${odd}/commitlog`)
  t.equal(load('storePathRootDir=/a b/c # d').options.storePathRootDir, '/a b/c')
})

t.test('several directories of the commit log', async (t) => {
  const paths = (directory: string, options: StoreOptions) => logPathsOf(resolveLogPaths(directory, give(options).options))
  t.strictSame(paths('/s', { storePathRootDir: '/s' }), { writable: ['/s/commitlog'], all: ['/s/commitlog'] })
  t.strictSame(paths('/a,b', { storePathRootDir: '/a,b' }).all, ['/a,b/commitlog'], 'a comma in the root separates nothing')
  const given = { storePathRootDir: '/s', storePathCommitLog: '/two/log, /one/log,/s/log,/two/log', readOnlyCommitLogStorePaths: '/old/log,/one/log' }
  t.strictSame(paths('/new', given), { writable: ['/new/log', '/two/log'], all: ['/two/log', '/one/log', '/new/log', '/old/log'] })
  t.strictSame(paths('/n,w', given).writable, ['/n,w/log', '/two/log'], 'nor in the directory of open')
  t.match(refusal(() => give({ ...given, readOnlyCommitLogStorePaths: '/two/log,/one/log,/s/log' })), {
    code: 'ERR_INVALID_OPTION',
    details: { key: 'readOnlyCommitLogStorePaths', allowed: /some directory of the commit log to be written to/ },
  })
  t.match(refusal(() => give({ storePathCommitLog: ' , ' })), { code: 'ERR_INVALID_OPTION', details: { key: 'storePathCommitLog' } })
})

t.test('a commit log beneath the root moves to the directory of open', async (t) => {
  const at = (directory: string, storePathRootDir: string, storePathCommitLog: string) =>
    rerootCommitLogPath(directory, { storePathRootDir, storePathCommitLog })
  t.equal(at('/new', '/old/store', '/old/store/commitlog'), '/new/commitlog')
  t.equal(at('/new', '/old/store/', '/old/store/deep/../log'), '/new/log')
  t.equal(at('/new', '/old/store', '/old/store/..log'), '/new/..log')
  t.equal(at('/new', '/old/store', '/old/store'), '/new')
  t.equal(at('/new', '/old/store', '/old/store2/commitlog'), '/old/store2/commitlog')
  t.equal(at('/new', '/old/store', '/old'), '/old')
  t.equal(at('/new', '/old/store', '/fast/log'), '/fast/log')
  t.equal(at('new', 'old', 'old/commitlog'), join('new', 'commitlog'))
  t.equal(at('/old/store', '/old/store', '/old/store/commitlog'), '/old/store/commitlog')
})

t.test('unknown given options', async (t) => {
  const cases: [string, string][] = [
    ['flushDiskTyp', 'flushDiskType'],
    ['flushdisktype', 'flushDiskType'],
    ['maxMesageSize', 'maxMessageSize'],
    ['mapedFileSizeComitLog', 'mappedFileSizeCommitLog'],
    ['readonly', 'readOnly'],
    ['backnd', 'backend'],
    ['recovry', 'recovery'],
    ['__proto__x', 'backend'],
  ]
  for (const [name, near] of cases) {
    const error = refusal(() => give({ [name]: 1 }, ['recovery', 'clock']))
    t.equal(error.code, 'ERR_UNKNOWN_OPTION')
    t.match(error.details, { key: name, value: 1 })
    if (name === '__proto__x') continue
    t.equal(error.details.allowed, near)
    t.equal(error.message, `The store has no option ${name}; the nearest is ${near}.`)
  }
  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    t.equal(refusal(() => give({ [name]: 1 })).code, 'ERR_UNKNOWN_OPTION')
    t.equal(refusal(() => load(`${name}=1`)).code, 'ERR_UNKNOWN_PROPERTY')
  }
  t.equal(refusal(() => give({ flushDiskTyp: undefined })).code, 'ERR_UNKNOWN_OPTION')
})

t.test('given options that only a broker has, or only a later version of the store', async (t) => {
  t.match(refusal(() => give({ brokerId: 0 })), {
    code: 'ERR_UNKNOWN_OPTION',
    message: /^The store has no option brokerId; .* is a broker's option\.$/,
    details: { key: 'brokerId', value: 0, reason: "a broker's option" },
  })
  t.match(refusal(() => give({ timerWheelEnable: true })), {
    code: 'ERR_UNKNOWN_OPTION',
    details: { reason: 'without effect on this store' },
  })
  t.match(refusal(() => give({ transientStorePoolEnable: true })), {
    code: 'ERR_UNSUPPORTED',
    details: { key: 'transientStorePoolEnable', value: true, reason: /commit/ },
  })
})

t.test('unknown properties', async (t) => {
  const error = refusal(() => load('# mine\nbrokerId=0\nbrokerNmae = broker-a # sic'))
  t.equal(error.code, 'ERR_UNKNOWN_PROPERTY')
  t.equal(
    error.message,
    `${file}:3: No version of RocketMQ has a property brokerNmae; the nearest is brokerName.`,
  )
  t.strictSame(error.details, {
    key: 'brokerNmae',
    value: 'broker-a',
    allowed: 'brokerName',
    file,
    line: 3,
  })
  const cases: Record<string, string> = {
    flushDiskTyp: 'flushDiskType',
    enableDledgerCommitLogs: 'enableDLegerCommitLog',
    filereservedtime: 'fileReservedTime',
  }
  for (const [key, near] of Object.entries(cases)) {
    t.equal(refusal(() => load(`${key}=1`)).details.allowed, near)
  }
})

t.test('given values of the wrong type or out of range', async (t) => {
  for (const key of optionKeys) {
    const definition = optionTable[key]
    const bad: unknown[] = [null, {}, [], NaN, 1n, Symbol('x'), () => 1]
    if (definition.type !== 'boolean') bad.push(true)
    if (definition.type === 'integer') {
      const { minimum, maximum } = definition
      bad.push('1000', `${minimum}`, minimum - 1, maximum + 1, minimum + 0.5, Infinity)
      t.doesNotThrow(() => give({ [key]: maximum, maxHashSlotNum: 1, maxIndexNum: 2 }), key)
      t.doesNotThrow(() => give({ [key]: minimum, maxHashSlotNum: 1, maxIndexNum: 2 }), key)
    } else {
      bad.push(1)
      // A list may be empty.
      if (definition.default['5.3'] !== '') bad.push('')
    }
    if (definition.type === 'boolean') bad.push('true', 'false', 0)
    if (definition.type === 'string') bad.push('a\0b')
    if (definition.type === 'enum') {
      bad.push(definition.values[0].toLowerCase() + ' ', definition.values.join())
    }
    for (const value of bad) {
      const error = refusal(() => give({ [key]: value }))
      t.equal(error.code, 'ERR_INVALID_OPTION', key)
      t.equal(error.details.key, key)
      t.ok(Object.is(error.details.value, value))
      t.type(error.details.allowed, 'string')
      t.match(error.message, `${key} cannot be `)
    }
  }
  const { message } = refusal(() => give({ maxMessageSize: '65536' }))
  t.equal(
    message,
    "maxMessageSize cannot be '65536': it takes an integer from 1 to 2147483647 (bytes).",
  )
})

t.test('property values that do not fit', async (t) => {
  const bad: Record<string, string[]> = {
    maxMessageSize: ['', '0', '-1', '2147483648', '9'.repeat(30)],
    maxIndexNum: ['1', '64K', '0x10', '1e3', '400.0', '1 000', '1_000'],
    accessMessageInMemoryMaxRatio: ['101', '40%'],
    mappedFileSizeCommitLog: ['1023', '1G'],
    mappedFileSizeConsumeQueue: ['19', '2147483641'],
    checkCRCOnRecover: ['', 'yes', '1', 'ture', 'true false'],
    flushDiskType: ['', 'sync_flush', 'SYNC', 'SYNC_FLUSH;'],
    brokerRole: ['MASTER', 'slave'],
    storePathRootDir: ['', '/a\\u0000b'],
    messageDelayLevel: ['1s  5s', '1x'],
    enableLmq: ['', 'yes'],
    enableDLegerCommitLog: ['1'],
    compatibility: ['4.8'],
  }
  for (const [key, values] of Object.entries(bad)) {
    for (const text of values) {
      const error = refusal(() => load(`\n${key}=${text}`))
      t.equal(error.code, 'ERR_INVALID_OPTION', `${key}=${text}`)
      t.match(error.details, { key, file, line: 2 })
      t.equal(error.details.value, text.replace('\\u0000', '\0'))
      t.type(error.details.allowed, 'string')
      t.match(error.message, `${file}:2: ${key} cannot be `)
    }
  }
  const spelt = refusal(() => load('mapedFileSizeCommitLog=1G'))
  t.equal(spelt.details.key, 'mapedFileSizeCommitLog', 'as the file spells it')
  t.match(refusal(() => load('maxMessageSize=64K', { maxMessageSize: 1 })), {
    code: 'ERR_INVALID_OPTION',
  })
})

t.test('property values that fit', async (t) => {
  t.equal(load('maxMessageSize=+0065536').options.maxMessageSize, 65_536)
  for (const text of ['true', 'TRUE', 'True']) {
    t.equal(load(`messageIndexSafe=${text}`).options.messageIndexSafe, true)
  }
  for (const text of ['false', 'False']) {
    t.equal(load(`messageIndexEnable=${text}`).options.messageIndexEnable, false)
  }
})

t.test('what only 5.3 has, under 4.9', async (t) => {
  const keys = optionKeys.filter((key) => optionTable[key].onlyIn53)
  t.same(keys.sort(), [
    'allAckInSyncStateSet',
    'autoMessageVersionOnTopicLen',
    'deleteFileBatchMax',
    'enableAutoInSyncReplicas',
    'enabledAppendPropCRC',
    'forceVerifyPropCRC',
    'haFlowControlEnable',
    'haMaxTimeSlaveNotCatchup',
    'inSyncReplicas',
    'maxFilterMessageSize',
    'maxHaTransferByteInSecond',
    'minInSyncReplicas',
    'totalReplicas',
    'travelCqFileNumWhenGetMessage',
  ])
  const text = keys.map((key) => `${key}=${optionTable[key].type === 'integer' ? 9 : 'TRUE'}`)
  const { options, unusedProperties } = load(['brokerId=0', ...text, 'brokerName=a'].join('\n'), {
    compatibility: '4.9',
  })
  t.strictSame(options, give({ compatibility: '4.9' }).options)
  t.same(
    unusedProperties.map(({ key, line }) => [key, line]),
    [...['brokerId', ...keys, 'brokerName'].entries()].map(([index, key]) => [key, index + 1]),
  )
  t.strictSame(unusedProperties.find(({ key }) => key === 'autoMessageVersionOnTopicLen'), {
    key: 'autoMessageVersionOnTopicLen',
    value: 'TRUE',
    line: keys.indexOf('autoMessageVersionOnTopicLen') + 2,
    reason: 'only 5.3 has it, and the compatibility is 4.9',
  })
  t.equal(load(text.join('\n')).options.maxFilterMessageSize, 9, 'under 5.3 they hold')
  for (const key of keys) {
    const value = optionTable[key].default['5.3']
    t.match(refusal(() => give({ compatibility: '4.9', [key]: value })), {
      code: 'ERR_INVALID_OPTION',
      message: /only 5\.3 has it/,
      details: { key, value, allowed: /4\.9/ },
    })
  }
  t.equal(load('compatibility=4.9\nenabledAppendPropCRC=true').options.enabledAppendPropCRC, false)
})

t.test('features that are not supported', async (t) => {
  const switches = [
    'enableDLegerCommitLog',
    'enableControllerMode',
    'enableConsumeQueueExt',
    'enableLmq',
    'enableMultiDispatch',
    'transientStorePoolEnable',
    'duplicationEnable',
  ]
  const reason = 'the default; the feature is not supported'
  const on = [
    ...switches.map((key) => [key, 'true']),
    ['enableLmq', 'TRUE'],
    ['storeType', 'defaultRocksDB'],
  ]
  for (const [key, value] of on) {
    const error = refusal(() => load(`${key}=${value}`))
    t.equal(error.code, 'ERR_UNSUPPORTED', key)
    t.match(error.details, { key, value, file, line: 1, reason: /\w/ })
    t.match(error.message, `${file}:1: ${key} = '${value}' is not supported: `)
  }
  const off = [
    ...switches.map((key) => [key, 'false']),
    ['enableLmq', 'False'],
    ['storeType', 'default'],
  ]
  for (const [key, value] of off) {
    const { unusedProperties } = load(`${key}=${value}`)
    t.strictSame(unusedProperties, [{ key, value, line: 1, reason }])
  }
})

t.test('an index file has to fit into 2 GiB', async (t) => {
  t.equal(give({ maxHashSlotNum: 1, maxIndexNum: 107_374_180 }).options.maxIndexNum, 107_374_180)
  t.match(refusal(() => give({ maxHashSlotNum: 2, maxIndexNum: 107_374_181 })), {
    code: 'ERR_INVALID_OPTION',
    details: { key: 'maxIndexNum', value: 107_374_181, allowed: /2147483647 bytes/ },
  })
  t.match(refusal(() => load('maxHashSlotNum=500000000')), {
    code: 'ERR_INVALID_OPTION',
    details: { key: 'maxHashSlotNum', value: '500000000', file, line: 1 },
  })
})
