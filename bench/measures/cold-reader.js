import { appendRange, queueOf, topicOf } from '../traffic.js'

const pullSize = 32
/** With a reader and without it in turn, so that what the disk does meanwhile is the same for both. */
const slices = 16

/** What it costs to read, in each turn of the event loop, some of what is on the disk alone. */
export async function measureColdReader(store, workload) {
  const { messages, appended } = workload
  const reader = new ColdReader(store, workload)
  const times = [0, 0]
  const numberAt = (slice) => messages + Math.floor((slice * appended) / slices)
  for (let slice = 0; slice < slices; slice++) {
    const started = performance.now()
    const isAccompanied = slice % 2
    await appendRange(store, workload, numberAt(slice), numberAt(slice + 1), isAccompanied === 1 ? () => reader.turn() : undefined)
    times[isAccompanied] += performance.now() - started
  }
  const [alone, accompanied] = times.map((time) => ((appended / 2) * 1000) / time)
  return { alone, accompanied, readRate: (reader.count * 1000) / times[1], longestPull: reader.longest }
}

/** Goes through the queues of the image side by side, which is the order of the log. */
class ColdReader {
  count = 0
  /** Milliseconds. */
  longest = 0
  #store
  #workload
  #next = 0

  constructor(store, workload) {
    this.#store = store
    this.#workload = workload
  }

  turn() {
    for (let pull = 0; pull < this.#workload.pullsPerTurn; pull++) {
      const started = performance.now()
      this.#pull()
      this.longest = Math.max(this.longest, performance.now() - started)
    }
  }

  #pull() {
    const { topics, queues } = this.#workload
    const number = this.#next++
    const offset = Math.floor(number / (topics * queues)) * pullSize
    const result = this.#store.get({ topic: topicOf(number, topics), queueId: queueOf(number, topics, queues), offset, maxMessages: pullSize })
    if (result.status !== 'FOUND') throw new Error(`the reader has come to the end: ${result.status}`)
    // A slice alone reads nothing.
    for (const record of result.buffers) this.count += record[0] + record.at(-1) > 0 ? 1 : 0
    result.release()
  }
}
