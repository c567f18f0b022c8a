import { StoreError } from '../errors'
import { viewOf } from '../format/bytes'
import { isCutShort } from '../format/cut-short'
import { encodeHost, IPV6_HOST_LENGTH, type HostBytes } from '../format/host'
import { HOLDS_SEPARATOR, NOT_TEXT, PROPERTIES_LENGTH_MAX, PropertyName, TOO_LONG, encodeProperties } from '../format/properties'
import { PropertyPlaces } from '../format/property-places'
import { PROPERTY_CRC_LENGTH, reservePropertyCrc } from '../format/property-crc'
import {
  MAGIC_V1, MAGIC_V2, PROPERTIES_LENGTH_SIZE, RecordFields, SysFlag, TOPIC_LENGTH_MAX_V1, TOPIC_LENGTH_MAX_V2, isQueued, recordSize,
} from '../format/record'
import { RETRY_TOPIC_PREFIX } from '../format/system-topics'
import { SCHEDULE_TOPIC } from '../format/tags-code'
import { canNameDirectory, type Topic, type TopicTable } from '../consume-queue/topic-table'
import type { Message, MessageBatch, Properties, PutStatus } from '../types'

/** What the encoder needs to know of the store's options. */
export interface EncoderOptions {
  compatibility: '4.9' | '5.3'
  maxMessageSize: number
  autoMessageVersionOnTopicLen: boolean
  enabledAppendPropCRC: boolean
  brokerChecks: boolean
  /** Milliseconds per level. */
  delayLevels: readonly number[]
  /** Bytes that a segment takes. */
  recordSizeMax: number
}

/** Why a message is refused: the engine's status, and an explanation. */
export interface Refusal {
  status: PutStatus
  reason: string
}

/** A record ready to be written, and what queue and index want to know of it. */
export class PreparedRecord extends RecordFields {
  /** Holds topic and properties. */
  frame!: Buffer
  /** Bytes of the whole record. */
  size = 0
  readonly places = new PropertyPlaces()
}

/** The engine leaves this much for topic, properties and header on top of the largest body. */
const RECORD_OVERHEAD_MAX = 65_536
/** Topic and properties of a record, with their lengths. */
const TAIL_LENGTH_MAX = 2 + TOPIC_LENGTH_MAX_V2 + PROPERTIES_LENGTH_SIZE + PROPERTIES_LENGTH_MAX
const HOSTS_REMEMBERED_MAX = 1024
const DEFAULT_HOST = '127.0.0.1:0'
const NO_PROPERTIES: Properties = {}
const NO_BODY = new Uint8Array(0)

/**
 * Turns messages into records, and refuses what the engine would refuse, or would store so that it cannot be
 * read again. Its buffers and records are used over and over.
 */
export class MessageEncoder {
  /** The records of the last message or batch: the first {@link count} of them. */
  readonly records: PreparedRecord[] = [new PreparedRecord()]
  count = 0
  /** Bytes of all of them. */
  totalSize = 0
  topic!: Topic
  queueId = 0
  readonly #options: EncoderOptions
  readonly #topics: TopicTable
  /** Bytes of the largest record. */
  readonly #sizeMax: number
  /** Whether a separator stands behind the last property. */
  readonly #endsWithSeparator: boolean
  readonly #bornHosts = new KnownHosts()
  readonly #storeHosts = new KnownHosts()
  /** Topics and properties of the records, one behind the other. */
  #frame = Buffer.allocUnsafeSlow(2 * PROPERTIES_LENGTH_MAX)
  #frameView = viewOf(this.#frame)
  #frameEnd = 0

  constructor(options: EncoderOptions, topics: TopicTable) {
    this.#options = options
    this.#topics = topics
    this.#endsWithSeparator = options.compatibility === '5.3'
    this.#sizeMax = Math.min(options.maxMessageSize + RECORD_OVERHEAD_MAX, options.recordSizeMax)
  }

  prepare(message: Message, now: number): Refusal | undefined {
    const properties = message.properties ?? NO_PROPERTIES
    const sysFlag = message.sysFlag ?? 0
    this.#frameEnd = 0
    this.count = 0
    this.totalSize = 0
    const delayed = this.#isDelayed(properties, sysFlag)
    if (typeof delayed === 'object') return delayed
    if (delayed > 0) return this.#prepareDelayed(message, properties, delayed, now)
    return this.#prepareAt(message, message.topic, message.queueId ?? 0, properties, now)
  }

  prepareBatch(batch: MessageBatch, now: number): Refusal | undefined {
    const sysFlag = batch.sysFlag ?? 0
    this.#frameEnd = 0
    this.count = 0
    this.totalSize = 0
    if (sysFlag & SysFlag.transactionMask) return illegal('a batch cannot be transactional')
    const parts: MessageBatch['messages'] = batch.messages
    if (!Array.isArray(parts) || parts.length === 0) return illegal('a batch holds at least one message')
    const { properties: batchProperties, topic } = batch
    const queueId = batch.queueId ?? 0
    this.#reserveFrame((parts.length + 1) * TAIL_LENGTH_MAX)
    let bodyBytes = 0
    const message = messageOf(batch)
    for (const part of parts as MessageBatch['messages']) {
      assertMessage(part)
      const { body } = part
      const refusal = checkBody(body)
      if (refusal !== undefined) return refusal
      const own = part.properties ?? NO_PROPERTIES
      const properties = batchProperties ? { ...own, ...batchProperties } : own
      if (properties[PropertyName.DELAY] !== undefined && Number(properties[PropertyName.DELAY]) > 0) return illegal('a batch cannot be delayed')
      bodyBytes += body.length
      if (bodyBytes > this.#options.maxMessageSize) {
        return illegal(`the bodies of the batch have more than maxMessageSize ${this.#options.maxMessageSize} bytes`)
      }
      message.body = body
      message.flag = part.flag ?? 0
      const refused = this.#prepareAt(message, topic, queueId, properties, now)
      if (refused !== undefined) return refused
    }
    return undefined
  }

  /** The level of a message that this store has to delay itself, 0 for none. */
  #isDelayed(properties: Properties, sysFlag: number): number | Refusal {
    const delay = properties[PropertyName.DELAY]
    if (delay === undefined) return 0
    if (this.#options.compatibility !== '4.9' && !this.#options.brokerChecks) return 0
    if (!isQueued(sysFlag)) return 0
    if (!/^[+-]?\d{1,9}$/.test(delay)) return illegal(`the property DELAY is a level, not ${JSON.stringify(delay)}`)
    return Number(delay)
  }

  /** A delayed message waits in the schedule topic; where it goes then is in its properties. */
  #prepareDelayed(message: Message, properties: Properties, delay: number, now: number): Refusal | undefined {
    const refusal = this.#checkTopic(message.topic)
    if (refusal !== undefined) return refusal
    const level = Math.min(delay, this.#options.delayLevels.length)
    const scheduled = {
      ...properties,
      [PropertyName.DELAY]: String(level),
      [PropertyName.REAL_TOPIC]: message.topic,
      [PropertyName.REAL_QID]: String(message.queueId ?? 0),
    }
    return this.#prepareAt(message, SCHEDULE_TOPIC, level - 1, scheduled, now)
  }

  #prepareAt(
    message: Message, topicName: string, queueId: number, properties: Properties, now: number,
  ): Refusal | undefined {
    let topic = this.#topics.find(topicName)
    // A topic that has been stored is one that can be; whether this version may write a long one is another question.
    const isKnown = topic !== undefined && topic.bytes.length <= TOPIC_LENGTH_MAX_V1
    const refusal = (isKnown ? undefined : this.#checkTopic(topicName)) ?? this.#checkArguments(message, queueId, properties)
    if (refusal !== undefined) return refusal
    topic ??= this.#topics.findOrAdd(topicName)
    const magic = topic.bytes.length > TOPIC_LENGTH_MAX_V1 ? MAGIC_V2 : MAGIC_V1
    const frame = this.#frame
    const tailFrom = this.#frameEnd
    const propertiesLengthAt = topic.words.write(this.#frameView, tailFrom)
    const propertiesAt = propertiesLengthAt + PROPERTIES_LENGTH_SIZE
    const record = (this.records[this.count] ??= new PreparedRecord())
    const tailTo = this.#options.enabledAppendPropCRC
      ? this.#encodeWithCrc(properties, propertiesAt, record.places, topic.hash)
      : encodeProperties(properties, frame, propertiesAt, this.#endsWithSeparator, record.places, topic.hash)
    if (tailTo < 0) return this.#propertiesRefusal(properties, tailTo)
    if (isCutShort(frame, propertiesAt, tailTo)) return illegal('the properties hold zeros like those of a record that a crash has cut short')
    this.#frameView.setInt16(propertiesLengthAt, tailTo - propertiesAt)
    const { body } = message
    if (body.length > this.#options.maxMessageSize) {
      return illegal(`the body has ${body.length} bytes, maxMessageSize is ${this.#options.maxMessageSize}`)
    }
    record.frame = frame
    record.tailFrom = tailFrom
    record.tailTo = tailTo
    record.body = body
    record.magic = magic
    record.queueId = queueId
    record.flag = message.flag ?? 0
    record.bornHost = this.#bornHosts.encode(message.bornHost)
    record.storeHost = this.#storeHosts.encode(message.storeHost)
    record.sysFlag = withAddressFamilies(message.sysFlag ?? 0, record.bornHost, record.storeHost)
    record.bornTimestamp = message.bornTimestamp ?? now
    record.reconsumeTimes = message.reconsumeTimes ?? 0
    record.preparedTransactionOffset = message.preparedTransactionOffset ?? 0
    record.size = recordSize(record)
    if (this.totalSize + record.size > this.#options.recordSizeMax || record.size > this.#sizeMax) {
      return illegal(`${this.totalSize + record.size} bytes do not fit a commit log file, which takes ${this.#sizeMax}`)
    }
    this.#frameEnd = tailTo
    this.topic = topic
    this.queueId = queueId
    this.count++
    this.totalSize += record.size
    return undefined
  }

  #checkTopic(topic: string): Refusal | undefined {
    const { compatibility, autoMessageVersionOnTopicLen, brokerChecks } = this.#options
    if (typeof topic !== 'string' || topic === '') return illegal('a topic is a text that is not empty')
    if (!canNameDirectory(topic)) {
      return illegal(`the topic ${JSON.stringify(topic)} cannot be the name of a directory`)
    }
    const length = Buffer.byteLength(topic)
    if (length > TOPIC_LENGTH_MAX_V2) return illegal(`the topic has ${length} bytes, at most ${TOPIC_LENGTH_MAX_V2} can be stored`)
    if (length <= TOPIC_LENGTH_MAX_V1) return undefined
    if (compatibility === '4.9') return illegal(`the topic has ${length} bytes, 4.9 stores ${TOPIC_LENGTH_MAX_V1}`)
    if (!autoMessageVersionOnTopicLen) {
      return illegal(`the topic has ${length} bytes; more than ${TOPIC_LENGTH_MAX_V1} need autoMessageVersionOnTopicLen`)
    }
    if (brokerChecks && !topic.startsWith(RETRY_TOPIC_PREFIX)) {
      return illegal(`the topic has ${length} bytes; more than ${TOPIC_LENGTH_MAX_V1} are for retry topics`)
    }
    return undefined
  }

  #checkArguments(message: Message, queueId: number, properties: Properties): Refusal | undefined {
    const { flag, sysFlag, bornTimestamp, reconsumeTimes, preparedTransactionOffset } = message
    const areNumbers =
      isWholeOrAbsent(flag) && isWholeOrAbsent(sysFlag) && isWholeOrAbsent(bornTimestamp) &&
      isWholeOrAbsent(reconsumeTimes) && isWholeOrAbsent(preparedTransactionOffset)
    if (!areNumbers) return illegal('flag, sysFlag, bornTimestamp, reconsumeTimes and preparedTransactionOffset are whole numbers')
    if (typeof properties !== 'object' || Array.isArray(properties) || properties instanceof Map) {
      return illegal('the properties are an object of names and texts')
    }
    const refusal = checkBody(message.body)
    if (refusal !== undefined) return refusal
    if ((queueId | 0) !== queueId || queueId < 0) return illegal(`a queue id is a number from 0 to 2^31 - 1, not ${queueId}`)
    if (this.#options.compatibility === '4.9') return undefined
    if (properties[PropertyName.INNER_NUM] !== undefined || (message.sysFlag ?? 0) & SysFlag.innerBatch) {
      return illegal('batch consume queues are not supported')
    }
    return undefined
  }

  #encodeWithCrc(properties: Properties, from: number, places: PropertyPlaces, topicHash: number): number {
    const { [PropertyName.CRC32]: _, ...others } = properties
    const to = encodeProperties(others, this.#frame, from, true, places, topicHash)
    if (to < 0) return to
    if (to - from + PROPERTY_CRC_LENGTH > PROPERTIES_LENGTH_MAX) return TOO_LONG
    return reservePropertyCrc(this.#frame, from, to)
  }

  /** 4.9 looks at the characters first, and has another status for that. */
  #propertiesRefusal(properties: Properties, cause: number): Refusal {
    if (cause === NOT_TEXT) return illegal('the properties are texts')
    if (cause === HOLDS_SEPARATOR) return illegal('a property cannot hold the character 0x02, nor its name 0x01: it could not be read again')
    let characters = -1
    for (const name in properties) characters += name.length + (properties[name] ?? '').length + 2
    const reason = `the properties take more than ${PROPERTIES_LENGTH_MAX} bytes`
    if (this.#options.compatibility === '4.9' && characters > PROPERTIES_LENGTH_MAX) return illegal(reason)
    return { status: 'PROPERTIES_SIZE_EXCEEDED', reason }
  }

  #reserveFrame(bytes: number): void {
    if (this.#frame.length >= bytes) return
    this.#frame = Buffer.allocUnsafeSlow(bytes)
    this.#frameView = viewOf(this.#frame)
  }
}

/** Hosts come again and again, the one of the last message most of all. */
class KnownHosts {
  readonly #hosts = new Map<string, HostBytes>()
  #last = DEFAULT_HOST
  #lastBytes = encodeHost(DEFAULT_HOST)

  encode(text = DEFAULT_HOST): HostBytes {
    if (text === this.#last) return this.#lastBytes
    let bytes = this.#hosts.get(text)
    if (bytes === undefined) {
      if (this.#hosts.size >= HOSTS_REMEMBERED_MAX) this.#hosts.clear()
      bytes = encodeHost(text)
      this.#hosts.set(text, bytes)
    }
    this.#last = text
    this.#lastBytes = bytes
    return bytes
  }
}

function illegal(reason: string): Refusal {
  return { status: 'MESSAGE_ILLEGAL', reason }
}

/** One for all parts of a batch: what is the batch's is the same in each. Named one by one, as a copy of all fields takes microseconds. */
function messageOf({ topic, sysFlag, bornTimestamp, bornHost, storeHost, reconsumeTimes }: MessageBatch): Message {
  return { topic, body: NO_BODY, flag: 0, sysFlag, bornTimestamp, bornHost, storeHost, reconsumeTimes, preparedTransactionOffset: 0 }
}

function withAddressFamilies(sysFlag: number, bornHost: HostBytes, storeHost: HostBytes): number {
  const plain = sysFlag & ~(SysFlag.bornHostIPv6 | SysFlag.storeHostIPv6)
  const born = bornHost.length === IPV6_HOST_LENGTH ? SysFlag.bornHostIPv6 : 0
  const store = storeHost.length === IPV6_HOST_LENGTH ? SysFlag.storeHostIPv6 : 0
  return plain | born | store
}

function isWholeOrAbsent(value: number | undefined): boolean {
  return value === undefined || Number.isSafeInteger(value)
}

function checkBody(body: unknown): Refusal | undefined {
  return body instanceof Uint8Array ? undefined : illegal('the body is a Uint8Array')
}

/** @throws ERR_INVALID_ARGUMENT for what is not a message at all */
export function assertMessage(message: unknown): asserts message is object {
  if (typeof message !== 'object' || message === null) {
    throw new StoreError('ERR_INVALID_ARGUMENT', `a message is an object, not ${String(message)}`, { value: message })
  }
}
