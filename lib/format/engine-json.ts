/**
 * The JSON of the engine's `config/*.json`, which its library fastjson reads and writes. A key that is a number has no quotes,
 * and so no JSON parser reads these files; what is read is more still: single quotes, names without quotes, comments, commas
 * too many. What is written is what the engine writes, to the byte.
 */

/** The members of an object in the order of the file. A key that is a number stands in the file without quotes. */
export type JsonObject = Map<string | number, JsonValue>

/** Numbers that JavaScript would not give back as they were are {@link LongNumber}s. */
export type JsonValue = string | number | LongNumber | boolean | null | JsonValue[] | JsonObject

/** A number by its digits, of which JavaScript keeps too few, or that are written otherwise than JavaScript would. */
export class LongNumber {
  constructor(readonly text: string) {}

  valueOf(): number {
    return Number(this.text)
  }
}

/** Objects and arrays within each other: more is no file of the engine's, and would take all of the stack. */
const DEPTH_MAX = 500

/** Reads an object. Undefined for what is empty or `null`, as in the engine. @throws SyntaxError */
export function parseEngineJson(text: string): JsonObject | undefined {
  const parser = new Parser(text)
  const value = parser.document()
  if (value === undefined || value === null) return undefined
  if (value instanceof Map) return value
  throw new SyntaxError('an object was expected')
}

/** Writes an object as the engine writes its files: with tabs, and no line break at the end. */
export function printEngineJson(value: JsonObject): string {
  return print(value, '')
}

const simpleEscapes: Readonly<Record<string, string>> = {
  b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r', '"': '"', "'": "'", '/': '/', '\\': '\\',
}
const whitespace = ' \t\n\r\f\b'
const names: Readonly<Record<string, JsonValue>> = { true: true, false: false, null: null, NaN: null, undefined: null }

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Undefined where there is nothing. */
  document(): JsonValue | undefined {
    if (this.#text[0] === '\ufeff') this.#at = 1
    this.#skipBlanks()
    if (this.#at === this.#text.length) return undefined
    const value = this.#value()
    this.#skipBlanks()
    if (this.#at < this.#text.length) this.#fail('nothing more')
    return value
  }

  #value(): JsonValue {
    this.#skipBlanks()
    const next = this.#text[this.#at]
    if (next === '{') return this.#nested(() => this.#object())
    if (next === '[') return this.#nested(() => this.#array())
    if (next === '"' || next === "'") return this.#string()
    const number = this.#match(/[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?[BSLFD]?/y)
    if (number !== undefined) return numberOf(number)
    const name = this.#match(/[A-Za-z]+/y)
    if (name === undefined || !Object.hasOwn(names, name)) this.#fail('a value')
    return names[name]!
  }

  #nested<Value>(read: () => Value): Value {
    if (++this.#depth > DEPTH_MAX) this.#fail('less depth')
    const value = read()
    this.#depth--
    return value
  }

  #object(): JsonObject {
    const members: JsonObject = new Map()
    this.#at++
    for (let isFirst = true; ; isFirst = false) {
      const hadComma = this.#skipCommas()
      if (this.#skip('}')) return members
      if (!isFirst && !hadComma) this.#fail('a comma')
      const key = this.#key()
      this.#skipBlanks()
      if (!this.#skip(':')) this.#fail('a colon')
      members.set(key, this.#value())
    }
  }

  #array(): JsonValue[] {
    const values: JsonValue[] = []
    this.#at++
    for (;;) {
      this.#skipCommas()
      if (this.#skip(']')) return values
      values.push(this.#value())
    }
  }

  #key(): string | number {
    const next = this.#text[this.#at]
    if (next === '"' || next === "'") return this.#string()
    const number = this.#match(/-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?[BSLFD]?/y)
    if (number !== undefined) {
      const value = numberOf(number)
      return typeof value === 'number' ? value : value.text
    }
    const name = this.#match(/[\p{L}_$][\p{L}\p{N}_$]*/uy)
    if (name === undefined) this.#fail('a key')
    return name
  }

  #string(): string {
    const quote = this.#text[this.#at++]
    const plain = quote === '"' ? /[^"\\]+/y : /[^'\\]+/y
    let value = ''
    for (;;) {
      value += this.#match(plain) ?? ''
      const next = this.#text[this.#at++]
      if (next === undefined) this.#fail('the end of a string')
      if (next === quote) return value
      value += this.#escape()
    }
  }

  #escape(): string {
    const digits = this.#match(/u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}/y)
    if (digits !== undefined) return String.fromCharCode(parseInt(digits.slice(1), 16))
    const next = this.#text[this.#at++] ?? ''
    if (/[0-7]/.test(next)) return String.fromCharCode(Number(next))
    if (!Object.hasOwn(simpleEscapes, next)) this.#fail('an escape that is known')
    return simpleEscapes[next]!
  }

  /** @returns whether there were any */
  #skipCommas(): boolean {
    let some = false
    for (;;) {
      this.#skipBlanks()
      if (!this.#skip(',')) return some
      some = true
    }
  }

  #skipBlanks(): void {
    for (;;) {
      while (this.#at < this.#text.length && whitespace.includes(this.#text[this.#at]!)) this.#at++
      if (this.#match(/\/\*[^]*?\*\/|\/\/.*/y) === undefined) return
    }
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #fail(expected: string): never {
    const line = this.#text.slice(0, this.#at).split('\n').length
    throw new SyntaxError(`line ${line}, character ${this.#at}: ${expected} was expected`)
  }
}

/** Java tells the type of a number by a letter behind it. */
function numberOf(digits: string): number | LongNumber {
  const text = digits.replace(/[BSLFD]$/, '').replace(/\.(?!\d)/, '').replace(/^\+/, '').replace(/^(-?)0+(?=\d)/, '$1')
  const value = Number(text)
  if (Object.is(value, -0)) return text === '-0' ? 0 : new LongNumber(text)
  const isExact = String(value) === text && (!Number.isInteger(value) || Number.isSafeInteger(value))
  return isExact ? value : new LongNumber(text)
}

function print(value: JsonValue, indent: string): string {
  if (value instanceof Map) return printObject(value, indent)
  if (Array.isArray(value)) return `[${value.map((element) => print(element, indent)).join(',')}]`
  if (typeof value === 'string') return printString(value)
  return value instanceof LongNumber ? value.text : String(value)
}

/** Only a key in quotes begins a line; a member that is null is left out. */
function printObject(members: JsonObject, indent: string): string {
  const inner = `${indent}\t`
  let text = ''
  for (const [key, value] of members) {
    if (value === null) continue
    const name = typeof key === 'number' ? String(key) : `\n${inner}${printString(key)}`
    text += `${text === '' ? '' : ','}${name}:${print(value, inner)}`
  }
  return text === '' ? '{}' : `{${text}\n${indent}}`
}

const printedEscapes: Readonly<Record<string, string>> = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '"': '\\"', '\\': '\\\\' }

function printString(value: string): string {
  const escaped = value.replace(/[\0-\x1f"\\\x7f-\x9f\u2028\u2029]/g, (character) =>
    printedEscapes[character] ?? `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`)
  return `"${escaped}"`
}
