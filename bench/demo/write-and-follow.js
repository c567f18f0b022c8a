import { setImmediate as nextTurn } from 'node:timers/promises'
import { differenceFrom, messageOf, numberOf, queueCount, queuesPerTopic, topics } from './traffic.js'
import { showProgress } from './progress.js'

/** Appended before readers get their turn. */
const burst = 240

/**
 * Appends messages 0 to `count` while one reader for each queue follows them and looks at each.
 * @returns what the messages' places are, what the readers missed, and how long both took
 */
export async function writeAndFollow(store, count) {
  const written = { offsets: new Float64Array(count), timestamps: new Float64Array(count) }
  const seen = { count: 0, problems: [] }
  const readers = []
  for (const topic of topics) {
    for (let queueId = 0; queueId < queuesPerTopic; queueId++) readers.push(follow(store, { topic, queueId, count, seen }))
  }
  const started = performance.now()
  let appendMilliseconds = 0
  for (let from = 0; from < count; from += burst) {
    const to = Math.min(from + burst, count)
    const messages = Array.from({ length: to - from }, (_, index) => messageOf(from + index))
    const burstStarted = performance.now()
    for (let number = from; number < to; number++) {
      const { offset, storeTimestamp } = store.append(messages[number - from])
      written.offsets[number] = offset
      written.timestamps[number] = storeTimestamp
    }
    appendMilliseconds += performance.now() - burstStarted
    await nextTurn()
    showProgress(`${to} of ${count} messages written, ${seen.count} read`)
  }
  await Promise.all(readers)
  return { written, seen, appendMilliseconds, milliseconds: performance.now() - started }
}

/** Reads the whole of every queue and looks at each message. */
export async function readAll(store) {
  const seen = { count: 0, problems: [] }
  const started = performance.now()
  for (const { topic, queueId } of store.queues()) {
    let next = 0
    for await (const message of store.read({ topic, queueId, offset: 0, follow: false })) check(message, topic, queueId, next++, seen)
    showProgress(`${seen.count} messages read`)
  }
  return { seen, milliseconds: performance.now() - started }
}

/** Ends with the last message of its queue; order, repetition and loss all show in the queue offset. */
async function follow(store, { topic, queueId, count, seen }) {
  const first = numberOf(topic, queueId, 0)
  const expected = Math.max(0, Math.ceil((count - first) / queueCount))
  let next = 0
  if (expected === 0) return
  for await (const message of store.read({ topic, queueId, offset: 0 })) {
    check(message, topic, queueId, next++, seen)
    if (next === expected) return
  }
  seen.problems.push(`the reader of ${topic}/${queueId} ended after ${next} of ${expected} messages`)
}

function check(message, topic, queueId, queueOffset, seen) {
  seen.count++
  const problem = differenceFrom(numberOf(topic, queueId, queueOffset), message)
  if (problem !== undefined) seen.problems.push(problem)
}
