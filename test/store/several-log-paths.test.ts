/*
 * The story: one disk is not enough for the log, or one is to be taken out of service. Segments go round the directories that
 * are listed, as RocketMQ's do; one that has hardly any room is passed over; one that is not mounted is noticed before anything
 * is written behind the hole that it leaves.
 */
import { copyFileSync, cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { systemDiskMeter } from '../../lib/storage/system-disk-meter'
import type { DiskMeter } from '../../lib/storage/ports'
import { SteppedClock } from '../torture/stepped-clock'
import { START, codeOf, message, messageOfSize, names, openStore, smallFiles } from './support'

const SEGMENT = smallFiles.mappedFileSizeCommitLog
const segmentsIn = (...directory: string[]): number[] => names(...directory).map((name) => Number(name) / SEGMENT)

/** Lists of options, and where they lead. */
function lay(t: Test): { root: string; one: string; two: string; list: string } {
  const base = t.testdir()
  const [one, two] = [join(base, 'one'), join(base, 'two')]
  return { root: join(base, 'store'), one, two, list: `${two},${one}` }
}

/** Fills segments up to number `to`. */
function fill(store: MessageStore, to: number): void {
  while (store.maxPhyOffset < to * SEGMENT) store.append(messageOfSize(1000))
}

function count(store: MessageStore): number {
  let found = 0
  for (let offset = 0; offset < store.maxOffset('orders', 0);) {
    const result = store.get({ topic: 'orders', queueId: 0, offset })
    found += result.messages.length
    offset = result.nextBeginOffset
    result.release()
  }
  return found
}

t.test('segments go round the directories, by the order of their names, and are read in the order of the log', async (t) => {
  const { root, one, two, list } = lay(t)
  const store = await openStore(t, root, { storePathCommitLog: list })
  fill(store, 4.2)
  t.same([segmentsIn(one), segmentsIn(two), segmentsIn(root, 'commitlog')], [[0, 2, 4], [1, 3], []])
  const written = store.maxOffset('orders', 0)
  t.equal(count(store), written)
  await store.close()
  const again = await openStore(t, root, { storePathCommitLog: list })
  t.equal(again.recovery.label, '@clean')
  t.equal(count(again), written)
  fill(again, 5.2)
  t.same([segmentsIn(one), segmentsIn(two)], [[0, 2, 4], [1, 3, 5]])
  t.equal(count(again), again.maxOffset('orders', 0))
  await again.close()
})

t.test('a crash in the middle of it', async (t) => {
  const { root, one, two, list } = lay(t)
  const store = await openStore(t, root, { storePathCommitLog: list })
  fill(store, 2.7)
  await store.flush()
  t.same(segmentsIn(two), [1, 3], 'one is prepared ahead')
  const copy = join(root, '..', 'copy')
  for (const [from, to] of [[root, copy], [one, `${one}-copy`], [two, `${two}-copy`]] as const) cpSync(from, to, { recursive: true })
  const after = await openStore(t, copy, { storePathCommitLog: `${one}-copy,${two}-copy` })
  t.equal(after.recovery.label, '@crash')
  t.equal(count(after), store.maxOffset('orders', 0))
  fill(after, 4.2)
  t.equal(count(after), after.maxOffset('orders', 0))
  await after.close()
  await store.close()
})

t.test('a directory that is only read from: its segments are read, and no new ones come', async (t) => {
  const { root, one, two, list } = lay(t)
  const before = await openStore(t, root, { storePathCommitLog: list })
  fill(before, 3.2)
  await before.close()
  const options = { storePathCommitLog: list, readOnlyCommitLogStorePaths: one } satisfies OpenOptions
  const store = await openStore(t, root, options)
  fill(store, 6.2)
  t.same([segmentsIn(one), segmentsIn(two)], [[0, 2], [1, 3, 4, 5, 6]])
  t.equal(count(store), store.maxOffset('orders', 0))
  await store.close()
  const moved = await openStore(t, root, { storePathCommitLog: two, readOnlyCommitLogStorePaths: one })
  t.equal(count(moved), moved.maxOffset('orders', 0), 'also where the list of those to be written to has it no more')
  await moved.close()
})

t.test('a directory with hardly any room is passed over, and full is what all of them are', async (t) => {
  const { root, one, two, list } = lay(t)
  const left = { [one]: 50, [two]: 50 }
  const disk: DiskMeter = {
    usage(path) {
      const usage = systemDiskMeter.usage(path)
      const device = path === one ? 1 : path === two ? 2 : 3
      return usage && { totalBytes: 100 << 20, freeBytes: (left[path] ?? 50) << 20, device }
    },
  }
  const clock = new SteppedClock(START)
  const store = await openStore(t, root, { storePathCommitLog: list, clock, ports: { disk } })
  t.equal(store.volumes.length, 3)
  fill(store, 1.2)
  left[one] = 10
  clock.advance(1000)
  fill(store, 4.2)
  t.same([segmentsIn(one), segmentsIn(two)], [[0], [1, 2, 3, 4]], 'above 85 % used')
  left[one] = 5
  clock.advance(1000)
  t.ok(store.append(message()).isStored(), 'one of two is full')
  t.same(store.volumes.map(({ level }) => level), ['ok', 'full', 'ok'])
  left[two] = 5
  clock.advance(1000)
  t.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL')
  t.match(store.pressure(), [{ reason: 'diskFull' }])
  left[one] = 50
  clock.advance(1000)
  fill(store, 5.2)
  t.same([segmentsIn(one), segmentsIn(two)], [[0, 5], [1, 2, 3, 4]])
  t.equal(count(store), store.maxOffset('orders', 0))
  await store.close()
})

t.test('a directory that is not there: nothing is opened, and nothing changed', async (t) => {
  for (const absent of ['one', 'two'] as const) {
    const { root, list, ...directories } = lay(t)
    const options = { storePathCommitLog: list } satisfies OpenOptions
    const store = await openStore(t, root, options)
    fill(store, 3.5)
    const written = store.maxOffset('orders', 0)
    await store.close()
    const path = directories[absent]
    renameSync(path, `${path}-elsewhere`)
    t.equal(await codeOf(() => openStore(t, root, options)), 'ERR_LOG_MISSING', absent)
    rmSync(path, { recursive: true, force: true })
    renameSync(`${path}-elsewhere`, path)
    const again = await openStore(t, root, options)
    t.equal(count(again), written, 'and once it is there again')
    await again.close()
  }
})

t.test('the same segment in two directories', async (t) => {
  const { root, one, two, list } = lay(t)
  const store = await openStore(t, root, { storePathCommitLog: list })
  fill(store, 2.5)
  await store.close()
  copyFileSync(join(one, '0'.repeat(20)), join(two, '0'.repeat(20)))
  t.equal(await codeOf(() => openStore(t, root, { storePathCommitLog: list })), 'ERR_SEGMENT_SIZE')
})
