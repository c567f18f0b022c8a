import { customerCount, customerOf, keyOf, numberOf, placeOf, queueCount, queuesPerTopic, topics, uniqueKeyOf } from './traffic.js'

const questions = 2000
const timesPerQueue = 20

/** Asks for messages by each of their keys, and compares the answers with what was written. */
export function askByKey(store, { offsets }) {
  const problems = []
  const started = performance.now()
  for (let index = 0; index < questions; index++) {
    const number = Math.floor((index * offsets.length) / questions)
    const { topic } = placeOf(number)
    const own = [offsets[number]]
    problems.push(...problemsWith(store, topic, keyOf(number), own))
    problems.push(...problemsWith(store, topic, uniqueKeyOf(number), own))
    problems.push(...problemsWith(store, topic, customerOf(number), offsetsOfCustomer(number, offsets)))
  }
  return { problems, count: 3 * questions, milliseconds: performance.now() - started }
}

/** Asks for the place of store times, and compares with a plain walk along the times that were written. */
export function askByTime(store, { timestamps }) {
  const problems = []
  const first = timestamps[0]
  const last = timestamps[timestamps.length - 1]
  let count = 0
  let milliseconds = 0
  for (const topic of topics) {
    for (let queueId = 0; queueId < queuesPerTopic; queueId++) {
      const times = timesOfQueue(topic, queueId, timestamps)
      for (let step = -1; step <= timesPerQueue + 1; step++) {
        const timestamp = Math.round(first + ((last - first) * step) / timesPerQueue)
        const started = performance.now()
        const lower = store.offsetByTime({ topic, queueId, timestamp })
        const upper = store.offsetByTime({ topic, queueId, timestamp, boundary: 'upper' })
        milliseconds += performance.now() - started
        count += 2
        const expectedLower = indexOrLength(times, (time) => time >= timestamp)
        const expectedUpper = Math.max(0, indexOrLength(times, (time) => time > timestamp) - 1)
        if (lower === expectedLower && upper === expectedUpper) continue
        problems.push(`${topic}/${queueId} at ${timestamp}: ${lower} and ${upper}, not ${expectedLower} and ${expectedUpper}`)
      }
    }
  }
  return { problems, count, milliseconds }
}

function problemsWith(store, topic, key, expected) {
  const { messages } = store.query({ topic, key })
  // The index knows hashes only: a message with another key may be among them, in RocketMQ too.
  const found = messages.filter(({ keys, uniqueKey }) => uniqueKey === key || keys.split(' ').includes(key))
  const offsets = found.map(({ commitLogOffset }) => commitLogOffset)
  return String(offsets) === String(expected) ? [] : [`${topic} ${key}: ${offsets}, not ${expected}`]
}

function offsetsOfCustomer(number, offsets) {
  const { topic } = placeOf(number)
  const found = []
  for (let other = number % customerCount; other < offsets.length; other += customerCount) {
    if (placeOf(other).topic === topic) found.push(offsets[other])
  }
  return found
}

function timesOfQueue(topic, queueId, timestamps) {
  const times = []
  for (let number = numberOf(topic, queueId, 0); number < timestamps.length; number += queueCount) times.push(timestamps[number])
  return times
}

function indexOrLength(list, test) {
  const index = list.findIndex(test)
  return index < 0 ? list.length : index
}
