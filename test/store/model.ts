import { hashCode } from '../../lib/format/java-string'

/** What a store should hold, kept in plain arrays; written from the format's specification, not from the library. */

export interface ModelMessage {
  topic: string
  queueId: number
  /** -1 for one that has no place in a queue. */
  queueOffset: number
  offset: number
  size: number
  storeTimestamp: number
  tags: string | undefined
  body: string
}

/** What of a message the model wants to know. */
export interface ModelInput {
  topic: string
  queueId: number
  body: string
  sysFlag: number
  properties: Record<string, string>
}

export interface ModelOptions {
  compatibility: '4.9' | '5.3'
  segmentSize: number
  entriesPerFile: number
  transferCountMax: number
  transferBytesMax: number
}

export interface ModelGet {
  status: string
  nextBeginOffset: number
  minOffset: number
  maxOffset: number
  offsets: number[]
}

const BLANK = 8

export class Model {
  readonly messages: ModelMessage[] = []
  /** Log offsets by `topic#key`, in the order in which they were indexed. */
  readonly index = new Map<string, number[]>()
  minPhyOffset = 0
  maxPhyOffset = 0
  readonly #options: ModelOptions
  readonly #queues = new Map<string, ModelMessage[]>()

  constructor(options: ModelOptions) {
    this.#options = options
  }

  /** One message, or a batch, which stays together. */
  append(inputs: readonly ModelInput[], storeTimestamp: number): ModelMessage[] {
    const sizes = inputs.map((input) => this.#sizeOf(input))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const { segmentSize } = this.#options
    const used = this.maxPhyOffset % segmentSize
    if (used > 0 && used + total + BLANK > segmentSize) this.maxPhyOffset += segmentSize - used
    return inputs.map((input, at) => {
      const queue = this.queue(input.topic, input.queueId)
      const isQueued = ![4, 12].includes(input.sysFlag & 12)
      const message: ModelMessage = {
        topic: input.topic, queueId: input.queueId, queueOffset: isQueued ? queue.length : -1, offset: this.maxPhyOffset, size: sizes[at],
        storeTimestamp, tags: input.properties['TAGS'], body: input.body,
      }
      this.messages.push(message)
      if (isQueued) queue.push(message)
      if ((input.sysFlag & 12) !== 12) this.#indexKeys(input, message.offset)
      this.maxPhyOffset += sizes[at]
      return message
    })
  }

  queue(topic: string, queueId: number): ModelMessage[] {
    const name = `${topic}/${queueId}`
    let queue = this.#queues.get(name)
    if (queue === undefined) this.#queues.set(name, (queue = []))
    return queue
  }

  /** Queues that have had a message, with their bounds. */
  queues(): { topic: string; queueId: number; minOffset: number; maxOffset: number }[] {
    return [...this.#queues.values()].filter((queue) => queue.length > 0).map((queue) => {
      const { topic, queueId } = queue[0]
      return { topic, queueId, minOffset: this.#minOf(queue), maxOffset: queue.length }
    })
  }

  get(topic: string, queueId: number, offset: number, maxMessages: number, maxBytes: number, tag: string | undefined): ModelGet {
    const queue = this.queue(topic, queueId)
    const bounds = { minOffset: this.#minOf(queue), maxOffset: queue.length }
    const end = (status: string, nextBeginOffset: number): ModelGet => ({ status, nextBeginOffset, ...bounds, offsets: [] })
    if (queue.length === 0) return end('NO_MESSAGE_IN_QUEUE', 0)
    if (offset < bounds.minOffset) return end('OFFSET_TOO_SMALL', bounds.minOffset)
    if (offset === queue.length) return end('OFFSET_OVERFLOW_ONE', offset)
    if (offset > queue.length) return end('OFFSET_OVERFLOW_BADLY', queue.length)
    const { entriesPerFile, transferCountMax, transferBytesMax, compatibility } = this.#options
    const fileEnd = Math.min(queue.length, (Math.floor(offset / entriesPerFile) + 1) * entriesPerFile)
    const offsets: number[] = []
    let bytes = 0
    let at = offset
    for (; at < fileEnd; at++) {
      const { size, tags, offset: place } = queue[at]
      const count = offsets.length
      const isFull = count > 0 && (count >= maxMessages || count >= transferCountMax || bytes + size > transferBytesMax ||
        (compatibility === '5.3' && bytes + size > Math.max(100, maxBytes)))
      if (isFull) break
      // By hash code: other tags with the same one pass too.
      if (tag !== undefined && hashCode(tags ?? '') !== hashCode(tag)) continue
      offsets.push(place)
      bytes += size
    }
    return { ...end(offsets.length > 0 ? 'FOUND' : 'NO_MATCHED_MESSAGE', at), offsets }
  }

  query(topic: string, key: string, max: number): number[] {
    const found = (this.index.get(`${topic}#${key}`) ?? []).slice(-max || Infinity)
    return found.filter((offset) => offset >= this.minPhyOffset).sort((left, right) => left - right)
  }

  offsetByTime(topic: string, queueId: number, timestamp: number, boundary: 'lower' | 'upper'): number {
    const queue = this.queue(topic, queueId)
    const min = this.#minOf(queue)
    const isLower = boundary === 'lower'
    const first = queue.findIndex(({ storeTimestamp }) => (isLower ? storeTimestamp >= timestamp : storeTimestamp > timestamp))
    const at = first < 0 ? queue.length : first
    return Math.max(min, isLower ? at : at - 1)
  }

  /** The first segments are gone. */
  dropBefore(offset: number): void {
    this.minPhyOffset = offset
  }

  #minOf(queue: readonly ModelMessage[]): number {
    const first = queue.findIndex(({ offset }) => offset >= this.minPhyOffset)
    return first < 0 ? queue.length : first
  }

  #sizeOf({ topic, body, properties }: ModelInput): number {
    const pairs = Object.entries(properties)
    const text = pairs.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 2, 0)
    const withoutLast = this.#options.compatibility === '4.9' && pairs.length > 0 ? 1 : 0
    const topicLength = Buffer.byteLength(topic)
    return 91 + (topicLength > 127 ? 1 : 0) + topicLength + Buffer.byteLength(body) + text - withoutLast
  }

  #indexKeys({ topic, properties }: ModelInput, offset: number): void {
    const keys = [properties['UNIQ_KEY'] ?? '', ...(properties['KEYS'] ?? '').split(' ')].filter((key) => key !== '')
    for (const key of keys) {
      const name = `${topic}#${key}`
      const offsets = this.index.get(name)
      if (offsets === undefined) this.index.set(name, [offset])
      else offsets.push(offset)
    }
  }
}
