import { Latencies } from '../latencies.js'
import { appendAll, appendBatches, putAll } from '../traffic.js'
import { rateOf } from './rate.js'

export async function measureAppending(store, workload) {
  return { append: await rateOf(() => appendAll(store, workload)) }
}

export async function measureBatches(store, workload) {
  return { batch: (workload.messages * 1000) / (await appendBatches(store, workload)) }
}

export async function measurePutting(store, workload) {
  const latencies = new Latencies(workload.messages)
  const put = await rateOf(() => putAll(store, workload, latencies))
  return { put, ...latencies.figures() }
}
