import fc from 'fast-check'
import t from 'tap'
import { LongNumber, parseEngineJson, printEngineJson, type JsonObject, type JsonValue } from '../../lib/format/engine-json'

/*
 * The story: files that a broker wrote, that a person has edited, or that anything else with JSON has made. What is read is
 * more than JSON; what is written is read back as it was.
 */

const RUNS = 5_000

const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.maxSafeInteger(), fc.boolean(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }),
  fc.bigInt({ min: 2n ** 54n, max: 2n ** 63n - 1n }).map((value) => new LongNumber(String(value))),
)
const value = fc.letrec<{ object: JsonObject; array: JsonValue[]; value: JsonValue }>((tie) => ({
  object: fc.array(fc.tuple(fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger()), tie('value')), { maxLength: 5 }).map((members) => new Map(members)),
  array: fc.array(tie('value'), { maxLength: 5 }),
  value: fc.oneof({ depthSize: 'small' }, scalar, tie('object'), tie('array')),
}))

t.test('what is written is read back as it was', async (t) => {
  fc.assert(fc.property(value.object, (object) => {
    t.same(parseEngineJson(printEngineJson(object)), object)
  }), { numRuns: RUNS })
})

t.test('what JSON.parse reads is read, and means the same', async (t) => {
  const indent = fc.constantFrom(undefined, 2, '\t')
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), indent, (object, space) => {
    const text = JSON.stringify(object, undefined, space)
    t.same(plain(parseEngineJson(text)!), plainJson(JSON.parse(text)))
  }), { numRuns: RUNS })
})

t.test('whatever the file holds, it is read or refused', async (t) => {
  const piece = fc.oneof(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', "'", '\\', '/*', '*/', '//', '\n', '1', '-', '.', 'e', 'L', 'null', 'a', '\ufeff'), fc.string())
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')), (text) => {
    try {
      const object = parseEngineJson(text)
      t.ok(object === undefined || object instanceof Map)
    } catch (error) {
      t.ok(error instanceof SyntaxError, String(error))
    }
  }), { numRuns: RUNS })
})

/** Entries, since an object sorts its keys, and drops the one that is called __proto__. */
function plain(value: JsonValue): unknown {
  if (value instanceof LongNumber) return Number(value)
  if (value instanceof Map) return Array.from(value, ([key, member]) => [String(key), plain(member)]).sort()
  return Array.isArray(value) ? value.map(plain) : value
}

function plainJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainJson)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value
  return Object.entries(value).map(([key, member]) => [key, plainJson(member)]).sort()
}
