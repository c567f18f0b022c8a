import Module, { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { summarize } from './statistics.js'
import { bodyOf, messageOf } from './traffic.js'

/**
 * One round of one workload of observe.js, in a process of its own: JSON in as the only argument, JSON out. Two copies of the
 * library take turns with slices of the same work, each on a store of its own, so that what the machine does otherwise meets both.
 * `without` says whether the first copy asks the channels at all, or is the same as the second.
 */

const require = createRequire(import.meta.url)
const dist = fileURLToPath(new URL('../dist/', import.meta.url))
/** What a store does for channels that nobody listens to, as compiled, and what is there without it. */
const questions = [
  { from: /return this\.#published\(\w+, (.*)\);/g, to: 'return $1;', times: 2 },
  { from: /if \(channels_1\.\w+\.hasSubscribers\)\s+channels_1\.\w+\.publish\(.*\);/g, to: '', times: 2 },
]

const { workload, directory, without, swapped } = JSON.parse(process.argv[2])
const messages = Array.from({ length: 1000 }, (_, number) => messageOf(number, workload, bodyOf(workload)))
// Which copy is loaded and warmed up first must not matter.
const order = swapped ? [1, 0] : [0, 1]
const stores = []
for (const side of order) stores[side] = await openWith(loadLibrary(without && side === 0), join(directory, String(side)))
const work = workload.operation === 'get' ? getSlice : appendSlice
for (let turn = 0; turn < workload.warmUpSlices; turn++) for (const side of order) await measureSlice(stores[side])
const ratios = []
const times = []
for (let pair = 0; pair < workload.pairs; pair++) {
  const milliseconds = []
  for (const side of pair % 2 === 0 ? order : order.toReversed()) milliseconds[side] = await measureSlice(stores[side])
  ratios.push(milliseconds[1] / milliseconds[0])
  times.push(milliseconds[1])
}
for (const store of stores) await store.close()
const nanoseconds = (summarize(times).median * 1e6) / workload.operations
console.log(JSON.stringify({ cost: summarize(ratios).median - 1, nanoseconds }))

function loadLibrary(isChanged) {
  for (const file of Object.keys(require.cache)) if (file.startsWith(dist)) delete require.cache[file]
  const { _compile } = Module.prototype
  const changedFile = join(dist, 'store.js')
  Module.prototype._compile = function (content, file) {
    return _compile.call(this, isChanged && file === changedFile ? withoutQuestions(content) : content, file)
  }
  try {
    return require('../dist/index.js')
  } finally {
    Module.prototype._compile = _compile
  }
}

function withoutQuestions(content) {
  for (const { from, to, times } of questions) {
    const found = content.match(from)?.length ?? 0
    if (found !== times) throw new Error(`${from} is in dist/store.js ${found} times, not ${times}: look at what has become of the channels`)
    content = content.replace(from, to)
  }
  return content
}

/** Nothing is flushed in between: the disk would have a say. */
async function openWith({ MessageStore }, storeDirectory) {
  const hour = 3_600_000
  const store = await MessageStore.open(storeDirectory, {
    flushIntervalCommitLog: hour, flushCommitLogThoroughInterval: hour, flushIntervalConsumeQueue: hour, flushConsumeQueueThoroughInterval: hour,
  })
  if (workload.operation === 'get') appendSlice(store)
  return store
}

async function measureSlice(store) {
  await new Promise(setImmediate)
  const started = performance.now()
  work(store)
  return performance.now() - started
}

function appendSlice(store) {
  for (let number = 0; number < workload.operations; number++) {
    if (store.append(messages[number % messages.length]).status !== 'PUT_OK') throw new Error('a message was refused')
  }
}

function getSlice(store) {
  for (let number = 0; number < workload.operations; number++) {
    const { topic, queueId } = messages[number % messages.length]
    const result = store.get({ topic, queueId, offset: 0, maxMessages: 1 })
    if (result.status !== 'FOUND') throw new Error('a message was not found')
    result.release()
  }
}
