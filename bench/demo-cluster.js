import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Checks } from './demo/checks.js'
import { BrokerProcess } from './demo/cluster/broker-process.js'
import { layoutName, optionsOf, pairs, writePropertiesFiles } from './demo/cluster/layout.js'
import { Picture } from './demo/cluster/picture.js'
import { differenceOfLogs } from './demo/cluster/same-log.js'
import { makeScratchDirectory } from './scratch-directory.js'
import { formatBytes, formatCount, formatMegabytes, formatMilliseconds, formatRate, formatTable } from './table.js'

/**
 * npm run demo:cluster [-- --messages N] [--json]: two masters that write to a slave each before they acknowledge, in four processes. One
 * master is killed in the middle, everything that it acknowledged is read from its slave, and it comes back.
 */

/** Nothing here takes that long: whatever does is a failure. */
const patience = 60_000
/** How long a step of writing takes at most, however slow the machine is. */
const writingMillisecondsMax = 5000

const { values: given } = parseArgs({
  options: { messages: { type: 'string', default: '20000' }, json: { type: 'boolean', default: false } },
})
/** Acknowledged by each master in each step of writing. */
const messages = Number(given.messages)
if (!Number.isInteger(messages) || messages < 1) throw new Error(`--messages is a number from 1 on, not ${given.messages}`)

const [killed, other] = pairs
const directory = makeScratchDirectory(tmpdir(), 'mqstore-cluster-')
const properties = writePropertiesFiles(directory)
const brokers = Object.fromEntries(Object.keys(properties).map((name) => [name, new BrokerProcess(name, makeDirectory(name))]))
const picture = new Picture(brokers, { isQuiet: given.json })
const checks = new Checks()
const started = performance.now()
const figures = await run().finally(() => picture.end())
const report = { layout: layoutName, ...figures, totalMilliseconds: performance.now() - started, checks: checks.list }
console.log(given.json ? JSON.stringify(report, null, 2) : describe(report))
process.exitCode = checks.allHold ? 0 : 1

async function run() {
  await start()
  picture.say('both masters take messages, 64 at a time, each on its slave before it is acknowledged')
  const perSecond = await write(pairs)
  const acknowledgedBefore = await killMaster()
  const goingOn = goOn(other)
  await readFromSlave(killed, `everything that ${killed.master} had acknowledged is on ${killed.slave}`)
  const acknowledgedMeanwhile = await goingOn
  const returned = await bringBack()
  picture.say(`${killed.master} takes messages again`)
  await write([killed])
  await brokers[killed.master].call('stop')
  await Promise.all(pairs.map(caughtUp))
  picture.say('writing is over; both slaves are read, and logs compared')
  for (const pair of pairs) await readFromSlave(pair, `everything acknowledged by ${pair.master}, first to last, is on ${pair.slave}`)
  picture.end()
  const logs = await compareLogs()
  return {
    acknowledged: byMaster(({ acknowledged }) => acknowledged.length), acknowledgedBefore, acknowledgedMeanwhile,
    perSecond, largestLag: byMaster(({ largestLag }) => largestLag), ...returned, logs,
  }
}

/** The masters first, as the seeds have it: a slave has to know where its master is. */
async function start() {
  picture.say('starting')
  for (const { master } of pairs) await brokers[master].start(optionsOf(properties[master]))
  for (const { master, slave } of pairs) {
    await brokers[slave].start(optionsOf(properties[slave], { haMasterAddress: brokers[master].address }))
  }
  await Promise.all(pairs.map(inSync))
}

/** Has masters take messages. They go on until they are told to stop, or killed. @returns how many were acknowledged in a second */
async function write(chosen) {
  const begun = performance.now()
  for (const { master } of chosen) await brokers[master].call('produce')
  const counts = await Promise.all(chosen.map(acknowledgedMore))
  return (counts.reduce((sum, count) => sum + count, 0) * 1000) / (performance.now() - begun)
}

/** The master that nothing happens to takes as many messages again, and may then rest: this machine has other things to do. */
async function goOn(pair) {
  const count = await acknowledgedMore(pair)
  await brokers[pair.master].call('stop')
  checks.add(`${pair.master} goes on meanwhile`, count > 0 ? undefined : 'it acknowledged nothing', `${formatCount(count)} more acknowledged`)
  return count
}

/** Waits until as many more are acknowledged as are asked for. @returns how many are */
async function acknowledgedMore({ master }) {
  const { acknowledged } = brokers[master]
  const before = acknowledged.length
  const end = performance.now() + writingMillisecondsMax
  await until(() => acknowledged.length >= before + messages || (acknowledged.length > before && performance.now() > end),
    `${master} acknowledges messages`)
  return acknowledged.length - before
}

async function killMaster() {
  const { master, slave } = killed
  const broker = brokers[master]
  const wasKilled = await broker.kill()
  const count = broker.acknowledged.length
  picture.say(`${master} is killed, with ${formatCount(count)} messages acknowledged; they are read from ${slave}`)
  checks.add(`${master} is killed while it writes`, wasKilled && count > 0 ? undefined : 'it ended by itself, or wrote nothing',
    `after ${formatCount(count)} acknowledgements`)
  return count
}

async function readFromSlave({ master, slave }, claim) {
  const { acknowledged } = brokers[master]
  const { lost, seen } = await brokers[slave].call('verify', { acknowledged })
  const missing = seen.count < acknowledged.length ? [`${seen.count} messages are there`] : []
  checks.addAll(claim, [...lost, ...missing], `${formatCount(acknowledged.length)} acknowledged, 0 lost`)
  checks.addAll(`the queues of ${slave} have each message once, in order, unchanged`, seen.problems, `${formatCount(seen.count)} messages`)
}

async function bringBack() {
  const { master } = killed
  const begun = performance.now()
  picture.say(`${master} is started again`)
  const { recovery } = await brokers[master].start(optionsOf(properties[master], { haListenPort: Number(brokers[master].address.split(':').at(-1)) }))
  const startMilliseconds = performance.now() - begun
  await inSync(killed)
  await caughtUp(killed)
  const inSyncMilliseconds = performance.now() - begun
  checks.add(`${master} comes back, and its slave follows it again`, undefined,
    `started in ${formatMilliseconds(startMilliseconds)}, its slave in sync after ${formatMilliseconds(inSyncMilliseconds)}`)
  return { recovery, startMilliseconds, inSyncMilliseconds }
}

async function compareLogs() {
  const logs = {}
  for (const { master, slave } of pairs) {
    const { maxPhyOffset: slaveEnd } = await brokers[slave].close()
    const { maxPhyOffset } = await brokers[master].close()
    const difference = slaveEnd === maxPhyOffset ? differenceOfLogs(brokers[master].directory, brokers[slave].directory, maxPhyOffset)
      : `the logs end at ${maxPhyOffset}, and ${slaveEnd}`
    checks.add(`the logs of ${master} and ${slave} are the same, byte for byte`, difference, formatMegabytes(maxPhyOffset))
    logs[master] = { bytes: maxPhyOffset, difference }
  }
  return logs
}

function inSync({ master, slave }) {
  return until(() => brokers[master].status?.replicas[0]?.isInSync, `${slave} is in sync with ${master}`)
}

function caughtUp({ master, slave }) {
  return until(() => brokers[master].status?.maxPhyOffset === brokers[slave].status?.maxPhyOffset, `${slave} has all of ${master}`)
}

async function until(condition, what) {
  for (const end = performance.now() + patience; !condition(); await pause(10)) {
    if (performance.now() > end) throw new Error(`this should be by now, and is not: ${what}`)
  }
}

function makeDirectory(name) {
  const path = join(directory, name)
  mkdirSync(path)
  return path
}

function byMaster(valueOf) {
  return Object.fromEntries(pairs.map(({ master }) => [master, valueOf(brokers[master])]))
}

function describe({ acknowledged, perSecond, largestLag, recovery, startMilliseconds, inSyncMilliseconds, logs, totalMilliseconds }) {
  const rows = [
    ['', ...pairs.map(({ master }) => master)],
    ['acknowledged', ...pairs.map(({ master }) => `${formatCount(acknowledged[master])} msg`)],
    ['log, on master and slave', ...pairs.map(({ master }) => formatMegabytes(logs[master].bytes))],
    ['slave behind, at most', ...pairs.map(({ master }) => `${formatBytes(largestLag[master].bytes)}, ${largestLag[master].milliseconds} ms`)],
  ]
  return [
    `Opened with the files of ${Object.keys(properties).join(', ')} from conf/${layoutName}`,
    '',
    formatTable(rows),
    '',
    `both masters together: ${formatRate(perSecond, 'msg')}; ${killed.master} back after ${formatMilliseconds(startMilliseconds)} ` +
      `(recovery: ${formatMilliseconds(recovery.milliseconds)}), its slave in sync after ${formatMilliseconds(inSyncMilliseconds)}`,
    '',
    ...checks.list.map(({ name, holds, detail }) => `${holds ? 'ok    ' : 'FAILED'} ${name}: ${detail}`),
    '',
    `${verdict()}; ${formatMilliseconds(totalMilliseconds)} in all`,
  ].join('\n')
}

function verdict() {
  const failed = checks.list.filter(({ holds }) => !holds).length
  return failed === 0 ? 'all of it holds' : `${failed} of ${checks.list.length} claims do not hold`
}
