import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseEngineJson, printEngineJson, type JsonObject } from '../../lib/format/engine-json'

/** Tests run from the root of the project. */
const fixtures = join(process.cwd(), 'test', 'fixtures', 'config')

for (const version of ['4.9.7', '5.3.3']) {
  t.test(`what ${version} wrote is read and written as it was`, async (t) => {
    const names = readdirSync(join(fixtures, version))
    t.same(names.sort(), ['consumerOffset.json', 'delayOffset.json', 'subscriptionGroup.json', 'topics.json'])
    for (const name of names) {
      const text = readFileSync(join(fixtures, version, name), 'utf8')
      t.equal(printEngineJson(parseEngineJson(text)!), text, name)
    }
  })
}

/** What is read as what. */
const readable: [string, unknown][] = [
  ['{0:12,1:7}', { 0: 12, 1: 7 }],
  ['{-1:2}', { '-1': 2 }],
  ["{'a':'b'}", { a: 'b' }],
  ['{a:1,_b:2,$c:3,中:4}', { a: 1, _b: 2, $c: 3, 中: 4 }],
  ['{"a":1,}', { a: 1 }],
  ['{,"a":1,,"b":2}', { a: 1, b: 2 }],
  ['{"a":[1,,2,]}', { a: [1, 2] }],
  ['{01:2}', { 1: 2 }],
  ['{"a":+1,"b":01,"c":1L,"d":1.}', { a: 1, b: 1, c: 1, d: 1 }],
  ['{1L:1}', { 1: 1 }],
  ['{"a":1,"a":2}', { a: 2 }],
  ['/* of old */{// here\n"a"/**/:1}', { a: 1 }],
  ['\ufeff{"a":1}', { a: 1 }],
  [' \n\t\f{"a":1} ', { a: 1 }],
  ['{"a":"\\x41\\v\\0\\7\\\'\\/"}', { a: 'A\v\0\u0007\'/' }],
  ['{"a":"two\nlines"}', { a: 'two\nlines' }],
  ['{"a":NaN,"b":undefined,"c":null}', { a: null, b: null, c: null }],
  ['{true:1,null:2}', { true: 1, null: 2 }],
]

t.test('what the engine reads is read', async (t) => {
  for (const [text, expected] of readable) t.same(Object.fromEntries(parseEngineJson(text)!), expected, text)
  t.equal(parseEngineJson(''), undefined)
  t.equal(parseEngineJson(' \n'), undefined)
  t.equal(parseEngineJson('null'), undefined)
})

t.test('what the engine does not read is refused', async (t) => {
  const refused = [
    '{', '{"a"', '{"a":', '{"a":1', '{"a":[1', '{"a":"b', '{"a" 1}', '{"a":1 "b":2}', '{"a":1;"b":2}', '{"a":1}}', '{"a":1} b', '{"a":1},', '[]', '1', '"a"',
    '{"a":TRUE}', '{"a":b}', '{"a":-}', '{"a":.5}', '{"a":0x10}', '{"a":"\\q"}', '{"a":"\\u12"}', '{a-b:1}', '{a@b:1}', '# no comment\n{"a":1}', `${'{"a":'.repeat(10_000)}`,
  ]
  for (const text of refused) t.throws(() => parseEngineJson(text), SyntaxError, text.slice(0, 40))
})

t.test('numbers that JavaScript would round keep their digits', async (t) => {
  const text = '{\n\t"a":9223372036854775807,\n\t"b":1.10,\n\t"c":1E+3,\n\t"d":[-9007199254740993]\n}'
  t.equal(printEngineJson(parseEngineJson(text)!), text)
})

t.test('numbers stand as keys without quotes, and begin no line', async (t) => {
  const mixed: JsonObject = new Map([['b', 1], [2, 1], ['c', 1], [4, 1]] as [string | number, number][])
  const object: JsonObject = new Map([['a', mixed], ['d', new Map([[1, new Map([['x', 1]])]])]])
  t.equal(printEngineJson(object), '{\n\t"a":{\n\t\t"b":1,2:1,\n\t\t"c":1,4:1\n\t},\n\t"d":{1:{\n\t\t\t"x":1\n\t\t}\n\t}\n}')
})
