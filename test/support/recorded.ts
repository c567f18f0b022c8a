import type { Message, MessageBatch, MessageStore, PutResult } from '../../lib/index'

/** Messages and results as lines of JSON: the form in which the tests and the real engine exchange them. */

/** A message to put; with `batch`, one batch of them. */
export interface RecordedMessage {
  topic: string
  queueId: number
  bodyBase64?: string
  batch?: { body: string; properties?: Record<string, string> }[]
  bornTimestamp: number
  flag: number
  sysFlag?: number
  bornHost?: string
  storeHost?: string
  reconsumeTimes: number
  preparedTransactionOffset?: number
  properties?: Record<string, string>
}

/** What a put answered; a refused one has its status only. */
export interface RecordedResult {
  status: string
  offset?: number
  bytes?: number
  queueOffset?: number
  storeTimestamp?: number
  msgId?: string
}

function common(recorded: RecordedMessage): Omit<Message, 'body'> {
  return {
    topic: recorded.topic,
    queueId: recorded.queueId,
    flag: recorded.flag,
    sysFlag: recorded.sysFlag,
    bornTimestamp: recorded.bornTimestamp,
    // what the engine's harness fills in
    bornHost: recorded.bornHost ?? '127.0.0.1:1111',
    storeHost: recorded.storeHost ?? '127.0.0.1:10911',
    reconsumeTimes: recorded.reconsumeTimes,
    properties: recorded.properties,
  }
}

export function toMessage(recorded: RecordedMessage): Message {
  return {
    ...common(recorded),
    body: Buffer.from(recorded.bodyBase64 ?? '', 'base64'),
    preparedTransactionOffset: recorded.preparedTransactionOffset,
  }
}

/** The engine's harness makes batches by the class of producers, which marks every message so. */
export function propertiesInBatch(properties: Record<string, string> = {}): Record<string, string> {
  return { WAIT: 'true', ...properties }
}

export function toBatch(recorded: RecordedMessage): MessageBatch {
  const messages = (recorded.batch ?? []).map(({ body, properties }) => ({
    body: Buffer.from(body),
    properties: propertiesInBatch(properties),
    // the engine stores the flag of each message, never that of the batch; the harness sets none
    flag: 0,
  }))
  return { ...common(recorded), messages }
}

/** Puts a message or a batch and waits for the acknowledgement. */
export async function putRecorded(store: MessageStore, recorded: RecordedMessage): Promise<RecordedResult> {
  return toRecordedResult(
    recorded.batch === undefined
      ? await store.put(toMessage(recorded))
      : await store.putBatch(toBatch(recorded)),
  )
}

function toRecordedResult(result: PutResult): RecordedResult {
  if (!result.isStored()) return { status: result.status }
  const { status, offset, bytes, queueOffset, storeTimestamp, msgId } = result
  return { status, offset, bytes, queueOffset, storeTimestamp, msgId }
}
