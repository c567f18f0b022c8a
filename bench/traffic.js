import { setTimeout as pause } from 'node:timers/promises'

/** The messages of the benchmark, the same as in java/Bench.java. */

const host = '127.0.0.1:10911'
/** One turn of the event loop now and then, as any writer would have it: flushes begin and end there. */
export const appendsPerTurn = 1000
/** Made once, on both sides: a store is measured, and no concatenation. */
const topicNames = Array.from({ length: 4096 }, (_, number) => `bench-${number}`)

export function messageOf(number, { topics, queues, keys = 1 }, body) {
  return {
    topic: topicOf(number, topics),
    queueId: queueOf(number, topics, queues),
    body,
    properties: { TAGS: 'tagA', KEYS: keys === 1 ? `key${number}` : keysOf(number, keys) },
    bornHost: host,
    storeHost: host,
  }
}

export function topicOf(number, topics) {
  return topicNames[number % topics]
}

export function queueOf(number, topics, queues) {
  return ((number / topics) | 0) % queues
}

/** The first is the one that a message with a single key has. */
function keysOf(number, keys) {
  return Array.from({ length: keys }, (_, index) => (index === 0 ? `key${number}` : `key${number}.${index}`)).join(' ')
}

export function bodyOf({ bodySize }) {
  const body = Buffer.alloc(bodySize)
  for (let index = 0; index < bodySize; index++) body[index] = Math.imul(index + 1, 0x9e3779b1) >>> 24
  return body
}

/** @param onTurn called with each turn of the event loop */
export async function appendAll(store, workload, onTurn = () => {}) {
  const { messages } = workload
  await appendRange(store, workload, 0, messages, onTurn)
  return messages
}

/** The messages from number `from` on, and before `to`. */
export async function appendRange(store, workload, from, to, onTurn = () => {}) {
  const body = bodyOf(workload)
  for (let number = from; number < to; number++) {
    append(store, messageOf(number, workload, body))
    if (number % appendsPerTurn !== 0) continue
    await new Promise(setImmediate)
    onTurn()
  }
}

/**
 * Of one queue each, which is that of the batch's number. As many as fit between two turns of the event loop are made at a time.
 * @returns how many milliseconds of that it took to append them
 */
export async function appendBatches(store, workload) {
  const { messages, batchSize } = workload
  const body = bodyOf(workload)
  let milliseconds = 0
  for (let from = 0; from < messages; from += appendsPerTurn * batchSize) {
    const batches = []
    for (let first = from; first < Math.min(from + appendsPerTurn * batchSize, messages); first += batchSize) batches.push(batchAt(first, workload, body))
    const started = performance.now()
    for (const batch of batches) {
      const { status } = store.appendBatch(batch)
      if (status !== 'PUT_OK') throw new Error(status)
    }
    await new Promise(setImmediate)
    milliseconds += performance.now() - started
  }
  return milliseconds
}

function batchAt(first, { messages, batchSize, topics, queues }, body) {
  const { topic, queueId, bornHost, storeHost } = messageOf(first / batchSize, { topics, queues }, body)
  const parts = []
  for (let number = first; number < Math.min(first + batchSize, messages); number++) {
    parts.push({ body, properties: { TAGS: 'tagA', KEYS: `key${number}` } })
  }
  return { topic, queueId, bornHost, storeHost, messages: parts }
}

/** As many a second as the pace says. @returns how many milliseconds of that it took to append them */
export async function appendAtPace(store, workload, onTurn) {
  const { messages, perSecond } = workload
  const body = bodyOf(workload)
  const began = performance.now()
  let milliseconds = 0
  for (let number = 0; number < messages; ) {
    const started = performance.now()
    const due = Math.min(messages, ((started - began) * perSecond) / 1000)
    for (; number < due; number++) append(store, messageOf(number, workload, body))
    milliseconds += performance.now() - started
    await pause(1)
    onTurn()
  }
  return milliseconds
}

export function append(store, message) {
  const { status } = store.append(message)
  if (status !== 'PUT_OK') throw new Error(status)
}

/**
 * So many at a time as are to be in flight. Where nothing has to be waited for, there are turns of the event loop all the same.
 * @param latencies what they are added to, from call to resolution
 */
export async function putAll(store, workload, latencies) {
  const { messages, inFlight } = workload
  const body = bodyOf(workload)
  let next = 0
  const putInTurn = async () => {
    while (next < messages) {
      const number = next++
      const message = messageOf(number, workload, body)
      const called = latencies === undefined ? 0 : performance.now()
      const { status } = await store.put(message)
      if (status !== 'PUT_OK') throw new Error(status)
      latencies?.add(performance.now() - called)
      if (number % appendsPerTurn === 0) await new Promise(setImmediate)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, putInTurn))
  return messages
}
