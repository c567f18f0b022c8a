import t from 'tap'
import { makeRecord, type RecordContent } from '../support/encoded-record'
import { encodeHost } from '../../lib/format/host'
import {
  CRC_MASK, MAGIC_BLANK, MAGIC_V1, MAGIC_V2, RecordParts, SysFlag, TopicWords, encodeBlank, encodeTopic, isQueued, locate, readStoreTimestamp,
} from '../../lib/format/record'
import { StoredMessage } from '../../lib/format/stored-message'

/*
 * The story: these bytes are read by programs that we do not have here, so that they cannot be allowed to change.
 * Each vector below was written by hand from the table of the format, field by field, in hexadecimal.
 *
 * Not proved here: that the real engine agrees (test/golden, test/interop).
 */

const IPV4 = '192.168.7.9:10911'
const IPV4_BYTES = 'c0a80709' + '00002a9f'
const IPV6 = '2001:db8::1:10911'
const IPV6_BYTES = '20010db8000000000000000000000001' + '00002a9f'

interface Vector {
  name: string
  magic: number
  bornHost: string
  storeHost: string
  sysFlag: number
  size: number
  storeTimestampAt: number
  bytes: string
}

const head = (size: string, magic: string): string =>
  size + magic +
  '58932aac' + // CRC-32 of "hi" is d8932aac, and its sign bit is cleared
  '00000003' + // queue id
  'fffffffb' + // flag -5
  '0000000100000002' + // queue offset 2^32 + 2
  '0000000200000003' // physical offset 2^33 + 3
const times = (bornHost: string, storeHost: string): string =>
  '0000018bcfe56800' + // born 1700000000000
  bornHost +
  '0000018bcfe56801' + // stored 1700000000001
  storeHost +
  '00000010' + // reconsumed 16 times
  '0000010000000000' + // prepared at 2^40
  '00000002' + '6869' // body "hi"
const properties = '0003' + '610162' // a = b

const vectors: Vector[] = [
  {
    name: 'V1, both hosts IPv4', magic: MAGIC_V1, bornHost: IPV4, storeHost: IPV4, sysFlag: 0, size: 91 + 2 + 1 + 3, storeTimestampAt: 56,
    bytes: head('00000061', 'daa320a7') + '00000000' + times(IPV4_BYTES, IPV4_BYTES) + '01' + '74' + properties,
  },
  {
    name: 'V1, born host IPv6', magic: MAGIC_V1, bornHost: IPV6, storeHost: IPV4, sysFlag: 0x10, size: 103 + 2 + 1 + 3, storeTimestampAt: 68,
    bytes: head('0000006d', 'daa320a7') + '00000010' + times(IPV6_BYTES, IPV4_BYTES) + '01' + '74' + properties,
  },
  {
    name: 'V1, store host IPv6', magic: MAGIC_V1, bornHost: IPV4, storeHost: IPV6, sysFlag: 0x20, size: 103 + 2 + 1 + 3, storeTimestampAt: 56,
    bytes: head('0000006d', 'daa320a7') + '00000020' + times(IPV4_BYTES, IPV6_BYTES) + '01' + '74' + properties,
  },
  {
    name: 'V1, both hosts IPv6', magic: MAGIC_V1, bornHost: IPV6, storeHost: IPV6, sysFlag: 0x30, size: 115 + 2 + 1 + 3, storeTimestampAt: 68,
    bytes: head('00000079', 'daa320a7') + '00000030' + times(IPV6_BYTES, IPV6_BYTES) + '01' + '74' + properties,
  },
  {
    name: 'V2, both hosts IPv4', magic: MAGIC_V2, bornHost: IPV4, storeHost: IPV4, sysFlag: 0, size: 92 + 2 + 1 + 3, storeTimestampAt: 56,
    bytes: head('00000062', 'daa320ab') + '00000000' + times(IPV4_BYTES, IPV4_BYTES) + '0001' + '74' + properties,
  },
  {
    name: 'V2, both hosts IPv6', magic: MAGIC_V2, bornHost: IPV6, storeHost: IPV6, sysFlag: 0x30, size: 116 + 2 + 1 + 3, storeTimestampAt: 68,
    bytes: head('0000007a', 'daa320ab') + '00000030' + times(IPV6_BYTES, IPV6_BYTES) + '0001' + '74' + properties,
  },
]

function contentOf({ magic, bornHost, storeHost, sysFlag }: Vector): RecordContent {
  return {
    magic, sysFlag,
    bodyCRC: 0xd8932aac & CRC_MASK,
    queueId: 3,
    flag: -5,
    queueOffset: 2 ** 32 + 2,
    physicalOffset: 2 ** 33 + 3,
    bornTimestamp: 1_700_000_000_000,
    bornHost: encodeHost(bornHost),
    storeTimestamp: 1_700_000_000_001,
    storeHost: encodeHost(storeHost),
    reconsumeTimes: 16,
    preparedTransactionOffset: 2 ** 40,
    body: Buffer.from('hi'),
    topic: Buffer.from('t'),
    properties: Buffer.from('a\u0001b'),
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

for (const vector of vectors) {
  t.test(vector.name, (test) => {
    const bytes = makeRecord(contentOf(vector), 10)
    test.equal(bytes.length, vector.size + 20, 'length')
    test.equal(bytes.toString('hex', 10, 10 + vector.size), vector.bytes, 'bytes')
    test.equal(bytes.toString('hex', 0, 10) + bytes.toString('hex', 10 + vector.size), 'ee'.repeat(20), 'nothing beside it is written')
    test.equal(readStoreTimestamp(viewOf(bytes), 10), 1_700_000_000_001, 'store time')

    const parts = new RecordParts()
    test.equal(locate(viewOf(bytes), 10, 10 + vector.size, parts), undefined, 'is a record')
    test.equal(parts.storeTimestampAt, vector.storeTimestampAt, 'place of the store time')
    test.end()
  })

  t.test(`${vector.name}, read from the vector`, (test) => {
    const stored = new StoredMessage(Buffer.from(vector.bytes, 'hex'))
    const { topic, queueId, queueOffset, commitLogOffset, storeSize, flag, sysFlag, bodyCRC, bornTimestamp, storeTimestamp } = stored
    test.same(
      { topic, queueId, queueOffset, commitLogOffset, storeSize, flag, sysFlag, bodyCRC, bornTimestamp, storeTimestamp },
      {
        topic: 't', queueId: 3, queueOffset: 2 ** 32 + 2, commitLogOffset: 2 ** 33 + 3, storeSize: vector.size, flag: -5,
        sysFlag: vector.sysFlag, bodyCRC: 0x58932aac, bornTimestamp: 1_700_000_000_000, storeTimestamp: 1_700_000_000_001,
      },
    )
    test.equal(stored.bornHost, vector.bornHost.replace('::', ':0:0:0:0:0:'))
    test.equal(stored.storeHost, vector.storeHost.replace('::', ':0:0:0:0:0:'))
    test.equal(stored.reconsumeTimes, 16)
    test.equal(stored.preparedTransactionOffset, 2 ** 40)
    test.equal(stored.body.toString(), 'hi')
    test.same({ ...stored.properties }, { a: 'b' })
    test.equal(stored.msgId, (vector.storeHost === IPV4 ? IPV4_BYTES : IPV6_BYTES).toUpperCase() + '0000000200000003')
    test.end()
  })
}

t.test('the longest topics', (test) => {
  for (const { magic, length, lengthBytes } of [
    { magic: MAGIC_V1, length: 127, lengthBytes: '7f' },
    { magic: MAGIC_V2, length: 255, lengthBytes: '00ff' },
  ]) {
    const bytes = makeRecord({ ...contentOf(vectors[0]), magic, topic: Buffer.alloc(length, 'T') })
    test.ok(bytes.toString('hex').includes(`6869${lengthBytes}${'54'.repeat(length)}0003`), `${length} bytes`)
    test.equal(new StoredMessage(bytes).topic, 'T'.repeat(length))
  }
  test.end()
})

t.test('the end of a segment', (test) => {
  const bytes = Buffer.alloc(24, 0xee)
  encodeBlank(viewOf(bytes), 8, 0x1234)
  test.equal(bytes.toString('hex'), `${'ee'.repeat(8)}00001234cbd43194${'ee'.repeat(8)}`, 'length and magic, nothing else')
  test.equal(MAGIC_BLANK, -875_286_124)
  test.equal(MAGIC_V1, -626_843_481)
  test.equal(MAGIC_V2, -626_843_477)
  test.end()
})

t.test('which messages have a place in a queue', (test) => {
  test.same([0, SysFlag.commit].map(isQueued), [true, true], 'ordinary and committed ones')
  test.same([SysFlag.prepared, SysFlag.rollback].map(isQueued), [false, false], 'neither prepared nor rolled back ones')
  test.equal(isQueued(0x7f3 | SysFlag.commit), true, 'the other bits do not count')
  test.end()
})

t.test('a topic that is kept in words stands in a record as any other', async (test) => {
  for (let length = 0; length <= 255; length++) {
    const topic = Buffer.alloc(length, 'topic-')
    const [expected, found] = [Buffer.alloc(300, 0xee), Buffer.alloc(300, 0xee)]
    const end = encodeTopic(length > 127 ? MAGIC_V2 : MAGIC_V1, topic, expected, viewOf(expected), 5)
    if (new TopicWords(topic).write(viewOf(found), 5) !== end) test.fail(`${length} bytes end elsewhere`)
    if (!found.subarray(0, end).equals(expected.subarray(0, end))) test.fail(`${length} bytes`)
  }
})

t.test('every length that disagrees is found', (test) => {
  const good = Buffer.from(vectors[0].bytes, 'hex')
  const parts = new RecordParts()
  const bodyLengthAt = 84
  const topicLengthAt = 90
  const propertiesLengthAt = 92
  const cases: { name: string; change(bytes: Buffer): void; says: RegExp }[] = [
    { name: 'a length of 0', change: (bytes) => bytes.writeInt32BE(0, 0), says: /length 0 is too small/ },
    { name: 'a negative length', change: (bytes) => bytes.writeInt32BE(-1, 0), says: /length -1 is too small/ },
    { name: 'one byte more than there are', change: (bytes) => bytes.writeInt32BE(98, 0), says: /goes beyond the 97 bytes/ },
    { name: 'one byte less', change: (bytes) => bytes.writeInt32BE(96, 0), says: /properties length 3 disagrees/ },
    { name: 'hosts that take all of it', change: (bytes) => bytes.writeInt32BE(0x30, 36), says: /shorter than its header/ },
    { name: 'a negative body', change: (bytes) => bytes.writeInt32BE(-1, bodyLengthAt), says: /body length -1/ },
    { name: 'a body of 2 GiB', change: (bytes) => bytes.writeInt32BE(0x7fffffff, bodyLengthAt), says: /body length 2147483647/ },
    { name: 'a body up to the end', change: (bytes) => bytes.writeInt32BE(97 - 88, bodyLengthAt), says: /ends before its topic/ },
    { name: 'a negative topic', change: (bytes) => bytes.writeInt8(-1, topicLengthAt), says: /topic length -1/ },
    { name: 'a topic up to the end', change: (bytes) => bytes.writeInt8(6, topicLengthAt), says: /topic length 6/ },
    { name: 'negative properties', change: (bytes) => bytes.writeInt16BE(-1, propertiesLengthAt), says: /properties length -1/ },
    { name: 'properties of 32767', change: (bytes) => bytes.writeInt16BE(32767, propertiesLengthAt), says: /properties length 32767/ },
  ]
  for (const { name, change, says } of cases) {
    const bytes = Buffer.from(good)
    change(bytes)
    test.match(locate(viewOf(bytes), 0, bytes.length, parts), says, name)
    test.throws(() => new StoredMessage(bytes), { code: 'ERR_CORRUPT' }, `${name}: no message`)
  }
  test.end()
})
