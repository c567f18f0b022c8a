import { appendChannel, eventChannels, readChannel } from '../channels'
import { isRetryOrDeadLetterTopic, isSystemTopic } from '../format/system-topics'
import type { MessageStore } from '../store'
import type { StoreChannels } from '../types'
import { Histogram } from './histogram'
import { messageTypeOf, type MessageType } from './message-type'
import { histograms, type HistogramName, type Labels } from './metrics'

/** Messages that went out with the same labels. */
export interface Outgoing {
  labels: Labels
  messages: number
  bytes: number
}

/** Messages that came in with the same labels. */
export interface Incoming extends Outgoing {
  sizes: Histogram
}

/** Files of one kind that were deleted for one reason. */
export interface Deleted {
  labels: Labels
  files: number
  bytes: number
}

/** Called with each value as it is recorded, for whoever keeps histograms of his own. */
export type RecordValue = (name: HistogramName, value: number, labels: Labels) => void

/**
 * Counts what goes through a store, from the moment on that somebody wants to know: it listens to the channels, so that the store
 * itself counts nothing.
 */
export class Traffic {
  readonly flushTimes = new Histogram(histograms.mqstore_flush_time.bounds)
  readonly flushBytes = new Histogram(histograms.mqstore_flush_bytes.bounds)
  readonly #store: MessageStore
  readonly #labels: Labels
  readonly #record: RecordValue | undefined
  readonly #incoming = new Map<string, Map<MessageType, Incoming>>()
  readonly #outgoing = new Map<string, Outgoing>()
  readonly #deleted = new Map<string, Deleted>()

  /** @param labels what all series have in common */
  constructor(store: MessageStore, labels: Labels, record?: RecordValue) {
    this.#store = store
    this.#labels = labels
    this.#record = record
    appendChannel.subscribe(this.#onAppend)
    readChannel.subscribe(this.#onRead)
    eventChannels.flush.subscribe(this.#onFlush)
    eventChannels.deletion.subscribe(this.#onDelete)
  }

  stop(): void {
    appendChannel.unsubscribe(this.#onAppend)
    readChannel.unsubscribe(this.#onRead)
    eventChannels.flush.unsubscribe(this.#onFlush)
    eventChannels.deletion.unsubscribe(this.#onDelete)
  }

  *incoming(): Generator<Incoming> {
    for (const types of this.#incoming.values()) yield* types.values()
  }

  outgoing(): Iterable<Outgoing> {
    return this.#outgoing.values()
  }

  deleted(): Iterable<Deleted> {
    return this.#deleted.values()
  }

  readonly #onAppend = (published: unknown): void => {
    const { store, message, result } = published as StoreChannels['mqstore:append']
    // A broker does not count these either: they are messages that have been counted before.
    if (store !== this.#store || !result.isStored() || isRetryOrDeadLetterTopic(message.topic)) return
    const series = this.#incomingOf(message.topic, messageTypeOf(message.properties))
    const size = Math.floor(result.bytes / result.messageCount)
    series.messages += result.messageCount
    series.bytes += result.bytes
    series.sizes.record(size)
    this.#record?.('rocketmq_message_size', size, series.labels)
  }

  readonly #onRead = (published: unknown): void => {
    const { store, request, result } = published as StoreChannels['mqstore:read']
    if (store !== this.#store || result.status !== 'FOUND' || isRetryOrDeadLetterTopic(request.topic)) return
    const series = this.#outgoingOf(request.topic)
    series.messages += result.sizes.length
    series.bytes += result.totalSize
  }

  readonly #onFlush = (published: unknown): void => {
    const { store, from, to, milliseconds } = published as StoreChannels['mqstore:flush']
    if (store !== this.#store) return
    this.flushTimes.record(milliseconds)
    this.flushBytes.record(to - from)
    this.#record?.('mqstore_flush_time', milliseconds, this.#labels)
    this.#record?.('mqstore_flush_bytes', to - from, this.#labels)
  }

  readonly #onDelete = (published: unknown): void => {
    const { store, kind, reason, bytes } = published as StoreChannels['mqstore:delete']
    if (store !== this.#store) return
    const key = `${kind} ${reason}`
    let series = this.#deleted.get(key)
    if (series === undefined) this.#deleted.set(key, series = { labels: { ...this.#labels, kind, reason }, files: 0, bytes: 0 })
    series.files++
    series.bytes += bytes
  }

  #incomingOf(topic: string, type: MessageType): Incoming {
    let types = this.#incoming.get(topic)
    if (types === undefined) this.#incoming.set(topic, types = new Map())
    let series = types.get(type)
    if (series === undefined) {
      const labels = { ...this.#labels, topic, message_type: type, is_system: String(isSystemTopic(topic)) }
      series = { labels, messages: 0, bytes: 0, sizes: new Histogram(histograms.rocketmq_message_size.bounds) }
      types.set(type, series)
    }
    return series
  }

  #outgoingOf(topic: string): Outgoing {
    let series = this.#outgoing.get(topic)
    if (series === undefined) {
      series = { labels: { ...this.#labels, topic, is_system: String(isSystemTopic(topic)) }, messages: 0, bytes: 0 }
      this.#outgoing.set(topic, series)
    }
    return series
  }
}
