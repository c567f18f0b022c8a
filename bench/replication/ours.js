import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { MessageStore } from '../../dist/esm.mjs'
import { appendAll, appendAtPace, bodyOf, messageOf, putAll } from '../traffic.js'
import { SlaveProcess } from './slave-process.js'

/**
 * One round of a workload with a master and a slave, each in a process of its own; this is the master's. The same work as in
 * java/Replication.java: JSON in as the only argument, JSON out as the last line. The configuration is the default one, but for what is
 * measured, and for time-outs that no machine is too slow for.
 */

const patience = 60_000
const scenarios = { append: measureAppending, put: measurePutting, catchUp: measureCatchingUp }

const { workload, directory, round } = JSON.parse(process.argv[2])
const slave = new SlaveProcess()
await run({ ...workload, ...workload.warmUp }, 'warm-up')
console.log(JSON.stringify(await run(workload, 'measured')))
slave.end()

async function run(chosen, name) {
  const figures = await scenarios[chosen.scenario](chosen, join(directory, name))
  return Object.fromEntries(workload.measures.map((measure) => [measure, figures[measure]]))
}

/** What the slave costs a master that does not wait for it, and whether it keeps up. */
async function measureAppending(chosen, storeDirectory) {
  const figures = {}
  await inTurn(
    () => withMaster(chosen, storeDirectory, { brokerRole: 'ASYNC_MASTER' }, async (master) => {
      figures.alone = await appendRate(master, chosen)
    }),
    () => withPair(chosen, storeDirectory, 'ASYNC_MASTER', async (master) => {
      const started = performance.now()
      let lagMax = 0
      const look = () => (lagMax = Math.max(lagMax, lagOf(master)))
      figures.attached = await appendRate(master, chosen, look)
      figures.lagAtEnd = lagOf(master)
      figures.lagMax = look()
      figures.arrived = await rateOnSlave(master, chosen, started)
    }),
  )
  return figures
}

/** What it costs to wait for the slave. */
async function measurePutting(chosen, storeDirectory) {
  const figures = {}
  await inTurn(
    () => withPair(chosen, storeDirectory, 'ASYNC_MASTER', async (master) => {
      const started = performance.now()
      figures.asynchronous = await rateOf(() => putAll(master, chosen))
      figures.asynchronousArrived = await rateOnSlave(master, chosen, started)
    }),
    () => withPair(chosen, storeDirectory, 'SYNC_MASTER', async (master) => {
      figures.synchronous = await rateOf(() => putAll(master, chosen))
    }),
  )
  return figures
}

/** How fast a slave gets what it lacks: all but the first message, since one that has nothing begins with the last file. */
async function measureCatchingUp(chosen, storeDirectory) {
  let figures
  await withPair(chosen, storeDirectory, 'ASYNC_MASTER', async (master, follow) => {
    await slave.call('leave')
    const size = master.maxPhyOffset
    await appendAll(master, { ...chosen, messages: Math.ceil((chosen.gibibytes * 2 ** 30) / size) })
    await master.flush()
    const { bytes, milliseconds } = await follow()
    figures = { catchUp: (bytes * 1000) / milliseconds }
  })
  return figures
}

/** One after the other; which is the first changes from round to round. */
async function inTurn(...works) {
  for (const work of round % 2 === 1 ? works.reverse() : works) await work()
}

async function withMaster({ flushDiskType, settings }, storeDirectory, options, work) {
  const master = await MessageStore.open(join(storeDirectory, 'master'), { flushDiskType, ...settings, ...options })
  await work(master)
  await master.close()
  rmSync(storeDirectory, { recursive: true })
}

/** A master with one message, which its slave has already. */
function withPair(chosen, storeDirectory, brokerRole, work) {
  const { flushDiskType, settings } = chosen
  const waiting = brokerRole === 'SYNC_MASTER' ? { inSyncReplicas: 2, slaveTimeout: patience } : {}
  return withMaster(chosen, storeDirectory, { brokerRole, haListenPort: 0, ...waiting }, async (master) => {
    await master.replication.start()
    master.append(messageOf(0, chosen, bodyOf(chosen)))
    const options = { flushDiskType, ...settings, haMasterAddress: master.replication.status().address }
    const follow = () => slave.call('follow', { directory: join(storeDirectory, 'slave'), options, until: master.maxPhyOffset })
    await follow()
    await arrival(master)
    await work(master, follow)
    await slave.call('leave')
  })
}

async function rateOf(work) {
  const started = performance.now()
  const count = await work()
  return (count * 1000) / (performance.now() - started)
}

/** Where there is a pace to keep, the time between does not count. */
async function appendRate(master, chosen, onTurn = () => {}) {
  if (chosen.perSecond === undefined) return rateOf(() => appendAll(master, chosen, onTurn))
  return (chosen.messages * 1000) / (await appendAtPace(master, chosen, onTurn))
}

/** The same as {@link rateOf}, once the slave has everything. */
async function rateOnSlave(master, { messages }, started) {
  await arrival(master)
  return (messages * 1000) / (performance.now() - started)
}

async function arrival(master) {
  while (lagOf(master) > 0) await pause(1)
}

function lagOf(master) {
  const [replica] = master.replication.status().replicas
  if (replica === undefined) throw new Error('the slave is gone')
  return replica.lagBytes
}
