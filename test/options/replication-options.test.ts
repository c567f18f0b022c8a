/**
 * What the options of replication accept: addresses as they are written in a properties file, the old names, and what
 * contradicts itself.
 */
import t from 'tap'
import { isStoreError, type StoreError } from '../../lib/errors'
import { resolveOptions, type StoreOptions } from '../../lib/options/options'

const file = '/conf/broker.properties'

function load(text: string, given: StoreOptions = {}) {
  return resolveOptions(given, { file, text })
}

function refusal(call: () => unknown): StoreError {
  try {
    call()
  } catch (error) {
    if (isStoreError(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

t.test('the master of a slave', async (t) => {
  for (const text of ['10.0.0.1:10912', 'master.example:1', '[fe80::1]:65535', '']) {
    t.equal(load(`haMasterAddress=${text}`).options.haMasterAddress, text)
  }
  for (const text of ['master', ':10912', 'master:', 'master:0', 'master:65536', 'fe80::1:10912', '[1.2.3.4]:10912', 'a b:1', 'master:1x']) {
    t.match(refusal(() => load(`haMasterAddress=${text}`)), { code: 'ERR_INVALID_OPTION', details: { line: 1, key: 'haMasterAddress' } }, text)
  }
})

t.test('who may connect', async (t) => {
  t.equal(load('haAllowedAddresses=10.0.0.0/8, 192.168.1.7,,fe80::/10').options.haAllowedAddresses, '10.0.0.0/8, 192.168.1.7,,fe80::/10')
  for (const text of ['localhost', '10.0.0.0/33', '10.0.0.0/', '10.0.0/8', '10.0.0.0/8/8', 'fe80::/129', '10.0.0.1-10.0.0.9']) {
    t.equal(refusal(() => load(`haAllowedAddresses=${text}`)).code, 'ERR_INVALID_OPTION', text)
  }
})

t.test('the address on which a master listens', async (t) => {
  t.equal(load('').options.haListenAddress, '127.0.0.1', 'nobody else reaches a store that was not told so')
  const { options, unusedProperties } = load('brokerIP2 = 192.168.1.11 # for slaves')
  t.equal(options.haListenAddress, '192.168.1.11')
  t.strictSame(unusedProperties, [])
  const both = load('brokerIP2=192.168.1.11\nhaListenAddress=0.0.0.0')
  t.equal(both.options.haListenAddress, '0.0.0.0')
  t.match(both.unusedProperties, [{ key: 'brokerIP2', reason: "a broker's option" }])
  t.equal(load('brokerIP2=192.168.1.11', { haListenAddress: '::1' }).options.haListenAddress, '::1')
  t.equal(refusal(() => resolveOptions({ brokerIP2: '192.168.1.11' } as StoreOptions)).code, 'ERR_UNKNOWN_OPTION')
  for (const haListenAddress of ['', ' ', 'a b', '10.0.0.0/8']) t.equal(refusal(() => resolveOptions({ haListenAddress })).code, 'ERR_INVALID_OPTION')
})

t.test('the port on which a master listens', async (t) => {
  t.equal(load('').options.haListenPort, 10_912)
  t.equal(load('listenPort=10921').options.haListenPort, 10_922, 'one behind that for clients, as brokers have it')
  t.strictSame(load('listenPort=10921').unusedProperties, [])
  const both = load('listenPort=10921\nhaListenPort=5000')
  t.equal(both.options.haListenPort, 5000)
  t.match(both.unusedProperties, [{ key: 'listenPort', reason: "a broker's option" }])
  t.equal(load('listenPort=10921', { haListenPort: 0 }).options.haListenPort, 0)
  for (const port of ['65535', 'x', '', '-1']) t.match(refusal(() => load(`listenPort=${port}`)), { code: 'ERR_INVALID_OPTION', details: { key: 'listenPort', value: port, line: 1 } })
})

t.test('how far a replica in sync may lag has a name of its own in each version', async (t) => {
  for (const compatibility of ['4.9', '5.3'] as const) {
    t.equal(load('haSlaveFallbehindMax=1000', { compatibility }).options.haMaxGapNotInSync, 1000)
    t.equal(load('haMaxGapNotInSync=2000', { compatibility }).options.haMaxGapNotInSync, 2000)
    t.equal(resolveOptions({ compatibility, haSlaveFallbehindMax: 3000 }).options.haMaxGapNotInSync, 3000)
  }
  t.match(refusal(() => resolveOptions({ haSlaveFallbehindMax: 1, haMaxGapNotInSync: 1 })), { message: /both of its spellings/ })
})

t.test('a frame that a RocketMQ slave could never take is not asked for', async (t) => {
  t.equal(load('haTransferBatchSize=4194292').options.haTransferBatchSize, 4_194_292)
  t.match(refusal(() => load('haTransferBatchSize=4194293')).message, /1 to 4194292/)
})

t.test('no more stores can be waited for than there are', async (t) => {
  t.equal(resolveOptions({ inSyncReplicas: 3 }).options.inSyncReplicas, 3, 'whoever does not say how many there are is taken at his word')
  t.equal(resolveOptions({ inSyncReplicas: 3, totalReplicas: 3 }).options.inSyncReplicas, 3)
  t.match(refusal(() => load('totalReplicas=2\ninSyncReplicas=3')), {
    code: 'ERR_INVALID_OPTION', details: { key: 'inSyncReplicas', line: 2, allowed: /totalReplicas, which is 2/ },
  })
  t.match(refusal(() => resolveOptions({ totalReplicas: 1, minInSyncReplicas: 2 })), { details: { key: 'minInSyncReplicas' } })
})

t.test('what 4.9 does not have is not asked of it', async (t) => {
  t.match(refusal(() => resolveOptions({ compatibility: '4.9', inSyncReplicas: 2 })).message, /only 5\.3 has it/)
  const { options, unusedProperties } = load('inSyncReplicas=2\nallAckInSyncStateSet=true\nhaFlowControlEnable=true', { compatibility: '4.9' })
  t.match(options, { inSyncReplicas: 1, allAckInSyncStateSet: false, haFlowControlEnable: false })
  t.equal(unusedProperties.length, 3)
})
