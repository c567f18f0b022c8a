import { Latencies } from '../latencies.js'
import { append, bodyOf, messageOf } from '../traffic.js'
import { StallWatch } from './stall-watch.js'

/** Appends what is due by the clock, whatever the loop did meanwhile; what is late comes as fast as it goes, a millisecond's worth a turn. */
export async function measureSteadily(store, workload) {
  const { messages, perSecond } = workload
  const body = bodyOf(workload)
  const latencies = new Latencies(messages)
  const perTurn = Math.ceil(perSecond / 1000)
  const watch = new StallWatch(store)
  const started = performance.now()
  for (let number = 0; number < messages; ) {
    const due = Math.min(messages, ((performance.now() - started) * perSecond) / 1000, number + perTurn)
    let longest = 0
    for (; number < due; number++) {
      const message = messageOf(number, workload, body)
      const called = performance.now()
      append(store, message)
      const taken = performance.now() - called
      latencies.add(taken)
      if (taken > longest) longest = taken
    }
    await new Promise(setImmediate)
    watch.turn(longest)
  }
  const steady = (messages * 1000) / (performance.now() - started)
  return { steady, ...latencies.figures(), ...(await watch.end()) }
}
