import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore } from '../dist/esm.mjs'
import { appendAll, putAll, topicOf } from './traffic.js'

/**
 * One round of one workload on our store, the same work as in java/Bench.java: JSON in as the only argument, JSON
 * out as the last line. The configuration is the default one, flushDiskType aside.
 */

const pullSize = 32

const measurements = {
  append: appendAll,
  put: putAll,
  pull: (store, workload) => measurePulling(store, workload, (result) => result.commitLogOffsets.length),
  slice: (store, workload) => measurePulling(store, workload, (result) => result.buffers.length),
  decode: (store, workload) => measurePulling(store, workload, (result) => result.messages.reduce(countDecoded, 0)),
  query: measureQueries,
}

const { workload, directory } = JSON.parse(process.argv[2])
// Who opens a store has a process that has just begun; all else is measured as it is once the process has warmed up.
if (workload.image === undefined) {
  const warmUpDirectory = join(directory, 'warm-up')
  await run({ ...workload, messages: workload.warmUpMessages }, warmUpDirectory)
  rmSync(warmUpDirectory, { recursive: true })
}
console.log(JSON.stringify(await run(workload, join(directory, 'measured'))))

async function run(workload, storeDirectory) {
  const figures = {}
  const opening = performance.now()
  const store = await MessageStore.open(storeDirectory, { flushDiskType: workload.flushDiskType, ...workload.settings })
  if (workload.image !== undefined) figures.open = 1000 / (performance.now() - opening)
  for (const measure of workload.measures.filter((name) => name in measurements)) {
    const started = performance.now()
    const count = await measurements[measure](store, workload)
    figures[measure] = (count * 1000) / (performance.now() - started)
  }
  const found = measurements.pull(store, workload)
  if (found !== workload.messages) throw new Error(`${found} of ${workload.messages} messages are there`)
  await store.close()
  return figures
}

function measurePulling(store, { topics, queues }, countOf) {
  let count = 0
  for (let topicNumber = 0; topicNumber < topics; topicNumber++) {
    for (let queueId = 0; queueId < queues; queueId++) {
      const topic = topicOf(topicNumber, topics)
      for (let offset = 0; ; ) {
        const result = store.get({ topic, queueId, offset, maxMessages: pullSize })
        if (result.status !== 'FOUND') break
        count += countOf(result)
        offset = result.nextBeginOffset
        result.release()
      }
    }
  }
  return count
}

/** Java decodes all there is, ours what is asked for: ask for all. What comes of it is looked at, lest it be left out. */
function countDecoded(count, message) {
  const numbers = message.queueId + message.queueOffset + message.commitLogOffset + message.storeSize + message.flag + message.sysFlag +
    message.bodyCRC + message.bornTimestamp + message.storeTimestamp + message.reconsumeTimes + message.preparedTransactionOffset
  const { topic, bornHost, storeHost, msgId, properties, body } = message
  const isWhole = numbers > 0 && topic !== '' && bornHost !== '' && storeHost !== '' && msgId !== '' && properties.TAGS !== '' && body.length > 0
  return isWhole ? count + 1 : count
}

function measureQueries(store, { topics, messages, queries }) {
  for (let index = 0; index < queries; index++) {
    const number = (index * 7919) % messages
    const result = store.query({ topic: topicOf(number, topics), key: `key${number}`, max: pullSize })
    if (result.messages.length === 0) throw new Error(`key${number} is not found`)
  }
  return queries
}
