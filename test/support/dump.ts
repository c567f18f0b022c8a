import type { MessageStore, StoredMessage } from '../../lib/index'

/**
 * Everything that can be read from a store, line by line, as the harness of the real engine prints it: the
 * bounds of the log, then each queue with its messages, fetched one by one.
 */
export function* dumpStore(store: MessageStore): Generator<object> {
  yield { minPhyOffset: store.minPhyOffset, maxPhyOffset: store.maxPhyOffset }
  for (const { topic, queueId, minOffset, maxOffset } of store.queues()) {
    yield { topic, queueId, minOffset, maxOffset }
    let offset = minOffset
    while (offset < maxOffset) {
      const result = store.get({ topic, queueId, offset, maxMessages: 1 })
      try {
        if (result.status === 'FOUND') {
          yield describeMessage(result.messages[0], result.tagsCodes[0])
        } else {
          yield {
            topic,
            queueId,
            queueOffset: offset,
            getStatus: result.status,
            next: result.nextBeginOffset,
          }
        }
        // a hole that leads nowhere ends the queue, as it does for a consumer
        if (result.nextBeginOffset <= offset) break
        offset = result.nextBeginOffset
      } finally {
        result.release()
      }
    }
  }
}

function describeMessage(message: StoredMessage, tagsCode: number): object {
  const body = message.body
  return {
    topic: message.topic,
    queueId: message.queueId,
    queueOffset: message.queueOffset,
    commitLogOffset: message.commitLogOffset,
    storeSize: message.storeSize,
    tagsCode: String(tagsCode),
    flag: message.flag,
    sysFlag: message.sysFlag,
    bodyCRC: message.bodyCRC,
    bornTimestamp: message.bornTimestamp,
    storeTimestamp: message.storeTimestamp,
    bornHost: message.bornHost,
    storeHost: message.storeHost,
    reconsumeTimes: message.reconsumeTimes,
    preparedTransactionOffset: message.preparedTransactionOffset,
    msgId: message.msgId,
    properties: Object.fromEntries(
      Object.entries(message.properties).sort(([left], [right]) => (left < right ? -1 : 1)),
    ),
    // the engine decodes an empty body to none
    ...(body.length > 0 && { bodyLength: body.length, bodyBase64: body.toString('base64') }),
  }
}
