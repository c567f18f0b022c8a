import { setTimeout as pause } from 'node:timers/promises'

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

/** @param onTurn called with each turn of the event loop */
export async function appendAll(store, workload, onTurn = () => {}) {
  const { messages } = workload
  const body = bodyOf(workload)
  for (let number = 0; number < messages; number++) {
    append(store, messageOf(number, workload, body))
    if (number % appendsPerTurn !== 0) continue
    await new Promise(setImmediate)
    onTurn()
  }
  return messages
}

/** As many a second as the pace says. @returns how many milliseconds of that it took to append them */
export async function appendAtPace(store, workload, onTurn) {
  const { messages, pace } = workload
  const body = bodyOf(workload)
  const began = performance.now()
  let milliseconds = 0
  for (let number = 0; number < messages; ) {
    const started = performance.now()
    const due = Math.min(messages, ((started - began) * pace) / 1000)
    for (; number < due; number++) append(store, messageOf(number, workload, body))
    milliseconds += performance.now() - started
    await pause(1)
    onTurn()
  }
  return milliseconds
}

function append(store, message) {
  const { status } = store.append(message)
  if (status !== 'PUT_OK') throw new Error(status)
}

/** So many at a time as are to be in flight. Where nothing has to be waited for, there are turns of the event loop all the same. */
export async function putAll(store, workload) {
  const { messages, inFlight } = workload
  const body = bodyOf(workload)
  let next = 0
  const putInTurn = async () => {
    while (next < messages) {
      const number = next++
      const { status } = await store.put(messageOf(number, workload, body))
      if (status !== 'PUT_OK') throw new Error(status)
      if (number % appendsPerTurn === 0) await new Promise(setImmediate)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, putInTurn))
  return messages
}
