import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { QUEUE_ENTRY_LENGTH } from '../../lib/format/queue-entry'
import { firstFileDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { copyAsIfKilled, markUnclean, names, overwrite } from '../store/support'
import { append, contentOf, numbersIn, open, range, readNumbers, sharedFiles } from './support'

/*
 * The story: a backup shares files with the store, or with another backup, and these live on: they are written to, killed, lose their
 * newest files and are recovered, so that what was full and shared is written to once more. No backup changes by that.
 */

t.test('the store goes on', async (test) => {
  const root = test.testdir()
  const [directory, target] = [join(root, 'store'), join(root, 'copy')]
  const store = await open(test, directory)
  append(store, 0, 70)
  await store.backup(target)
  const before = contentOf(target)
  append(store, 70, 200)
  await store.close()
  const again = await open(test, directory)
  append(again, 200, 210)
  await again.close()
  expectNoDifference(test, firstFileDifference(before, contentOf(target)), 'the copy is as it was')
  test.ok(sharedFiles(directory, target, '').length > 5, 'though files are shared')
})

t.test('the store loses its newest segments, and writes to one that is shared', async (test) => {
  for (const isClean of [true, false]) {
    const root = test.testdir()
    const [directory, target] = [join(root, 'store'), join(root, 'copy')]
    const store = await open(test, directory)
    append(store, 0, 150)
    await store.backup(target)
    await store.close()
    const before = contentOf(target)
    const segments = names(directory, 'commitlog')
    for (const name of segments.slice(2)) rmSync(join(directory, 'commitlog', name))
    if (!isClean) {
      markUnclean(directory)
      rmSync(join(directory, 'checkpoint'))
    }
    const again = await open(test, directory)
    const kept = numbersIn(again).length
    test.ok(kept > 20 && kept < 100, `${kept} messages are left`)
    append(again, 1000, 1150)
    await again.close()
    expectNoDifference(test, firstFileDifference(before, contentOf(target)), `${isClean ? 'closed' : 'killed'} before: the copy is as it was`)
    test.same((await readNumbers(test, directory)).slice(0, kept), range(0, kept))
    test.same(await readNumbers(test, target), range(0, 150))
    test.equal(statSync(join(directory, 'commitlog', segments[0]!)).nlink, 2, 'what was not written to is shared still')
    test.equal(statSync(join(directory, 'commitlog', segments[1]!)).nlink, 1)
  }
})

t.test('a backup is opened as a store', async (test) => {
  const root = test.testdir()
  const [first, second] = [join(root, 'first'), join(root, 'second')]
  const store = await open(test, join(root, 'store'))
  append(store, 0, 80)
  await store.backup(first)
  await store.backup(second, { from: first })
  const [before, live] = [contentOf(second), contentOf(join(root, 'store'))]
  markUnclean(first)
  const opened = await open(test, first)
  append(opened, 100, 160)
  await opened.close()
  expectNoDifference(test, firstFileDifference(before, contentOf(second)), 'the other backup is as it was')
  expectNoDifference(test, firstFileDifference(live, contentOf(join(root, 'store'))), 'and so is the store')
})

t.test('a wrong entry in a queue file that is shared is put right in memory', async (test) => {
  const root = test.testdir()
  const [directory, target] = [join(root, 'store'), join(root, 'copy')]
  const store = await open(test, directory)
  append(store, 0, 70)
  await store.close()
  const file = join('consumequeue', 'orders', '0', names(directory, 'consumequeue', 'orders', '0')[0]!)
  overwrite(join(directory, file), 3 * QUEUE_ENTRY_LENGTH, Buffer.alloc(8, 1))
  const again = await open(test, directory)
  await again.backup(target)
  const before = contentOf(target)
  test.equal(again.get({ topic: 'orders', queueId: 0, offset: 3, maxMessages: 1 }).messages[0]?.body.toString(), 'message 9')
  await again.flush()
  expectNoDifference(test, firstFileDifference(before, contentOf(target)), 'the copy is as it was')
})

t.test('a killed store whose files are shared', async (test) => {
  const root = test.testdir()
  const [directory, target] = [join(root, 'store'), join(root, 'copy')]
  const store = await open(test, directory)
  append(store, 0, 100)
  const killed = copyAsIfKilled(directory, join(root, 'killed'))
  const recovered = await open(test, killed)
  await recovered.backup(target)
  const before = contentOf(target)
  append(recovered, 100, 130)
  await recovered.close()
  markUnclean(killed)
  rmSync(join(killed, 'checkpoint'))
  const again = await open(test, killed)
  append(again, 130, 200)
  await again.close()
  expectNoDifference(test, firstFileDifference(before, contentOf(target)), 'the copy is as it was')
  test.same(await readNumbers(test, killed), range(0, 200))
})
