import t from 'tap'
import { viewOf } from '../../lib/format/bytes'
import { RecentHosts, decodeHost, encodeHost } from '../../lib/format/host'
import { decodeMessageId, encodeMessageId, messageIdAt } from '../../lib/format/message-id'

/*
 * The story: a message id is what an operator copies from a log into a command line. It must be the one that
 * RocketMQ's own tools print, to the digit, and a mistyped one must not be looked up somewhere else.
 */

const hosts: { text: string; bytes: string; printed?: string }[] = [
  { text: '127.0.0.1:0', bytes: '7f00000100000000' },
  { text: '255.255.255.255:65535', bytes: 'ffffffff0000ffff' },
  { text: '10.0.200.1:10911', bytes: '0a00c80100002a9f' },
  { text: '[::1]:80', bytes: '0000000000000000000000000000000100000050', printed: '0:0:0:0:0:0:0:1:80' },
  { text: '::1:80', bytes: '0000000000000000000000000000000100000050', printed: '0:0:0:0:0:0:0:1:80' },
  { text: '[::]:1', bytes: '0000000000000000000000000000000000000001', printed: '0:0:0:0:0:0:0:0:1' },
  { text: '[fe80::]:9', bytes: 'fe80000000000000000000000000000000000009', printed: 'fe80:0:0:0:0:0:0:0:9' },
  { text: '[2001:db8:0:1:2:3:4:ABCD]:443', bytes: '20010db8000000010002000300 04abcd000001bb'.replace(' ', ''), printed: '2001:db8:0:1:2:3:4:abcd:443' },
  { text: '[::ffff:10.1.2.3]:7', bytes: '00000000000000000000ffff0a01020300000007', printed: '0:0:0:0:0:ffff:a01:203:7' },
  { text: '[fe80::1%eth0]:7', bytes: 'fe80000000000000000000000000000100000007', printed: 'fe80:0:0:0:0:0:0:1:7' },
]

t.test('hosts', (test) => {
  for (const { text, bytes, printed = text } of hosts) {
    const encoded = Buffer.from(encodeHost(text))
    test.equal(encoded.toString('hex'), bytes, text)
    test.equal(decodeHost(Buffer.concat([Buffer.alloc(3), encoded]), 3, encoded.length), printed, `${text} read`)
  }
  test.end()
})

t.test('hosts seen before', (test) => {
  const recent = new RecentHosts()
  const alike = ['10.1.2.3:7', '[2001:db8::a01:203]:7', '[2001:db9::a01:203]:7', '74.1.2.3:7', '10.1.2.3:71']
  for (let round = 0; round < 3; round++) {
    for (const text of alike) {
      const bytes = Buffer.from(encodeHost(text))
      const { text: written, hexadecimal } = recent.find(bytes, viewOf(bytes), 0, bytes.length)
      test.same([written, hexadecimal], [decodeHost(bytes, 0, bytes.length), bytes.toString('hex').toUpperCase()], text)
    }
  }
  test.end()
})

t.test('what is no host', (test) => {
  for (const text of [
    '', ':', '127.0.0.1', '127.0.0.1:', ':80', 'localhost:80', '127.0.0.1:65536', '127.0.0.1:-1', '127.0.0.1:1.5', '127.0.0.1: 80',
    '256.0.0.1:80', '1.2.3:80', '[::1:80', '[::1]80', '1:2:3:4:5:6:7:8:9:80', '127.0.0.1:100000',
  ]) {
    test.throws(() => encodeHost(text), { code: 'ERR_INVALID_ARGUMENT', details: { value: text } }, JSON.stringify(text))
  }
  test.end()
})

t.test('message ids', (test) => {
  const ipv4 = encodeMessageId(encodeHost('192.168.7.9:10911'), 0x1234_5678_9a)
  test.equal(ipv4, 'C0A8070900002A9F000000123456789A', '32 digits')
  test.equal(decodeMessageId(ipv4), 0x1234_5678_9a)
  const ipv6 = encodeMessageId(encodeHost('[2001:db8::1]:10911'), 0)
  test.equal(ipv6, '20010DB800000000000000000000000100002A9F0000000000000000', '56 digits')
  test.equal(decodeMessageId(ipv6), 0)
  test.equal(decodeMessageId(ipv4.toLowerCase()), 0x1234_5678_9a, 'small letters are read too')
  for (const id of ['', 'C0', ipv4.slice(1), `${ipv4}00`, ipv6.slice(2), `${ipv4.slice(0, -1)}G`, `G${ipv4.slice(1)}`, 'x'.repeat(32)]) {
    test.throws(() => decodeMessageId(id), { code: 'ERR_INVALID_ARGUMENT' }, JSON.stringify(id))
  }
  test.end()
})

t.test('message ids one after the other', (test) => {
  const hosts = ['192.168.7.9:10911', '[2001:db8::1]:10911'].map(encodeHost)
  const offsets = [0, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, 0x1234_5678_9abc, 0x1234_5678_9abd, 0x1234_5679_9abc, Number.MAX_SAFE_INTEGER, 1, -1]
  for (const offset of offsets) {
    for (const host of hosts) {
      const offsetDigits = BigInt.asUintN(64, BigInt(offset)).toString(16).padStart(16, '0').toUpperCase()
      const hostDigits = Buffer.from(host).toString('hex').toUpperCase()
      test.equal(messageIdAt(hostDigits, offset), hostDigits + offsetDigits, `${offset}`)
      test.equal(encodeMessageId(host, offset), hostDigits + offsetDigits, `${offset}`)
    }
  }
  test.end()
})
