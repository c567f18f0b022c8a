import type { MessageStore, StoredMessage } from '../../lib/index'
import type { Ledger } from './ledger'
import { keyOf, makeMessage, numberOf, queuesPerTopic, topics, type MessageOptions } from './messages'

export interface AuditOptions extends MessageOptions {
  /** Messages that were damaged on purpose: they may be gone, but nothing may stand in their places. */
  damaged?: ReadonlySet<number>
  /** How many of the acknowledged messages are looked up by key as well. */
  keys?: number
  /** Takes the numbers of the messages that are there. */
  found?: Set<number>
  /** Nothing was damaged, so that no queue has a place without a message. */
  isDense?: boolean
  /** The clock was set in between: a query from some time on ends at the first older entry, as the engine's does. */
  hasTimeJumped?: boolean
}

/** What of the promises a store does not keep; empty when it keeps them all. */
export function audit(store: MessageStore, ledger: Ledger, options: AuditOptions = {}): string[] {
  const wrong: string[] = []
  const found = new Map<number, StoredMessage>()
  for (const topic of topics) {
    for (let queueId = 0; queueId < queuesPerTopic; queueId++) {
      for (const message of readQueue(store, topic, queueId, options.isDense === true, wrong)) {
        checkMessage(message, { topic, queueId, ledger, found, options, wrong })
      }
    }
  }
  for (const [number, place] of ledger.acknowledged) {
    const message = found.get(number)
    if (message === undefined) {
      if (options.damaged?.has(number) !== true) wrong.push(`message ${number} was acknowledged and is lost`)
    } else if (message.queueOffset !== place.queueOffset || message.commitLogOffset !== place.offset) {
      wrong.push(`message ${number} was acknowledged at ${place.offset} and is at ${message.commitLogOffset}`)
    }
  }
  for (const number of found.keys()) options.found?.add(number)
  return [...wrong, ...checkKeys(store, found, options)]
}

function* readQueue(store: MessageStore, topic: string, queueId: number, isDense: boolean, wrong: string[]): Generator<StoredMessage> {
  const end = store.maxOffset(topic, queueId)
  let offset = store.minOffset(topic, queueId)
  while (offset < end) {
    const result = store.get({ topic, queueId, offset, maxMessages: 64 })
    let expected = offset
    for (const message of result.messages) {
      if (message.queueOffset < expected) wrong.push(`${topic}/${queueId} has offset ${message.queueOffset} where ${expected} or more was due`)
      else if (isDense && message.queueOffset > expected) wrong.push(`${topic}/${queueId} has no message from offset ${expected} to ${message.queueOffset}`)
      expected = message.queueOffset + 1
      yield message
    }
    if (result.nextBeginOffset <= offset) {
      wrong.push(`${topic}/${queueId} cannot be read on from offset ${offset}: ${result.status}`)
      return
    }
    offset = result.nextBeginOffset
  }
}

interface MessageCheck {
  topic: string
  queueId: number
  ledger: Ledger
  found: Map<number, StoredMessage>
  options: AuditOptions
  wrong: string[]
}

function checkMessage(message: StoredMessage, { topic, queueId, ledger, found, options, wrong }: MessageCheck): void {
  const number = numberOf(message.body)
  const place = `${topic}/${queueId}/${message.queueOffset}`
  if (number === undefined || number >= ledger.sent) {
    wrong.push(`${place} holds a message that nobody sent`)
    return
  }
  if (ledger.gone.has(number)) wrong.push(`${place} holds message ${number}, which an earlier open did not find`)
  const expected = makeMessage(ledger.seed, number, options)
  const isSame =
    expected.topic === topic && expected.queueId === queueId && message.topic === topic && message.queueId === queueId &&
    message.body.equals(expected.body) && message.flag === expected.flag &&
    message.properties.TAGS === expected.properties!.TAGS && message.properties.KEYS === expected.properties!.KEYS
  if (!isSame) wrong.push(`${place} holds message ${number}, but not as it was sent`)
  if (found.has(number)) wrong.push(`message ${number} is there twice, at ${found.get(number)!.commitLogOffset} and ${message.commitLogOffset}`)
  found.set(number, message)
}

/** The index is derived from the log, and may lack nothing that the log has. */
function checkKeys(store: MessageStore, found: ReadonlyMap<number, StoredMessage>, { keys: count = 4, hasTimeJumped }: AuditOptions): string[] {
  if (!store.options.messageIndexEnable || found.size === 0) return []
  const wrong: string[] = []
  const numbers = [...found.keys()]
  for (let at = 0; at < count; at++) {
    const number = numbers[Math.floor((at * numbers.length) / count)]!
    const { topic, commitLogOffset, storeTimestamp } = found.get(number)!
    // No end: the first entry of an index file claims to be younger than it is, as the engine's does.
    const { messages } = store.query({ topic, key: keyOf(number), max: 32, begin: hasTimeJumped === true ? 0 : storeTimestamp - 10_000 })
    if (!messages.some((message) => message.commitLogOffset === commitLogOffset)) wrong.push(`message ${number} is not found by its key`)
  }
  return wrong
}
