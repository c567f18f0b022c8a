/**
 * Which of RocketMQ's properties are used, refused, or listed. The lists themselves were taken from
 * the classes of six released versions; here only what a mistake in them would break is checked.
 */
import t from 'tap'
import { knownUnusedKeys, reasonUnused } from '../../lib/options/known-properties'
import { optionKeys } from '../../lib/options/option-table'
import { canonicalKey } from '../../lib/options/spellings'
import { unsupportedFeatureKeys } from '../../lib/options/unsupported-features'

t.test('a key stands in one place only', async (t) => {
  const all = [...optionKeys, ...unsupportedFeatureKeys, ...knownUnusedKeys]
  t.equal(new Set(all).size, all.length)
  t.equal(new Set(all.map(canonicalKey)).size, all.length)
  for (const key of all) t.match(key, /^[a-z][A-Za-z0-9]+$/)
})

t.test('reasons', async (t) => {
  const cases: Record<string, string | undefined> = {
    brokerId: "a broker's option",
    listenPort: "a broker's option",
    namesrvAddr: "a broker's option",
    sendMessageThreadPoolNums: "a broker's option",
    pullMessageThreadPoolNums: "a broker's option",
    checkTransactionMessageEnable: "a broker's option",
    serverWorkerThreads: "a broker's option",
    connectTimeoutMillis: "a broker's option",
    authenticationEnabled: "a broker's option",
    kvConfigPath: "a name server's option",
    storePathConsumeQueue: 'the location is fixed under the root directory',
    storePathIndex: 'the location is fixed under the root directory',
    storeCheckpoint: 'the location is fixed under the root directory',
    abortFile: 'the location is fixed under the root directory',
    deleteWhen: undefined,
    haListenPort: undefined,
    haSlaveFallbehindMax: undefined,
    brokerIP2: "a broker's option",
    destroyMapedFileIntervalForcibly: undefined,
    warmMappedFileEnable: 'without effect on this store',
    timerWheelEnable: 'without effect on this store',
    toString: undefined,
    brokerNmae: undefined,
  }
  for (const [key, reason] of Object.entries(cases)) t.equal(reasonUnused(key), reason, key)
})

t.test('spellings', async (t) => {
  t.equal(canonicalKey('mapedFileSizeCommitLog'), 'mappedFileSizeCommitLog')
  t.equal(canonicalKey('mappedFileSizeCommitLog'), 'mappedFileSizeCommitLog')
  t.equal(canonicalKey('warmMapedFileEnable'), 'warmMappedFileEnable')
  t.equal(canonicalKey('haSlaveFallbehindMax'), 'haMaxGapNotInSync')
  t.equal(canonicalKey('cleanSwapedMapInterval'), 'cleanSwapedMapInterval')
})
