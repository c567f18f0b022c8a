import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MessageStore } from '../../lib/index'
import type { Machine } from '../../lib/cli/machine'
import { SettableClock } from '../support/settable-clock'
import { command } from './command'
import { NOW, stillMachine } from './screen'
import { makeStoreInTime, smallFiles, smallFilesWords, writeConsumerOffsets } from './store-of-messages'

/* The story: before four o'clock an operator wants to know what will be gone after it. What the command says is what the store does. */

const HOUR = 3_600_000
const GIB = 2 ** 30

// Hours of deleteWhen are those of the process.
process.env['TZ'] = 'UTC'

function machineWith(now: number, usedPercent: number): Machine {
  const disk = { usage: () => ({ totalBytes: 100 * GIB, freeBytes: (100 - usedPercent) * GIB, device: 1 }) }
  return { ...stillMachine, disk, clock: new SettableClock(now) }
}

async function preview(directory: string, machine: Machine, ...options: string[]): Promise<any> {
  const words = options.flatMap((option) => ['--set', option])
  const { exitCode, lines, stderr } = await command(['retention', directory, '--json', ...words, ...smallFilesWords], '', { machine })
  t.equal(stderr, '')
  t.equal(exitCode, 0)
  return lines[0]
}

const segmentsIn = (directory: string): string[] => readdirSync(join(directory, 'commitlog')).map((name) => join(directory, 'commitlog', name))

t.test('what goes now, at the next hour, and what stays', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStoreInTime(directory, 300, NOW - 300 * HOUR, HOUR)
  const segments = segmentsIn(directory)
  t.equal(segments.length, 5)
  const files = (planned: any[]): string[] => planned.map(({ file }) => file)
  const expiredAt = (time: number): string[] => segments.slice(0, -1).filter((file) => statSync(file).mtimeMs + 72 * HOUR <= time)
  const nextHour = Date.UTC(2024, 0, 3, 4)

  const atRest = await preview(directory, machineWith(NOW, 50))
  t.match(atRest, { directory, at: NOW, timeZone: 'UTC', usedPercents: { log: 50, queues: 50 }, now: [], next: { at: nextHour }, unconsumed: null })
  t.strictSame(files(atRest.next.files), expiredAt(nextHour + HOUR))
  t.ok(expiredAt(nextHour + HOUR).length > 0)

  const inItsHour = await preview(directory, machineWith(NOW, 50), 'deleteWhen=15')
  t.strictSame(files(inItsHour.now), expiredAt(NOW + HOUR).filter((file) => expiredAt(NOW).includes(file)))
  t.match(inItsHour.now[0], { reason: 'hour', text: /deleteWhen/ })

  t.match((await preview(directory, machineWith(NOW, 80))).now[0], { reason: 'space' })
  const forced = await preview(directory, machineWith(NOW, 88), 'fileReservedTime=720')
  t.strictSame(files(forced.now), segments.slice(0, -1), 'all but the last')
  t.match(forced.now[0], { reason: 'forced' })
  t.strictSame(files((await preview(directory, machineWith(NOW, 88), 'fileReservedTime=720', 'cleanFileForciblyEnable=false')).now), [])
  t.strictSame(segmentsIn(directory), segments, 'nothing was deleted')
})

t.test('what the store then deletes is what was said', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStoreInTime(directory, 300, NOW - 300 * HOUR, HOUR)
  const said = await preview(directory, machineWith(NOW, 50), 'deleteWhen=15', 'deleteCommitLogFilesInterval=0')
  const before = segmentsIn(directory)
  const store = await MessageStore.open(directory, {
    ...smallFiles, clock: new SettableClock(NOW), deleteWhen: '15', deleteCommitLogFilesInterval: 0, deleteConsumeQueueFilesInterval: 0,
  })
  await store.retention.deleteNow()
  await store.close()
  const left = segmentsIn(directory)
  t.strictSame(before.filter((file) => !left.includes(file)), said.now.map(({ file }: any) => file))
})

t.test('who has not read it', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStoreInTime(directory, 300, NOW - 300 * HOUR, HOUR)
  const shown = async (): Promise<string> => (await command(['retention', directory, ...smallFilesWords], '', { machine: machineWith(NOW, 50) })).stdout
  t.notMatch(await shown(), 'unread')
  writeConsumerOffsets(directory, { 'orders@slow': { 0: 10, 1: 75 }, 'orders@quick': { 0: 75, 1: 75 } })
  t.match((await preview(directory, machineWith(NOW, 50))).unconsumed, { group: 'slow', topic: 'orders', queueId: 0, queueOffset: 10 })
  t.match(await shown(), /unread +slow has yet to read orders\/0 from 10 on, commit log offset \d+: that would be deleted/)
  writeConsumerOffsets(directory, { 'orders@slow': { 0: 74, 1: 75 } })
  t.match(await shown(), /unread +slow has yet to read orders\/0 from 74 on, commit log offset \d+\n/)
  writeConsumerOffsets(directory, { 'orders@slow': { 0: 75, 1: 75 } })
  t.notMatch(await shown(), 'unread')
  writeFileSync(join(directory, 'config', 'consumerOffset.json'), '{')
  const corrupt = await command(['retention', directory, '--json', ...smallFilesWords], '', { machine: machineWith(NOW, 50) })
  t.match(corrupt, { exitCode: 0, stderr: /warning: .*consumerOffset\.json/, lines: [{ unconsumed: null }] })
})
