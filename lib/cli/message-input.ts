import { StoreError } from '../errors'
import { nearest } from '../options/nearest'
import type { Message, MessageBatch, Properties } from '../types'

/** A field of a message line: what it holds, and what it is called where that does not hold. */
interface Field {
  holds(value: unknown): boolean
  kind: string
}

const text: Field = { holds: (value) => typeof value === 'string', kind: 'a text' }
const base64: Field = {
  holds: (value) => typeof value === 'string' && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value),
  kind: 'base64',
}
const integer: Field = { holds: (value) => ((value as number) | 0) === value, kind: 'a 32-bit number' }
const long: Field = { holds: Number.isSafeInteger, kind: 'a whole number' }
const properties: Field = {
  holds: (value) => isObject(value) && Object.values(value).every((property) => typeof property === 'string'),
  kind: 'an object of texts',
}
const list: Field = { holds: Array.isArray, kind: 'a list of messages' }

const bodyFields: Record<string, Field> = { body: text, bodyBase64: base64 }
const messageFields: Record<string, Field> = {
  topic: text, queueId: integer, ...bodyFields, bornTimestamp: long, flag: integer, sysFlag: integer, bornHost: text, storeHost: text,
  reconsumeTimes: integer, preparedTransactionOffset: long, properties, batch: list,
}
const partFields: Record<string, Field> = { ...bodyFields, properties, flag: integer }

/** Reads a line of `mqstore append`. @throws ERR_INVALID_ARGUMENT that says what is wrong with it */
export function parseMessage(line: string): Message | MessageBatch {
  const value = assertFields(parseJson(line), messageFields, 'a message')
  const { body, bodyBase64, batch, preparedTransactionOffset, ...common } = value as Record<string, unknown> & { topic: string }
  if (typeof common.topic !== 'string') throw refused('the topic is missing')
  if (batch === undefined) return { ...common, preparedTransactionOffset: preparedTransactionOffset as number | undefined, body: bodyOf(value) }
  if (body !== undefined || bodyBase64 !== undefined) throw refused('a message has a body or a batch, not both')
  if (preparedTransactionOffset !== undefined) throw refused('a batch has no preparedTransactionOffset')
  const messages = (batch as unknown[]).map((part) => {
    const fields = assertFields(part, partFields, 'a message of a batch')
    return { body: bodyOf(fields), properties: fields.properties as Properties | undefined, flag: fields.flag as number | undefined }
  })
  return { ...common, messages }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new StoreError('ERR_INVALID_ARGUMENT', `this is not JSON: ${(cause as Error).message}`, {}, cause)
  }
}

function assertFields(value: unknown, fields: Record<string, Field>, what: string): Record<string, unknown> {
  if (!isObject(value)) throw refused(`${what} is an object`)
  for (const [name, content] of Object.entries(value)) {
    if (!Object.hasOwn(fields, name)) {
      throw refused(`${what} has no field ${JSON.stringify(name)}; the nearest is ${nearest(name, Object.keys(fields))}`)
    }
    if (!fields[name]!.holds(content)) throw refused(`${name} is ${fields[name]!.kind}`)
  }
  return value
}

function bodyOf({ body, bodyBase64 }: Record<string, unknown>): Buffer {
  if (body !== undefined && bodyBase64 !== undefined) throw refused('a message has a body or a bodyBase64, not both')
  if (typeof body === 'string') return Buffer.from(body)
  if (typeof bodyBase64 === 'string') return Buffer.from(bodyBase64, 'base64')
  throw refused('the body is missing: body (text) or bodyBase64')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(reason: string): StoreError {
  return new StoreError('ERR_INVALID_ARGUMENT', reason, { reason })
}
