import { bodyOf, topicOf } from '../traffic.js'
import { rateOf } from './rate.js'

const pullSize = 32
/** Where the body begins in a record with IPv4 hosts. */
const bodyAt = 88

export async function measurePlaces(store, workload) {
  return { pull: await rateOf(() => pullAll(store, workload, (result) => result.commitLogOffsets.length)) }
}

export async function measureSlices(store, workload) {
  return { slice: await rateOf(() => pullAll(store, workload, (result) => result.buffers.length)) }
}

export async function measureDecoding(store, workload) {
  return { decode: await rateOf(() => pullAll(store, workload, (result) => result.messages.reduce((count, message) => count + countDecoded(message), 0))) }
}

/** Reads all that has been written once more. */
export function verify(store, workload) {
  const body = bodyOf(workload)
  const countWhole = (result) => result.buffers.filter((record) => body.equals(record.subarray(bodyAt, bodyAt + body.length))).length
  const found = pullAll(store, workload, countWhole)
  const expected = workload.messages + (workload.appended ?? 0)
  if (found !== expected) throw new Error(`${found} of ${expected} messages are there, and whole`)
}

/** Everything, a queue after the other. */
function pullAll(store, { topics, queues }, countOf) {
  let count = 0
  for (let topicNumber = 0; topicNumber < topics; topicNumber++) {
    for (let queueId = 0; queueId < queues; queueId++) count += pullQueue(store, topicOf(topicNumber, topics), queueId, countOf)
  }
  return count
}

function pullQueue(store, topic, queueId, countOf) {
  let count = 0
  for (let offset = 0; ; ) {
    const result = store.get({ topic, queueId, offset, maxMessages: pullSize })
    if (result.status !== 'FOUND') return count
    count += countOf(result)
    offset = result.nextBeginOffset
    result.release()
  }
}

/** Java decodes all there is, ours what is asked for: ask for all. What comes of it is looked at, lest it be left out. */
export function countDecoded(message) {
  const numbers = message.queueId + message.queueOffset + message.commitLogOffset + message.storeSize + message.flag + message.sysFlag +
    message.bodyCRC + message.bornTimestamp + message.storeTimestamp + message.reconsumeTimes + message.preparedTransactionOffset
  const { topic, bornHost, storeHost, msgId, properties, body } = message
  const isWhole = numbers > 0 && topic !== '' && bornHost !== '' && storeHost !== '' && msgId !== '' && properties.TAGS !== '' && body.length > 0
  return isWhole ? 1 : 0
}
