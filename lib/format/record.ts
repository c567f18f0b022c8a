import { viewOf } from './bytes'
import { readLong, writeLong } from './long'

/**
 * A record of the commit log. B and S are the lengths of the hosts (8 or 20), T that of the topic's length
 * field (1 in V1, 2 in V2). Wire format: never change.
 *
 *     offset  size  field                       offset    size  field
 *          0     4  TOTALSIZE                       48       B  BORNHOST
 *          4     4  MAGICCODE                     48+B       8  STORETIMESTAMP
 *          8     4  BODYCRC                       56+B       S  STOREHOST
 *         12     4  QUEUEID                     56+B+S       4  RECONSUMETIMES
 *         16     4  FLAG                        60+B+S       8  PREPAREDTRANSACTIONOFFSET
 *         20     8  QUEUEOFFSET                 68+B+S       4  BODYLEN, then the body
 *         28     8  PHYSICALOFFSET                 ...       T  TOPICLEN, then the topic
 *         36     4  SYSFLAG                        ...       2  PROPLEN, then the properties
 *         40     8  BORNTIMESTAMP
 */
export const MAGIC_V1 = 0xdaa320a7 | 0
export const MAGIC_V2 = 0xdaa320ab | 0
/** Ends a segment: the rest of the file holds no record. */
export const MAGIC_BLANK = 0xcbd43194 | 0
/** TOTALSIZE and MAGICCODE of the blank record; a segment always keeps room for it. */
export const BLANK_LENGTH = 8

export const Position = {
  totalSize: 0,
  magic: 4,
  bodyCRC: 8,
  queueId: 12,
  flag: 16,
  queueOffset: 20,
  physicalOffset: 28,
  sysFlag: 36,
  bornTimestamp: 40,
  bornHost: 48,
} as const

/** Bytes of a record with IPv4 hosts, V1, and nothing in it. */
export const RECORD_LENGTH_MIN = 91
export const TOPIC_LENGTH_MAX_V1 = 127
export const TOPIC_LENGTH_MAX_V2 = 255

export const SysFlag = {
  compressed: 0x1,
  transactionMask: 0xc,
  prepared: 0x4,
  commit: 0x8,
  rollback: 0xc,
  bornHostIPv6: 0x10,
  storeHostIPv6: 0x20,
  innerBatch: 0x80,
  compressionMask: 0x700,
} as const

/** The engine clears the sign bit of every CRC that it stores. */
export const CRC_MASK = 0x7fff_ffff

export function bornHostLength(sysFlag: number): number {
  return sysFlag & SysFlag.bornHostIPv6 ? 20 : 8
}

export function storeHostLength(sysFlag: number): number {
  return sysFlag & SysFlag.storeHostIPv6 ? 20 : 8
}

/** Neither prepared nor rolled-back messages get a place in a queue. */
export function isQueued(sysFlag: number): boolean {
  const transaction = sysFlag & SysFlag.transactionMask
  return transaction !== SysFlag.prepared && transaction !== SysFlag.rollback
}

/** What goes into a record. One object is filled again for each append, so that nothing is allocated. */
export class RecordFields {
  magic = MAGIC_V1
  bodyCRC = 0
  queueId = 0
  flag = 0
  queueOffset = 0
  physicalOffset = 0
  sysFlag = 0
  bornTimestamp = 0
  bornHost: Uint8Array = new Uint8Array(8)
  storeTimestamp = 0
  storeHost: Uint8Array = new Uint8Array(8)
  reconsumeTimes = 0
  preparedTransactionOffset = 0
  body: Uint8Array = new Uint8Array(0)
  /** Where topic and properties, encoded, stand in the frame. */
  tailFrom = 0
  tailTo = 0
}

export function recordSize({ bornHost, storeHost, body, tailFrom, tailTo }: RecordFields): number {
  return 72 + bornHost.length + storeHost.length + body.length + tailTo - tailFrom
}

/** Copies a short source, four bytes at a time: a call into the runtime costs more. @returns the position behind it */
function copyShort(bytes: Uint8Array, view: DataView, position: number, source: Uint8Array): number {
  const { length } = source
  let from = 0
  for (; from + 4 <= length; from += 4, position += 4) {
    view.setInt32(position, (source[from]! << 24) | (source[from + 1]! << 16) | (source[from + 2]! << 8) | source[from + 3]!)
  }
  while (from < length) bytes[position++] = source[from++]!
  return position
}

/** Writes a record at `position`, topic and properties out of `frame`, and returns the position behind it. */
export function encodeRecord(fields: RecordFields, frame: Uint8Array, bytes: Uint8Array, view: DataView, position: number): number {
  view.setInt32(position, recordSize(fields))
  view.setInt32(position + Position.magic, fields.magic)
  view.setInt32(position + Position.bodyCRC, fields.bodyCRC)
  view.setInt32(position + Position.queueId, fields.queueId)
  view.setInt32(position + Position.flag, fields.flag)
  writeLong(view, position + Position.queueOffset, fields.queueOffset)
  writeLong(view, position + Position.physicalOffset, fields.physicalOffset)
  view.setInt32(position + Position.sysFlag, fields.sysFlag)
  writeLong(view, position + Position.bornTimestamp, fields.bornTimestamp)
  let at = copyShort(bytes, view, position + Position.bornHost, fields.bornHost)
  writeLong(view, at, fields.storeTimestamp)
  at = copyShort(bytes, view, at + 8, fields.storeHost)
  view.setInt32(at, fields.reconsumeTimes)
  writeLong(view, at + 4, fields.preparedTransactionOffset)
  view.setInt32(at + 12, fields.body.length)
  bytes.set(fields.body, at + 16)
  at += 16 + fields.body.length
  bytes.set(frame.subarray(fields.tailFrom, fields.tailTo), at)
  return at + fields.tailTo - fields.tailFrom
}

/** Topic length and topic as they come behind the body, in words of 4 bytes, the last one filled up with zeros. */
export class TopicWords {
  /** Of what counts. */
  readonly byteLength: number
  readonly #words: Int32Array

  constructor(topic: Uint8Array) {
    const lengthSize = topic.length > TOPIC_LENGTH_MAX_V1 ? 2 : 1
    this.byteLength = lengthSize + topic.length
    this.#words = new Int32Array(Math.ceil(this.byteLength / 4))
    const bytes = new Uint8Array(this.#words.length * 4)
    const view = viewOf(bytes)
    encodeTopic(lengthSize === 2 ? MAGIC_V2 : MAGIC_V1, topic, bytes, view, 0)
    for (let word = 0; word < this.#words.length; word++) this.#words[word] = view.getInt32(word * 4)
  }

  /** Writes them, up to 3 zeros included. @returns the position behind what counts */
  write(view: DataView, position: number): number {
    const words = this.#words
    for (let word = 0; word < words.length; word++) view.setInt32(position + word * 4, words[word]!)
    return position + this.byteLength
  }
}

/** Writes topic length and topic, which come behind the body. @returns the position of the properties' length */
export function encodeTopic(magic: number, topic: Uint8Array, bytes: Uint8Array, view: DataView, position: number): number {
  if (magic === MAGIC_V2) {
    view.setInt16(position, topic.length)
    return copyShort(bytes, view, position + 2, topic)
  }
  bytes[position] = topic.length
  return copyShort(bytes, view, position + 1, topic)
}

/** Bytes of the properties' length. */
export const PROPERTIES_LENGTH_SIZE = 2

/** Writes the blank record: `remaining` bytes are left in the segment. */
export function encodeBlank(view: DataView, position: number, remaining: number): void {
  view.setInt32(position, remaining)
  view.setInt32(position + 4, MAGIC_BLANK)
}

/** Where the variable parts of a record lie, relative to `position`. Filled by {@link locate}. */
export class RecordParts {
  size = 0
  sysFlag = 0
  storeTimestampAt = 0
  storeHostAt = 0
  bodyAt = 0
  bodyLength = 0
  topicAt = 0
  topicLength = 0
  propertiesAt = 0
  propertiesLength = 0
}

/**
 * Finds the parts of the record at `position`, every length checked against `limit` (the end of what may be
 * read) and against TOTALSIZE.
 * @returns undefined, or why this is not a record
 */
export function locate(view: DataView, position: number, limit: number, parts: RecordParts): string | undefined {
  const size = view.getInt32(position)
  if (size < RECORD_LENGTH_MIN) return `record length ${size} is too small`
  if (size > limit - position) return `record length ${size} goes beyond the ${limit - position} bytes that are there`
  const end = position + size
  const sysFlag = view.getInt32(position + Position.sysFlag)
  const storeTimestampAt = position + Position.bornHost + bornHostLength(sysFlag)
  const storeHostAt = storeTimestampAt + 8
  const bodyLengthAt = storeHostAt + storeHostLength(sysFlag) + 12
  const bodyAt = bodyLengthAt + 4
  if (bodyAt > end) return 'record is shorter than its header'
  const bodyLength = view.getInt32(bodyLengthAt)
  if (bodyLength < 0 || bodyLength > end - bodyAt) return `body length ${bodyLength} does not fit`
  const topicLengthAt = bodyAt + bodyLength
  const wide = view.getInt32(position + Position.magic) === MAGIC_V2
  const topicAt = topicLengthAt + (wide ? 2 : 1)
  if (topicAt > end) return 'record ends before its topic'
  const topicLength = wide ? view.getInt16(topicLengthAt) : view.getInt8(topicLengthAt)
  if (topicLength < 0 || topicLength + 2 > end - topicAt) return `topic length ${topicLength} does not fit`
  const propertiesLengthAt = topicAt + topicLength
  const propertiesLength = view.getInt16(propertiesLengthAt)
  if (propertiesLength < 0 || propertiesLengthAt + 2 + propertiesLength !== end) {
    return `properties length ${propertiesLength} disagrees with the record length`
  }
  parts.size = size
  parts.sysFlag = sysFlag
  parts.storeTimestampAt = storeTimestampAt - position
  parts.storeHostAt = storeHostAt - position
  parts.bodyAt = bodyAt - position
  parts.bodyLength = bodyLength
  parts.topicAt = topicAt - position
  parts.topicLength = topicLength
  parts.propertiesAt = propertiesLengthAt + 2 - position
  parts.propertiesLength = propertiesLength
  return undefined
}

/** The store time of the record at `position`, without a check. */
export function readStoreTimestamp(view: DataView, position: number): number {
  const sysFlag = view.getInt32(position + Position.sysFlag)
  return readLong(view, position + Position.bornHost + bornHostLength(sysFlag))
}
