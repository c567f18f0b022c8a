import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Latencies } from '../latencies.js'
import { rateOf } from '../measures/rate.js'
import { bodyOf, messageOf } from '../traffic.js'

/**
 * One round of one workload on a package that keeps values by key, or rows: the same messages as in ours.js, with neither queue nor index.
 * The package's name and the job in JSON in, JSON out as the last line.
 */

/** Messages of one commit, where each by itself would be slower. */
const appendedAtOnce = 1000

const measurements = {
  append: async (peer, workload) => ({ append: await rateOf(() => writeAll(peer, workload, appendedAtOnce)) }),
  batch: async (peer, workload) => ({ batch: await rateOf(() => writeAll(peer, workload, workload.batchSize)) }),
  put: measurePutting,
}

const [name, job] = process.argv.slice(2)
const { openPeer } = await import(`./${name}.js`)
const { workload, directory } = JSON.parse(job)
const warmUpDirectory = join(directory, 'warm-up')
await run({ ...workload, ...workload.warmUp }, warmUpDirectory)
rmSync(warmUpDirectory, { recursive: true })
console.log(JSON.stringify(await run(workload, join(directory, 'measured'))))

async function run(workload, peerDirectory) {
  const { flushDiskType, bodySize } = workload
  const peer = await openPeer(peerDirectory, { isSync: flushDiskType === 'SYNC_FLUSH', bodySize })
  const figures = {}
  for (const measure of workload.measures.filter((name) => name in measurements)) {
    Object.assign(figures, await measurements[measure](peer, workload))
  }
  await verify(peer, workload)
  await peer.close()
  return figures
}

async function writeAll(peer, workload, atOnce) {
  const { messages } = workload
  const body = bodyOf(workload)
  for (let first = 0; first < messages; first += atOnce) {
    await peer.write(first, Array.from({ length: Math.min(atOnce, messages - first) }, (_, index) => messageOf(first + index, workload, body)))
    await new Promise(setImmediate)
  }
  await peer.finish?.()
  return messages
}

async function measurePutting(peer, workload) {
  const { messages, inFlight } = workload
  const body = bodyOf(workload)
  const latencies = new Latencies(messages)
  let next = 0
  const putInTurn = async () => {
    while (next < messages) {
      const number = next++
      const message = messageOf(number, workload, body)
      const called = performance.now()
      await peer.put(number, message)
      latencies.add(performance.now() - called)
    }
  }
  const put = await rateOf(async () => {
    await Promise.all(Array.from({ length: inFlight }, putInTurn))
    return messages
  })
  return { put, ...latencies.figures() }
}

/** Reads all that has been written once more. */
async function verify(peer, workload) {
  const body = bodyOf(workload)
  let found = 0
  for await (const message of peer.read()) {
    if (message.key === `key${found}` && body.equals(message.body)) found++
  }
  if (found !== workload.messages) throw new Error(`${found} of ${workload.messages} messages are there, and whole`)
}
