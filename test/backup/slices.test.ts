import { join } from 'node:path'
import t, { type Test } from 'tap'
import { selectBackend } from '../../lib/storage/backend'
import { inSlices } from '../../lib/storage/in-slices'
import { withFiles } from '../store/support'
import { append, open } from './support'

/*
 * The story: a store with many files is backed up while there is much else to do, so that each pause takes long. The backup pauses
 * by the time that it has worked, whatever the number of files.
 */

/** Time that passes only as the test says. */
function stopTime(test: Test): { pass(milliseconds: number): void } {
  let now = 0
  test.intercept(performance, 'now', { value: () => now })
  return { pass: (milliseconds) => void (now += milliseconds) }
}

t.test('work of some milliseconds, then a pause', async (test) => {
  const time = stopTime(test)
  const pauses: string[] = []
  const pause = inSlices(async (step: string) => {
    pauses.push(step)
    time.pass(1000)
  })
  for (const step of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    time.pass(1)
    await pause(step)
  }
  test.same(pauses, ['d', 'h'], 'what a pause takes is no work')
})

t.test('what takes no time is done in one turn, however many files it is', async (test) => {
  const root = test.testdir()
  const real = selectBackend('auto')
  let turn = 0
  const turns = { copying: new Set<number>(), removing: new Set<number>() }
  const backend = withFiles(real, {
    link(from, to) {
      turns.copying.add(turn)
      real.files.link(from, to)
    },
    remove(path) {
      if (path.includes('.previous')) turns.removing.add(turn)
      real.files.remove(path)
    },
  })
  const store = await open(test, join(root, 'store'), { ports: { backend } })
  append(store, 0, 1000)
  await store.backup(join(root, 'copy'))
  stopTime(test)
  turns.copying.clear()
  let isRunning = true
  const next = (): void => {
    turn++
    if (isRunning) setImmediate(next)
  }
  next()
  const { files } = await store.backup(join(root, 'copy'))
  isRunning = false
  test.ok(files > 100, `${files} files`)
  test.equal(turns.copying.size, 1)
  // That which says what the directory is, and the rest.
  test.ok(turns.removing.size <= 2, `${turns.removing.size}`)
})
