import t from 'tap'
import { forEachKey, keyHash, topicHash } from '../../lib/format/index-layout'
import { hashCode } from '../../lib/format/java-string'
import { SCHEDULE_TOPIC, deliverTime, tagsCodeOf } from '../../lib/format/tags-code'
import { CRC_MASK } from '../../lib/format/record'
import { selectBackend } from '../../lib/storage/backend'

/*
 * The story: consumers find messages by hash codes that Java made. One that is off by its sign, or counts a
 * character outside the basic plane once, is a message that its consumer never sees.
 *
 * The expected numbers are Java's, by its documented formula, worked out apart from our code.
 */

t.test("Java's String.hashCode", (test) => {
  for (const { text, hash } of [
    { text: '', hash: 0 },
    { text: 'a', hash: 97 },
    { text: 'TagA', hash: 2_598_919 },
    { text: 'Aa', hash: 2112 },
    { text: 'BB', hash: 2112 },
    { text: 'hello world', hash: 1_794_106_052 },
    { text: 'polygenelubricants', hash: -2_147_483_648 },
    { text: '标签', hash: 26_631 * 31 + 31_614 },
    { text: '𝒳', hash: 0xd835 * 31 + 0xdcb3 },
    { text: '\ud800', hash: 0xd800 },
  ]) {
    test.equal(hashCode(text), hash, JSON.stringify(text))
  }
  test.equal(hashCode('world', hashCode('hello ')), 1_794_106_052, 'continued')
  test.ok(hashCode('order-paid-2') < 0, 'can be negative')
  test.end()
})

t.test('tags codes', (test) => {
  test.equal(tagsCodeOf('polygenelubricants'), -2_147_483_648, 'negative ones stay negative')
  test.equal(tagsCodeOf('Aa'), tagsCodeOf('BB'), 'and they collide')
  test.equal(tagsCodeOf(''), 0)
  test.equal(tagsCodeOf(undefined), 0)
  test.end()
})

t.test('times of delivery', (test) => {
  const levels = [1000, 5000, 10_000]
  test.equal(SCHEDULE_TOPIC, 'SCHEDULE_TOPIC_XXXX')
  test.equal(deliverTime('1', 1_700_000_000_000, levels), 1_700_000_001_000)
  test.equal(deliverTime('3', 1_700_000_000_000, levels), 1_700_000_010_000)
  test.equal(deliverTime('4', 1_700_000_000_000, levels), 1_700_000_010_000, 'a level too high is the highest')
  test.equal(deliverTime('0', 1_700_000_000_000, levels), undefined, 'level 0 is none')
  test.equal(deliverTime('-1', 1_700_000_000_000, levels), undefined)
  test.equal(deliverTime('soon', 1_700_000_000_000, levels), undefined)
  test.end()
})

t.test('key hashes', (test) => {
  test.equal(keyHash(topicHash('orders'), 'abydncvw'), 0, 'orders#abydncvw has -2^31, which Java cannot negate: 0')
  test.equal(hashCode('orders#abydncvw'), -(2 ** 31), 'so it has')
  test.equal(keyHash(topicHash('TopicTest'), 'k1'), Math.abs(hashCode('TopicTest#k1')))
  test.equal(keyHash(topicHash(''), ''), hashCode('#'))
  for (const key of ['negative-1', 'negative-2', 'negative-3', 'negative-4']) test.ok(keyHash(topicHash('t'), key) >= 0, key)
  test.end()
})

t.test('keys of a KEYS property', (test) => {
  const keysOf = (text: string): string[] => {
    const keys: string[] = []
    forEachKey(text, (key) => keys.push(key))
    return keys
  }
  test.same(keysOf('a'), ['a'])
  test.same(keysOf('a b c'), ['a', 'b', 'c'])
  test.same(keysOf(' a  b '), ['a', 'b'], 'empty ones are none')
  test.same(keysOf('a\tb'), ['a\tb'], 'a space only')
  test.same(keysOf(''), [])
  test.same(keysOf('  '), [])
  test.end()
})

t.test('CRC-32 without its sign bit', (test) => {
  const { crc32 } = selectBackend('auto')
  const bytes = Buffer.from('..hi..123456789..')
  test.equal(crc32(bytes, 6, 15) >>> 0, 0xcbf43926, 'the check value of CRC-32')
  test.equal(crc32(bytes, 2, 4) >>> 0, 0xd8932aac, 'bit 31 is set')
  test.equal(crc32(bytes, 2, 4) & CRC_MASK, 0x58932aac, 'and is not stored')
  test.equal(crc32(bytes, 3, 3), 0, 'of nothing')
  test.end()
})
