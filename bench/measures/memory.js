import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { appendRange, appendsPerTurn, bodyOf, messageOf } from '../traffic.js'

/** What the process has besides files of the page cache, and whether it becomes more with what is stored. */
export async function measureMemory(store, workload) {
  const { messages, samples } = workload
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const heap = []
  let residentMost = 0
  const garbageMessages = appendsPerTurn
  for (let sample = 0; sample < samples; sample++) {
    const [from, to] = [sample, sample + 1].map((part) => Math.floor(((messages - garbageMessages) * part) / samples))
    await appendRange(store, workload, from, to, () => (residentMost = Math.max(residentMost, readResident())))
    collect()
    heap.push(process.memoryUsage().heapUsed)
  }
  const garbage = measureGarbage(store, workload, collect, messages - garbageMessages)
  return { heapAtStart: heap[0], heapAtEnd: heap.at(-1), heapMost: Math.max(...heap), residentMost, garbage }
}

/** Bytes that an append leaves on the heap, those of the message that it was called with aside. */
function measureGarbage(store, workload, collect, from) {
  const body = bodyOf(workload)
  const count = workload.messages - from
  const grownBy = (work) => {
    collect()
    const before = process.memoryUsage().heapUsed
    for (let number = from; number < from + count; number++) work(messageOf(number, workload, body))
    return process.memoryUsage().heapUsed - before
  }
  const made = grownBy((message) => message)
  return Math.max(0, grownBy((message) => store.append(message)) - made) / count
}

/** Anonymous memory: what files are mapped to belongs to the page cache. */
function readResident() {
  if (process.platform !== 'linux') return process.memoryUsage().rss
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
}
