import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MessageStore } from '../dist/esm.mjs'
import { askByKey, askByTime } from './demo/ask.js'
import { Checks } from './demo/checks.js'
import { findLost, writeUntilKilled } from './demo/crash.js'
import { diskUsage } from './demo/disk-usage.js'
import { endProgress } from './demo/progress.js'
import { storeOptions } from './demo/store-options.js'
import { readAll, writeAndFollow } from './demo/write-and-follow.js'
import { makeScratchDirectory } from './scratch-directory.js'
import { formatCount, formatMegabytes, formatMilliseconds, formatRate, formatTable } from './table.js'

/**
 * npm run demo: the main job on real input. A broker's own configuration, messages of all sizes, a reader for each
 * queue, questions by key and by time, and a writer that is killed in the middle. Every answer is checked.
 */

const messageCount = 200_000
/** As somebody published it, comments and odd spacing included. */
const propertiesFile = fileURLToPath(new URL('../test/fixtures/seeds/000-2m-2s-async-master.properties', import.meta.url))

const { values: given } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const directory = makeScratchDirectory(tmpdir(), 'mqstore-demo-')
const checks = new Checks()
const started = performance.now()
const first = await fillStore()
const second = await killWriter()
endProgress()
const report = { ...first, ...second, totalMilliseconds: performance.now() - started, checks: checks.list }
console.log(given.json ? JSON.stringify(report, null, 2) : describe(report))
process.exitCode = checks.allHold ? 0 : 1

async function fillStore() {
  const store = await MessageStore.open(directory, storeOptions(propertiesFile))
  const { written, seen, appendMilliseconds, milliseconds } = await writeAndFollow(store, messageCount)
  checks.addAll('readers get every message once, in order, unchanged', [...seen.problems, ...missing(seen.count, messageCount)],
    `${formatCount(seen.count)} messages`)
  const byKey = askByKey(store, written)
  checks.addAll('queries by key find what was written', byKey.problems, `${formatCount(byKey.count)} queries`)
  const byTime = askByTime(store, written)
  checks.addAll('offsets by time are those of the times written', byTime.problems, `${formatCount(byTime.count)} questions`)
  const { backend, unusedProperties, maxPhyOffset: logBytes } = store
  await store.close()
  return {
    backend, unusedProperties, logBytes, messageCount, appendMilliseconds, byKey, byTime,
    // Writer and readers share the thread: what the one did not take the others did.
    readMilliseconds: milliseconds - appendMilliseconds,
    queueBytes: diskUsage(join(directory, 'consumequeue')),
    indexBytes: diskUsage(join(directory, 'index')),
  }
}

async function killWriter() {
  const { acknowledged, wasKilled } = await writeUntilKilled(directory, propertiesFile, messageCount)
  checks.add('the writing process is killed', wasKilled && acknowledged.length > 0 ? undefined : 'it ended by itself, or wrote nothing',
    `after ${formatCount(acknowledged.length)} acknowledgements`)
  const store = await MessageStore.open(directory, storeOptions(propertiesFile))
  const lost = findLost(store, acknowledged)
  checks.addAll('every acknowledged message is there', lost, `${formatCount(acknowledged.length)} acknowledged, 0 lost`)
  const { seen, milliseconds } = await readAll(store)
  checks.addAll('all messages are unchanged', [...seen.problems, ...missing(seen.count, messageCount + acknowledged.length)],
    `${formatCount(seen.count)} messages`)
  const { recovery } = store
  await store.close()
  return { acknowledged: acknowledged.length, lost: lost.length, recovery, rereadCount: seen.count, rereadMilliseconds: milliseconds }
}

function missing(count, least) {
  return count < least ? [`${count} messages, but ${least} were written`] : []
}

function describe(figures) {
  const { unusedProperties, logBytes, recovery, byKey, byTime } = figures
  const perSecond = (count, milliseconds) => (count * 1000) / milliseconds
  const rows = [
    ['append', formatRate(perSecond(messageCount, figures.appendMilliseconds), 'msg'),
      `${formatMegabytes(perSecond(logBytes, figures.appendMilliseconds))}/s`],
    ['followed and checked', formatRate(perSecond(messageCount, figures.readMilliseconds), 'msg'),
      `${formatMegabytes(perSecond(logBytes, figures.readMilliseconds))}/s`],
    ['query by key', formatRate(perSecond(byKey.count, byKey.milliseconds), 'query'), ''],
    ['offset by time', formatRate(perSecond(byTime.count, byTime.milliseconds), 'query'), ''],
    ['log', `${formatCount(messageCount)} msg`, formatMegabytes(logBytes)],
    ['queues, on disk', '', formatMegabytes(figures.queueBytes)],
    ['index, on disk', '', formatMegabytes(figures.indexBytes)],
    ['recovery', recovery.label, formatMilliseconds(recovery.milliseconds)],
    ['read again and checked', formatRate(perSecond(figures.rereadCount, figures.rereadMilliseconds), 'msg'), ''],
  ]
  return [
    `Opened with ${propertiesFile}`,
    `  not used: ${unusedProperties.map(({ key }) => key).join(', ')}`,
    '',
    formatTable(rows),
    '',
    ...checks.list.map(({ name, holds, detail }) => `${holds ? 'ok    ' : 'FAILED'} ${name}: ${detail}`),
    '',
    `${formatMilliseconds(figures.totalMilliseconds)} in all, backend ${figures.backend}`,
  ].join('\n')
}
