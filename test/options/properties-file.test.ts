/**
 * The reader of properties files, against the rules of java.util.Properties and the library's own
 * about comments behind values. The cases marked "as Java" were checked against OpenJDK 17.
 */
import fc from 'fast-check'
import t from 'tap'
import { isStoreError } from '../../lib/errors'
import { parseProperties } from '../../lib/options/properties-file'

function read(text: string): Record<string, string> {
  return Object.fromEntries(parseProperties(text).map(({ key, value }) => [key, value]))
}

const asJava: [string, string, Record<string, string>][] = [
  ['nothing', '', {}],
  ['blank lines and comments', '\n  \t\n# a=1\n   ! b=2\n#c=3\\\nd=4', { d: '4' }],
  ['all three separators', 'a=1\nb:2\nc 3\nd\t4', { a: '1', b: '2', c: '3', d: '4' }],
  ['blanks around a separator', 'a = 1\nb \t : 2\n  c   3', { a: '1', b: '2', c: '3' }],
  ['only the first separator counts', 'a==1\nb:=2\nc = = 3', { a: '=1', b: '=2', c: '= 3' }],
  ['a key alone', 'a\nb=\nc:', { a: '', b: '', c: '' }],
  ['an empty key', '=1', { '': '1' }],
  ['escaped separators', 'a\\ b\\=c\\:d=1', { 'a b=c:d': '1' }],
  ['named escapes', 'a=\\t|\\n|\\r|\\f', { a: '\t|\n|\r|\f' }],
  ['other escapes', 'a=\\q\\\\\\"\\#\\!', { a: 'q\\"#!' }],
  ['unicode escapes', 'a=\\u4e2d\\u6587\\ud83d\\uDE00', { a: '中文😀' }],
  ['a unicode escape never separates', 'a\\u003db=1', { 'a=b': '1' }],
  ['continuation', 'a=1\\\n   2\\\r\n\t3', { a: '123' }],
  ['continuation inside a key', 'a\\\n  b=1', { ab: '1' }],
  ['an even number of backslashes', 'a=1\\\\\nb=2', { a: '1\\', b: '2' }],
  ['a blank line ends a continued one', 'a=1\\\n\nb=2', { a: '1', b: '2' }],
  ['continuation of the last line', 'a=1\\', { a: '1' }],
  ['a continued line with nothing on it has not begun', 'a=1\n\\\n#b=2\nc=3', { a: '1', c: '3' }],
  ['a comment sign on a continued line', 'a=1\\\n#2', { a: '1#2' }],
  ['line ends', 'a=1\rb=2\r\nc=3\nd=4', { a: '1', b: '2', c: '3', d: '4' }],
  ['form feed', '\fa\f=\f1', { a: '1' }],
  ['comment signs inside', 'a#b=c!d#e', { 'a#b': 'c!d#e' }],
  ['slashes are no comment', 'a=http://x //y', { a: 'http://x //y' }],
  ['other spaces are no blanks', 'a=\u3000#1', { a: '\u3000#1' }],
]

t.test('as Java', async (t) => {
  for (const [name, text, expected] of asJava) t.same(read(text), expected, name)
})

t.test('our own rules', async (t) => {
  const cases: [string, string, Record<string, string>][] = [
    ['a comment behind a value', 'a=1   # one\nb=2\t#two', { a: '1', b: '2' }],
    ['a # without a blank is part of the value', 'a=1#one', { a: '1#one' }],
    ['a # right behind the separator', 'a=#one', { a: '#one' }],
    ['a comment in place of a value', 'a= # none\nb # none', { a: '', b: '' }],
    ['an escaped # or blank', 'a=1 \\# one\nb=1\\ # one', { a: '1 # one', b: '1 # one' }],
    ['a ! behind a value is part of it', 'a=1 ! one', { a: '1 ! one' }],
    ['a comment is not continued', 'a=1 # C:\\temp\\\nb=2', { a: '1', b: '2' }],
    ['a comment behind a continued value', 'a=1,\\\n  2 # both\nb=3', { a: '1,2', b: '3' }],
    ['escapes in comments are not looked at', 'a=1 # \\u12', { a: '1' }],
    ['blanks at the end', 'a=1 \t \nb=x y  ', { a: '1', b: 'x y' }],
    ['an escaped blank at the end', 'a=1\\ ', { a: '1 ' }],
    // Java makes an empty key of it.
    ['a backslash alone at the end is nothing', 'a=1\n\\', { a: '1' }],
    ['a byte order mark', '\uFEFFa=1', { a: '1' }],
    ['text beyond Latin-1', '名=值 # 注', { 名: '值' }],
  ]
  for (const [name, text, expected] of cases) t.same(read(text), expected, name)
})

t.test('line numbers are those of the key; of two equal keys the last one counts', async (t) => {
  t.same(parseProperties('# one\n\na=1\\\n  2\nb=3\r\na=4\r'), [
    { key: 'b', value: '3', line: 5 },
    { key: 'a', value: '4', line: 6 },
  ])
})

t.test('a broken unicode escape', async (t) => {
  for (const digits of ['', '12', '12g4', ' 123', '+123']) {
    try {
      parseProperties(`a=1\nb=x\\\n  \\u${digits}`, 'broker.properties')
      t.fail('must be refused')
    } catch (error) {
      t.ok(isStoreError(error))
      t.match(error, {
        code: 'ERR_INVALID_OPTION',
        message: /^broker\.properties:3: /,
        details: { file: 'broker.properties', line: 3, value: `\\u${digits}` },
      })
    }
  }
  t.throws(() => parseProperties('a=\\u1'), { message: /^properties:1: \\u1 is not / })
})

/** Writes `text` so that it comes back whatever is in it; `style` varies how. */
function escape(text: string, style: (character: string) => boolean): string {
  const names: Record<string, string> = { '\t': 't', '\n': 'n', '\r': 'r', '\f': 'f' }
  return text
    .split('')
    .map((character) => {
      const hexadecimal = `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
      if (/[\t\n\r\f]/.test(character)) {
        return style(character) ? hexadecimal : `\\${names[character]}`
      }
      if (/[ =:#!\\]/.test(character)) return style(character) ? hexadecimal : `\\${character}`
      if (/[A-Za-z0-9]/.test(character)) return character
      // A lone byte order mark at the very start would be taken for one.
      return style(character) || character === '\uFEFF' ? hexadecimal : character
    })
    .join(style('') ? '\\\n  \t' : '')
}

const character = fc.oneof(
  fc.constantFrom(...' \t\n\r\f=:#!\\aZ0nut中'.split('')),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
)
const anyText = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(''))

t.test('what is escaped comes back', async () => {
  fc.assert(
    fc.property(
      fc.dictionary(anyText, anyText, { maxKeys: 5 }),
      fc.constantFrom('=', ':', ' = ', '\t:\f', ' '),
      fc.constantFrom('\n', '\r', '\r\n', '  # comment\\\n', '\n\n# a=b \\\n'),
      fc.func(fc.boolean()),
      (dictionary, separator, end, style) => {
        const text = Object.entries(dictionary)
          .map(([key, value]) => {
            // Blanks ahead of nothing are indentation; an empty key needs a sign.
            const sign = key === '' ? '=' : separator
            return `${escape(key, style)}${sign}${escape(value, style)}${end}`
          })
          .join('')
        const given = Object.entries(dictionary).sort()
        const read = parseProperties(text).map(({ key, value }) => [key, value])
        return JSON.stringify(read.sort()) === JSON.stringify(given)
      },
    ),
    { numRuns: 2000 },
  )
})

t.test('any text is read or refused with a StoreError, and keys are unique', async () => {
  fc.assert(
    fc.property(anyText, (text) => {
      try {
        const keys = parseProperties(text).map(({ key }) => key)
        return new Set(keys).size === keys.length
      } catch (error) {
        return isStoreError(error)
      }
    }),
    { numRuns: 2000 },
  )
})
