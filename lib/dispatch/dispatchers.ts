import type { Topic } from '../consume-queue/topic-table'
import type { PreparedRecord } from '../commit-log/message-encoder'
import { StoreError, assertWhole } from '../errors'
import type { StoredMessage } from '../format/stored-message'
import type { LogReader } from '../commit-log/log-reader'
import type { Dispatcher, DispatchRecord } from '../types'
import type { FoundRecord } from './found-record'

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

  set(
    topic: string, queueId: number, queueOffset: number, commitLogOffset: number, storeSize: number, tagsCode: number,
    storeTimestamp: number, sysFlag: number,
  ): void {
    this.topic = topic
    this.queueId = queueId
    this.queueOffset = queueOffset
    this.commitLogOffset = commitLogOffset
    this.storeSize = storeSize
    this.tagsCode = tagsCode
    this.storeTimestamp = storeTimestamp
    this.sysFlag = sysFlag
  }

  get message(): StoredMessage {
    return this.#reader.message(this.commitLogOffset, this.storeSize)!
  }
}

/** @throws ERR_INVALID_ARGUMENT where a place to replay from is none */
export function assertDispatchers(dispatchers: readonly Dispatcher[]): void {
  for (const { name, from = 0 } of dispatchers) assertWhole(`the "from" of the dispatcher ${JSON.stringify(name)}`, from)
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
    const { queueId, queueOffset, physicalOffset, size, storeTimestamp, sysFlag } = record
    this.#current.set(topic.name, queueId, queueOffset, physicalOffset, size, tagsCode, storeTimestamp, sysFlag)
    for (const dispatcher of this.#dispatchers) this.#call(dispatcher)
  }

  /** For a record that has come from another store. */
  found({ topic, queueId, queueOffset, offset, size, storeTimestamp, sysFlag }: FoundRecord, tagsCode: number): void {
    this.#current.set(topic.name, queueId, queueOffset, offset, size, tagsCode, storeTimestamp, sysFlag)
    for (const dispatcher of this.#dispatchers) this.#call(dispatcher)
  }

  /** Hands an old record to those who asked for it. */
  replay(message: StoredMessage, tagsCode: number): void {
    const { topic, queueId, queueOffset, commitLogOffset, storeSize, storeTimestamp, sysFlag } = message
    this.#current.set(topic, queueId, queueOffset, commitLogOffset, storeSize, tagsCode, storeTimestamp, sysFlag)
    for (const dispatcher of this.#dispatchers) {
      if (commitLogOffset >= (dispatcher.from ?? Infinity)) this.#call(dispatcher)
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
