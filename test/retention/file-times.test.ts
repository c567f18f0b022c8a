/**
 * The story: a broker takes a directory over and deletes by the times of the files. They have to say how old the messages are,
 * and not when somebody copied, repaired or recovered the store.
 */
import { statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MessageStore } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { copyAsIfKilled } from '../store/support'
import { HOUR, NOON, SEGMENT, fillSegments, nameOf, openRetained, small } from './support'

const backend = selectBackend('auto')

function timeOf(directory: string, segment: number): number {
  return Math.floor(statSync(join(directory, 'commitlog', nameOf(segment * SEGMENT))).mtimeMs)
}

function setTime(directory: string, segment: number, milliseconds: number): void {
  utimesSync(join(directory, 'commitlog', nameOf(segment * SEGMENT)), milliseconds / 1000, milliseconds / 1000)
}

t.test('a full segment bears the time of its last message, once it is on the disk', async (t) => {
  const directory = t.testdir()
  const surroundings = await openRetained(t, {}, { backend, directory })
  fillSegments(surroundings, 4)
  await surroundings.store.flush()
  t.same([0, 1, 2].map((segment) => timeOf(directory, segment)), [0, 1, 2].map((segment) => NOON + segment * HOUR))
  fillSegments(surroundings, 2)
  await surroundings.store.close()
  t.same([3, 4].map((segment) => timeOf(directory, segment)), [3, 4].map((segment) => NOON + segment * HOUR), 'also at the close')
})

t.test('after a crash they have it again', async (t) => {
  const live = t.testdir()
  const surroundings = await openRetained(t, {}, { backend, directory: live })
  fillSegments(surroundings, 4)
  const directory = copyAsIfKilled(live, `${live}-copy`)
  const now = Date.now()
  for (const segment of [0, 1, 2]) t.ok(timeOf(directory, segment) >= now - 60_000, 'a copy')
  const store = await MessageStore.open(directory, { ...small, clock: surroundings.clock })
  t.equal(store.recovery.label, '@crash-queues-missing')
  t.same([0, 1, 2].map((segment) => timeOf(directory, segment)), [0, 1, 2].map((segment) => NOON + segment * HOUR))
  await store.close()
})

t.test('a segment before the scan that is older than its own first message is as old as the first one behind it', async (t) => {
  const live = t.testdir()
  const surroundings = await openRetained(t, {}, { backend, directory: live })
  const { store, clock } = surroundings
  for (let segment = 0; segment < 5; segment++) {
    fillSegments(surroundings, 1)
    await store.flush()
  }
  const directory = copyAsIfKilled(live, `${live}-copy`)
  for (const segment of [0, 1, 2]) setTime(directory, segment, NOON - HOUR)
  const again = await MessageStore.open(directory, { ...small, clock })
  t.equal(again.recovery.scannedFrom, 3 * SEGMENT)
  t.equal(timeOf(directory, 2), NOON + 3 * HOUR)
  t.equal(timeOf(directory, 1), NOON - HOUR, 'those before it were on the disk long ago')
  await again.close()
})

t.test('an open after an orderly close leaves them alone', async (t) => {
  const directory = t.testdir()
  const surroundings = await openRetained(t, {}, { backend, directory })
  fillSegments(surroundings, 3)
  await surroundings.store.close()
  setTime(directory, 0, NOON - 5 * HOUR)
  const store = await MessageStore.open(directory, { ...small, clock: surroundings.clock })
  t.equal(timeOf(directory, 0), NOON - 5 * HOUR, 'an operator may want a file to go')
  await store.close()
})
