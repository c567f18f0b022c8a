import { setTimeout as pause } from 'node:timers/promises'
import { appendRange } from '../traffic.js'

/**
 * Whether what is stored makes an append slower: the same number of appends to the store when it is small, and when it is large. Before
 * both the machine rests: a host that takes free memory back has then done so, and pages are as new in both.
 */
export async function measureGrowth(store, workload) {
  const { messages, window, restSeconds } = workload
  const rateFrom = async (from) => {
    // What went before is on the disk, so that the disk is at rest for both.
    await store.flush()
    await pause(restSeconds * 1000)
    const started = performance.now()
    await appendRange(store, workload, from, from + window)
    return (window * 1000) / (performance.now() - started)
  }
  await appendRange(store, workload, 0, window)
  const early = await rateFrom(window)
  await appendRange(store, workload, 2 * window, messages - window)
  const late = await rateFrom(messages - window)
  return { early, late }
}
