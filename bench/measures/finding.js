import { queueOf, topicOf } from '../traffic.js'
import { countDecoded } from './pulling.js'
import { rateOf } from './rate.js'

const found = 32
/** Far enough from one to the next for neither side to have it at hand. */
const stride = 7919

export async function measureQueries(store, workload) {
  const { topics, queries } = workload
  const query = await rateOf(() => {
    for (let index = 0; index < queries; index++) {
      const number = numberAt(index, workload)
      const result = store.query({ topic: topicOf(number, topics), key: `key${number}`, max: found })
      if (result.messages.length === 0) throw new Error(`key${number} is not found`)
    }
    return queries
  })
  return { query }
}

export async function measureLookups(store, workload) {
  const ids = idsIn(store, workload)
  const lookup = await rateOf(() => {
    let whole = 0
    for (const id of ids) whole += countDecoded(store.lookup(id))
    return whole
  })
  return { lookup }
}

/** Times between that of the first message and that of the last, in the queues in turn. */
export async function measureTimes(store, workload) {
  const { topics, queues, queries } = workload
  const first = store.storeTimestamp(topicOf(0, topics), 0, 0)
  const last = store.storeTimestamp(topicOf(0, topics), 0, store.maxOffset(topicOf(0, topics), 0) - 1)
  let sum = 0
  const offsetByTime = await rateOf(() => {
    for (let index = 0; index < queries; index++) {
      const timestamp = first + ((index * stride) % (last - first + 1))
      sum += store.offsetByTime({ topic: topicOf(index, topics), queueId: queueOf(index, topics, queues), timestamp })
    }
    return queries
  })
  if (!(sum > 0)) throw new Error('no time has an offset')
  return { offsetByTime }
}

function idsIn(store, workload) {
  const { topics, queues, queries } = workload
  return Array.from({ length: queries }, (_, index) => {
    const number = numberAt(index, workload)
    const result = store.get({
      topic: topicOf(number, topics), queueId: queueOf(number, topics, queues), offset: Math.floor(number / (topics * queues)), maxMessages: 1,
    })
    const [{ msgId }] = result.messages
    result.release()
    return msgId
  })
}

function numberAt(index, { messages }) {
  return (index * stride) % messages
}
