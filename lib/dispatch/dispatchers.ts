import type { Topic } from '../consume-queue/topic-table'
import type { PreparedRecord } from '../commit-log/message-encoder'
import { StoreError } from '../errors'
import type { StoredMessage } from '../format/stored-message'
import type { LogReader } from '../read/log-reader'
import type { Dispatcher, DispatchRecord } from '../types'

/** The one object that dispatchers are called with; filled again for each record. */
class CurrentRecord implements DispatchRecord {
  topic = ''
  queueId = 0
  queueOffset = 0
  commitLogOffset = 0
  storeSize = 0
  tagsCode = 0
  storeTimestamp = 0
  sysFlag = 0
  readonly #reader: LogReader

  constructor(reader: LogReader) {
    this.#reader = reader
  }

  get message(): StoredMessage {
    return this.#reader.message(this.commitLogOffset, this.storeSize)!
  }
}

/** The callbacks of whoever embeds the store: each record once, in the order of the log. */
export class Dispatchers {
  readonly #dispatchers: readonly Dispatcher[]
  readonly #current: CurrentRecord

  constructor(dispatchers: readonly Dispatcher[], reader: LogReader) {
    this.#dispatchers = dispatchers
    this.#current = new CurrentRecord(reader)
  }

  get isEmpty(): boolean {
    return this.#dispatchers.length === 0
  }

  /** Where the earliest replay begins, Infinity where none is wanted. */
  get replayFrom(): number {
    return Math.min(...this.#dispatchers.map((dispatcher) => dispatcher.from ?? Infinity))
  }

  written(record: PreparedRecord, topic: Topic, tagsCode: number): void {
    const current = this.#current
    current.topic = topic.name
    current.queueId = record.queueId
    current.queueOffset = record.queueOffset
    current.commitLogOffset = record.physicalOffset
    current.storeSize = record.size
    current.tagsCode = tagsCode
    current.storeTimestamp = record.storeTimestamp
    current.sysFlag = record.sysFlag
    for (const dispatcher of this.#dispatchers) this.#call(dispatcher)
  }

  /** Hands an old record to those who asked for it. */
  replay(message: StoredMessage, tagsCode: number): void {
    const current = this.#current
    current.topic = message.topic
    current.queueId = message.queueId
    current.queueOffset = message.queueOffset
    current.commitLogOffset = message.commitLogOffset
    current.storeSize = message.storeSize
    current.tagsCode = tagsCode
    current.storeTimestamp = message.storeTimestamp
    current.sysFlag = message.sysFlag
    for (const dispatcher of this.#dispatchers) {
      if (current.commitLogOffset >= (dispatcher.from ?? Infinity)) this.#call(dispatcher)
    }
  }

  #call(dispatcher: Dispatcher): void {
    try {
      dispatcher.dispatch(this.#current)
    } catch (cause) {
      throw new StoreError(
        'ERR_DISPATCHER_FAILED',
        `the dispatcher ${JSON.stringify(dispatcher.name)} threw at offset ${this.#current.commitLogOffset}: ` +
          `${(cause as Error).message}. A dispatcher must not throw: mend it, and open the store with its "from" at that offset`,
        { offset: this.#current.commitLogOffset },
        cause,
      )
    }
  }
}
