/** The messages of the benchmark, the same as in java/Bench.java. */

const host = '127.0.0.1:10911'
/** One turn of the event loop now and then, as any writer would have it: flushes begin and end there. */
const appendsPerTurn = 1000
/** Made once, on both sides: a store is measured, and no concatenation. */
const topicNames = Array.from({ length: 64 }, (_, number) => `bench-${number}`)

export function messageOf(number, { topics, queues }, body) {
  return {
    topic: topicOf(number, topics),
    queueId: ((number / topics) | 0) % queues,
    body,
    properties: { TAGS: 'tagA', KEYS: `key${number}` },
    bornHost: host,
    storeHost: host,
  }
}

export function topicOf(number, topics) {
  return topicNames[number % topics]
}

export function bodyOf({ bodySize }) {
  const body = Buffer.alloc(bodySize)
  for (let index = 0; index < bodySize; index++) body[index] = Math.imul(index + 1, 0x9e3779b1) >>> 24
  return body
}

export async function appendAll(store, workload) {
  const { messages } = workload
  const body = bodyOf(workload)
  for (let number = 0; number < messages; number++) {
    const { status } = store.append(messageOf(number, workload, body))
    if (status !== 'PUT_OK') throw new Error(status)
    if (number % appendsPerTurn === 0) await new Promise(setImmediate)
  }
  return messages
}
