/** What recovery reads of properties and topics without making strings is what the decoder of properties says. */
import fc from 'fast-check'
import t from 'tap'
import { TopicTable } from '../../lib/consume-queue/topic-table'
import { readDispatchProperties } from '../../lib/dispatch/record-dispatch'
import { PropertyPlaces, type Place } from '../../lib/format/property-places'
import { keyHashOf } from '../../lib/format/index-layout'
import { hashCode, hashCodeOfBytes } from '../../lib/format/java-string'
import { encodeProperties } from '../../lib/format/properties'
import { RecordParts } from '../../lib/format/record'

const MARGIN = 3

/** Names that matter and some that nearly do, in any order, with separators in any place. */
const pieces = fc.array(
  fc.oneof(
    fc.constantFrom('TAGS', 'KEYS', 'UNIQ_KEY', 'DELAY', 'TAG', 'KEYSS', 'WAIT', '\u0001', '\u0002', '\u0001', '\u0002', ' ', 'v', '值', '𝒳', ''),
    fc.string({ maxLength: 4 }),
  ),
  { maxLength: 24 },
)

function propertiesAt(text: Buffer): { bytes: Buffer; parts: RecordParts } {
  const parts = new RecordParts()
  parts.propertiesAt = MARGIN
  parts.propertiesLength = text.length
  return { bytes: Buffer.concat([Buffer.from('TAG'), text, Buffer.from('\u0002TAGS\u0001x')]), parts }
}

t.test('the places of properties are those of the decoder', async (t) => {
  const places = new PropertyPlaces()
  const check = (text: Buffer): void => {
    const { bytes, parts } = propertiesAt(text)
    const expected = readDispatchProperties(bytes, 0, parts)
    places.locate(bytes, MARGIN, MARGIN + text.length, 7)
    const at = ({ from, to }: Place): string | undefined => (to > from ? bytes.utf8Slice(from, to) : undefined)
    const found = { tags: at(places.tags), keys: at(places.keys), uniqueKey: at(places.uniqueKey), delay: at(places.delay) }
    const names = ['tags', 'keys', 'uniqueKey', 'delay'] as const
    const seeds = { tags: 0, keys: 7, uniqueKey: 7, delay: 0 }
    if (names.some((name) => places[name].hash !== hashCode(found[name] ?? '', seeds[name]))) throw new Error(`hash codes of ${JSON.stringify(found)}`)
    if (names.some((name) => places[name].isSeveral !== (found[name] ?? '').includes(' '))) throw new Error(`spaces of ${JSON.stringify(found)}`)
    if (names.some((name) => found[name] !== expected[name])) throw new Error(`${JSON.stringify(found)} is not ${JSON.stringify(expected)}`)
  }
  fc.assert(fc.property(pieces, (parts) => check(Buffer.from(parts.join('')))), { numRuns: 20_000 })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => check(Buffer.from(bytes))), { numRuns: 5000 })
  t.pass('also for bytes that are no UTF-8')
})

t.test('the hash codes of bytes are those of their text', async (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.integer(), (text, start) => {
    const bytes = Buffer.from(`..${text}..`)
    const to = bytes.length - 2
    return hashCodeOfBytes(bytes, 2, to, start) === hashCode(bytes.utf8Slice(2, to), start)
  }))
  t.equal(keyHashOf(-0x8000_0000), 0, 'the one number without an absolute value')
})

t.test('encoding notes the places that the decoder finds', async () => {
  const target = Buffer.alloc(4096)
  const value = fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: 'binary', maxLength: 80 }), fc.constantFrom('a b', ' ', '', 'x'.repeat(65)))
  const record = fc.record({ TAGS: value, KEYS: value, UNIQ_KEY: value, DELAY: value, other: value }, { requiredKeys: [] })
  fc.assert(fc.property(record, fc.integer(), (properties, seed) => {
    const [noted, found] = [new PropertyPlaces(), new PropertyPlaces()]
    const end = encodeProperties(properties as Record<string, string>, target, MARGIN, true, noted, seed | 0)
    if (end < 0) return
    found.locate(target, MARGIN, end, seed | 0)
    for (const name of ['tags', 'keys', 'uniqueKey', 'delay'] as const) {
      const at = ({ from, to, hash, isSeveral }: Place): unknown => (to > from ? { from, to, hash, isSeveral } : hash)
      if (JSON.stringify(at(noted[name])) !== JSON.stringify(at(found[name]))) throw new Error(`${name}: ${JSON.stringify([at(noted[name]), at(found[name])])}`)
    }
  }), { numRuns: 2000 })
})

t.test('a topic found by its bytes is the one of its name', async (t) => {
  const topics = new TopicTable()
  const find = (name: string | Buffer): unknown => {
    const bytes = Buffer.concat([Buffer.from('..'), Buffer.from(name as string), Buffer.from('..')])
    return topics.findOrAddBytes(bytes, 2, bytes.length - 2)
  }
  for (const name of ['orders', 'Aa', 'BB', 'Aa', '主题', 'orders', '']) t.equal(find(name), topics.find(name), `${name}, of which others may have the hash code`)
  const broken = Buffer.from([0x61, 0xff])
  t.equal(find(broken), topics.find('a\ufffd'), 'one that is no UTF-8')
  t.equal(find(broken), find('a\ufffd'))
})
