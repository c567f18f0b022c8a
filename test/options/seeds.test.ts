/**
 * The broker files of the seed documents, as their authors wrote them. The first one has a comment
 * behind nearly every value; java.util.Properties takes those for part of the value, RocketMQ then
 * cannot parse the numbers and silently keeps its defaults. Here every file has to load with what
 * its author meant.
 *
 * Not shown: that a store with these options works; see the tests of the store.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { resolveOptions, type ResolvedOptions } from '../../lib/options/options'

const directory = join('test', 'fixtures', 'seeds')
const broker = "a broker's option"
const fixed = 'the location is fixed under the root directory'
const root = '/usr/local/rocketmq/store'

interface Expected {
  /** What differs from the defaults. */
  options: Partial<ResolvedOptions>
  /** Line, key, reason. */
  unused: [number, string, string][]
  values?: Record<string, string>
}

const of326: Partial<ResolvedOptions> = {
  mappedFileSizeConsumeQueue: 300_000,
  storePathRootDir: root,
  storePathCommitLog: `${root}/commitlog`,
  maxMessageSize: 65_536,
  diskMaxUsedSpaceRatio: 88,
  fileReservedTime: 120,
}

const nameServersOf326 = [1, 2, 3, 4].map((number) => `rocketmq-nameserver${number}:9876`).join(';')

const twoMasters: Expected = {
  options: { fileReservedTime: 48 },
  unused: [
    [2, 'brokerClusterName', broker],
    [4, 'brokerName', broker],
    [6, 'brokerId', broker],
    [15, 'namesrvAddr', broker],
    [19, 'brokerIP1', broker],
  ],
}

const addition: Expected = {
  options: {},
  unused: [
    [1, 'brokerIP1', broker],
    [2, 'namesrvAddr', broker],
  ],
  values: { namesrvAddr: '192.168.56.102:9876;192.168.56.103:9876' },
}

const syncFlush: Expected = {
  options: { flushDiskType: 'SYNC_FLUSH' },
  unused: [
    [2, 'brokerClusterName', broker],
    [4, 'brokerName', broker],
    [6, 'brokerId', broker],
    [8, 'namesrvAddr', broker],
    [10, 'brokerIP1', broker],
  ],
}

const expectations: Record<string, Expected> = {
  '000-2m-2s-async-master.properties': {
    options: { ...of326, brokerRole: 'SYNC_MASTER' },
    unused: [
      [1, 'brokerClusterName', broker],
      [2, 'brokerName', broker],
      [3, 'brokerId', broker],
      [4, 'namesrvAddr', broker],
      [5, 'defaultTopicQueueNums', broker],
      [6, 'autoCreateTopicEnable', broker],
      [7, 'autoCreateSubscriptionGroup', broker],
      [22, 'storePathConsumeQueue', fixed],
      [24, 'storePathIndex', fixed],
      [26, 'storeCheckpoint', fixed],
      [28, 'abortFile', fixed],
    ],
    values: {
      brokerClusterName: 'rocketmq-cluster',
      brokerName: 'broker-a|broker-b',
      brokerId: '0',
      namesrvAddr: nameServersOf326,
      storePathConsumeQueue: `${root}/consumequeue`,
    },
  },
  '000-2m-2s-async-slave.properties': {
    options: { ...of326, brokerRole: 'SLAVE' },
    unused: [
      [2, 'brokerClusterName', broker],
      [4, 'brokerName', broker],
      [6, 'brokerId', broker],
      [8, 'namesrvAddr', broker],
      [10, 'defaultTopicQueueNums', broker],
      [12, 'autoCreateTopicEnable', broker],
      [14, 'autoCreateSubscriptionGroup', broker],
      [34, 'storePathConsumeQueue', fixed],
      [36, 'storePathIndex', fixed],
      [38, 'storeCheckpoint', fixed],
      [40, 'abortFile', fixed],
    ],
    values: { brokerName: 'broker-a|broker-b', brokerId: '1', namesrvAddr: nameServersOf326 },
  },
  '001-2m-noslave-broker-a.properties': {
    ...twoMasters,
    values: { brokerName: 'broker-a', namesrvAddr: '49.232.21.151:9876;127.0.0.2:9876' },
  },
  '001-2m-noslave-broker-b.properties': {
    ...twoMasters,
    values: { brokerName: 'broker-b', namesrvAddr: '49.232.21.151:9876;1.117.13.88:9876' },
  },
  '001-2m-2s-broker-a-additions.properties': addition,
  '001-2m-2s-broker-b-additions.properties': addition,
  '001-2m-2s-broker-a-s-additions.properties': addition,
  '001-2m-2s-broker-b-s-additions.properties': addition,
  '002-2m-noslave-broker.properties': {
    // The document lost line breaks: storePathCommitLog, maxMessageSize and others are in comments.
    options: { storePathRootDir: root, storePathCommitLog: `${root}/commitlog` },
    unused: [
      [5, 'namesrvAddr', broker],
      [7, 'defaultTopicQueueNums', broker],
      [9, 'autoCreateTopicEnable', broker],
      [11, 'autoCreateSubscriptionGroup', broker],
      [27, 'storePathConsumeQueue', fixed],
      [29, 'storePathIndex', fixed],
      [31, 'storeCheckpoint', fixed],
      [33, 'abortFile', fixed],
    ],
  },
  '003-2m-sync-flush-broker-a.properties': {
    ...syncFlush,
    options: { ...syncFlush.options, haListenAddress: '192.168.1.11' },
    values: { brokerName: 'broker-a' },
  },
  '003-2m-sync-flush-broker-b.properties': {
    ...syncFlush,
    options: { ...syncFlush.options, haListenAddress: '192.168.1.12' },
    values: { brokerName: 'broker-b' },
  },
}

t.test('every file of the directory is expected', async (t) => {
  const files = readdirSync(directory).filter((name) => name.endsWith('.properties'))
  t.same(files.sort(), Object.keys(expectations).sort())
})

for (const [file, expected] of Object.entries(expectations)) {
  for (const compatibility of ['4.9', '5.3'] as const) {
    t.test(`${file} under ${compatibility}`, async (t) => {
      const text = readFileSync(join(directory, file), 'utf8')
      const defaults = resolveOptions({ compatibility }).options
      t.equal(defaults.storePathRootDir, join(homedir(), 'store'))
      const { options, unusedProperties } = resolveOptions({ compatibility }, { file, text })
      t.strictSame(options, { ...defaults, ...expected.options })
      t.strictSame(
        unusedProperties.map(({ line, key, reason }) => [line, key, reason]),
        expected.unused,
      )
      const values = Object.fromEntries(unusedProperties.map(({ key, value }) => [key, value]))
      for (const [key, value] of Object.entries(expected.values ?? {})) {
        t.equal(values[key], value, key)
      }
    })
  }
}
