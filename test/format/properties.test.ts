import t from 'tap'
import { HOLDS_SEPARATOR, NOT_TEXT, PROPERTIES_LENGTH_MAX, TOO_LONG, decodeProperties, encodeProperties } from '../../lib/format/properties'
import { PROPERTY_CRC_LENGTH, readPropertyCrc, reservePropertyCrc, writePropertyCrc } from '../../lib/format/property-crc'

/*
 * The story: properties are one text, and the two lines of the engine end it differently. A reader that minds the
 * difference loses the last property; an encoder that gets it wrong makes other bytes than the engine.
 *
 * Not proved here: the order in which Java would write them (that of a hash map; ours is the caller's).
 */

function encoded(properties: Record<string, string>, endWithSeparator: boolean): string {
  const target = Buffer.alloc(200)
  return target.toString('utf8', 7, encodeProperties(properties, target, 7, endWithSeparator))
}

t.test('both encodings', (test) => {
  const properties = { TAGS: 'a', 值: '标签𝒳' }
  test.equal(encoded(properties, false), 'TAGS\u0001a\u0002值\u0001标签𝒳', '4.9 ends with the value')
  test.equal(encoded(properties, true), 'TAGS\u0001a\u0002值\u0001标签𝒳\u0002', '5.3 ends with the separator')
  test.equal(encoded({}, false), '')
  test.equal(encoded({}, true), '')
  test.equal(encoded({ a: '' }, true), 'a\u0001\u0002', 'an empty value is written')
  test.equal(encoded({ b: '1', a: '2' }, true), 'b\u00011\u0002a\u00012\u0002', 'in the order of the object')
  test.equal(encoded({ a: undefined as never, b: null as never, c: '1' }, true), 'c\u00011\u0002', 'what is not there is left out')
  test.equal(encoded({ long: 'é'.repeat(40) }, true), `long\u0001${'é'.repeat(40)}\u0002`, 'more than 64 characters')
  test.end()
})

t.test('UTF-8 as Buffer writes it, however short or long', (test) => {
  for (const text of ['ascii', 'a'.repeat(64), 'a'.repeat(65), 'é', `${'a'.repeat(20)}é`, `${'a'.repeat(63)}é`, '标签', '𝒳', '\ud800', 'é'.repeat(80), '\0']) {
    const target = Buffer.alloc(400, 0xee)
    const end = encodeProperties({ [text]: text }, target, 5, false)
    const expected = Buffer.concat([Buffer.from(text), Buffer.from([1]), Buffer.from(text)])
    test.equal(target.toString('hex', 5, end), expected.toString('hex'), JSON.stringify(text))
  }
  test.end()
})

t.test('what could not be read again is not written', (test) => {
  const target = Buffer.alloc(1000)
  for (const padding of ['', 'p'.repeat(70), 'é', 'é'.repeat(70)]) {
    const refused: Record<string, string>[] = [
      { [`${padding}a\u0001`]: '1' }, { [`${padding}a\u0002`]: '1' }, { a: `${padding}1\u0002` }, { a: `\u0002${padding}` }, { [`\u0002${padding}`]: '1' },
    ]
    for (const properties of refused) test.equal(encodeProperties(properties, target, 0, true), HOLDS_SEPARATOR, JSON.stringify(properties))
    test.ok(encodeProperties({ a: `${padding}b\u0001c` }, target, 0, true) > 0, 'a value can hold 0x01')
  }
  for (const value of [5, true, {}, ['a']] as never[]) test.equal(encodeProperties({ a: value }, target, 0, true), NOT_TEXT)
  test.end()
})

t.test('reading', (test) => {
  const read = (text: string): Record<string, string> => ({ ...decodeProperties(Buffer.from(text)) })
  test.same(read('a\u00011\u0002b\u00012'), { a: '1', b: '2' }, 'without a last separator')
  test.same(read('a\u00011\u0002b\u00012\u0002'), { a: '1', b: '2' }, 'with one')
  test.same(read('empty\u0001\u0002b\u00012'), { b: '2' }, 'an empty value is dropped')
  test.same(read('\u0001value\u0002b\u00012'), { b: '2' }, 'an empty name is dropped')
  test.same(read('nothing\u0002b\u00012'), { b: '2' }, 'a segment without a separator is dropped')
  test.same(read('a\u0001\u0002'), {}, 'a segment of two characters is dropped')
  test.same(read('a\u0001b\u0001c'), { a: 'b\u0001c' }, 'the first 0x01 separates')
  test.same(read('\u0002\u0002\u0002a\u00011\u0002\u0002'), { a: '1' }, 'empty segments')
  test.same(read('a\u00011\u0002a\u00012'), { a: '2' }, 'the last of a name counts')
  test.same(read(''), {})
  test.same(Object.keys(decodeProperties(Buffer.from('__proto__\u00011\u0002b\u00012'))), ['__proto__', 'b'], 'no name is special')
  test.equal(Object.getPrototypeOf(decodeProperties(Buffer.from('a\u00011'))), null)
  test.equal(decodeProperties(Buffer.from('a\u00011\u0002b\u00012'))['b'], '2')
  test.equal(decodeProperties(Buffer.from('a\u00011\u0002b\u00012'))['c'], undefined)
  test.end()
})

t.test('the length limit', (test) => {
  const target = Buffer.alloc(2 * PROPERTIES_LENGTH_MAX)
  const valueOf = (total: number): string => 'v'.repeat(total - 'k\u0001'.length)
  test.equal(encodeProperties({ k: valueOf(32_767) }, target, 0, false), 32_767, '4.9 has no last separator to count')
  test.equal(encodeProperties({ k: valueOf(32_768) }, target, 0, false), TOO_LONG)
  test.equal(encodeProperties({ k: valueOf(32_766) }, target, 0, true), 32_767, '5.3 counts it')
  test.equal(encodeProperties({ k: valueOf(32_767) }, target, 0, true), TOO_LONG)
  test.equal(encodeProperties({ k: '值'.repeat(10_921) }, target, 0, true), 32_766, 'bytes are counted, not characters')
  test.equal(encodeProperties({ k: '值'.repeat(10_922) }, target, 0, true), TOO_LONG)
  test.equal(encodeProperties({ k: 'v'.repeat(100_000) }, target, 0, true), TOO_LONG, 'what is longer than the buffer')
  test.equal(encodeProperties({ k: 'v'.repeat(32_764) }, Buffer.alloc(32_767), 0, true), 32_767, 'a buffer that just fits')
  test.end()
})

t.test('the CRC over a whole record', (test) => {
  const target = Buffer.alloc(64)
  const reserve = (text: string): string => {
    const end = reservePropertyCrc(target, 3, 3 + target.write(text, 3))
    return target.toString('latin1', 3, end)
  }
  test.equal(reserve(''), '__CRC32#\u00010000000000\u0002', 'alone')
  test.equal(reserve('a\u00011\u0002'), 'a\u00011\u0002__CRC32#\u00010000000000\u0002', 'behind a separator')
  test.equal(reserve('a\u00011'), 'a\u00011\u0002__CRC32#\u00010000000000\u0002', 'a missing separator is put in')
  const bytes = Buffer.from('....__CRC32#\u00010000000000\u0002')
  test.equal(bytes.length, 4 + PROPERTY_CRC_LENGTH)
  for (const { crc, digits } of [
    { crc: 1234, digits: '4321000000' },
    { crc: 0, digits: '0000000000' },
    { crc: 0x7fffffff, digits: '7463847412' },
    { crc: 0xffffffff | 0, digits: '7463847412' },
  ]) {
    writePropertyCrc(bytes, bytes.length, crc)
    test.equal(bytes.toString('latin1', 4), `__CRC32#\u0001${digits}\u0002`, `${crc}`)
    test.equal(readPropertyCrc(bytes, bytes.length), crc & 0x7fffffff)
  }
  test.equal(readPropertyCrc(bytes, bytes.length - 1), undefined, 'not at this end')
  test.equal(readPropertyCrc(bytes, 10), undefined, 'too few bytes for one')
  test.equal(readPropertyCrc(Buffer.from('__CRC32#\u00021234567890\u0002'), 20), undefined, 'another separator')
  test.end()
})
