import t from 'tap'
import { Growth } from '../../lib/replication/growth'

/*
 * The story: whoever sends the log to others has to hear that there is more of it; not a thousand times while a thousand messages
 * are put, and never from within a put.
 */

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('once a turn, and not at once', async (test) => {
  const growth = new Growth()
  let calls = 0
  growth.on(() => calls++)
  growth.note()
  growth.note()
  test.equal(calls, 0)
  await turn()
  test.equal(calls, 1)
  await turn()
  test.equal(calls, 1, 'nothing has grown since')
  growth.note()
  await turn()
  test.equal(calls, 2)
})

t.test('what grows while listeners are told is told again', async (test) => {
  const growth = new Growth()
  let calls = 0
  growth.on(() => {
    if (++calls === 1) growth.note()
  })
  growth.note()
  await turn()
  await turn()
  test.equal(calls, 2)
})

t.test('listeners come and go', async (test) => {
  const growth = new Growth()
  const calls: string[] = []
  const both = (): void => void calls.push('both')
  const endFirst = growth.on(both)
  const endSecond = growth.on(both)
  growth.note()
  await turn()
  test.same(calls, ['both', 'both'], 'the same function listens twice')
  endFirst()
  endFirst()
  growth.note()
  endSecond()
  await turn()
  test.same(calls, ['both', 'both'], 'nobody listens any more')
  growth.note()
  growth.on(() => calls.push('late'))
  await turn()
  test.same(calls, ['both', 'both'], 'the growth was before')
  growth.note()
  await turn()
  test.same(calls, ['both', 'both', 'late'])
})
