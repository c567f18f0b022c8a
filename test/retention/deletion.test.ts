/**
 * The story: an operator wants to know that what he configured is what goes, no more and no less, and that the room is free
 * when he is told so.
 *
 * Not proved here: that RocketMQ decides the same (interop/clean), and crashes in the middle (crash.test.ts).
 */
import t from 'tap'
import { SEGMENT, HOUR, fillSegments, nameOf, openRetained, segmentNames, turns } from './support'

t.test('old segments go at the hour of deletion, and nothing else does', async (t) => {
  const surroundings = await openRetained(t)
  const { store, clock, deletions } = surroundings
  fillSegments(surroundings, 10, { everyHours: 24 })
  t.same(segmentNames(surroundings).length, 10)
  clock.advance(60_000)
  await turns()
  t.same(deletions, [], 'not at noon')
  clock.advance(16 * HOUR)
  await turns()
  const gone = deletions.filter(({ kind }) => kind === 'commitlog')
  t.same(gone.map(({ file }) => file), [0, 1, 2, 3, 4, 5, 6].map((number) => `/data/store/commitlog/${nameOf(number * SEGMENT)}`))
  t.ok(gone.every(({ reason }) => reason === 'hour'))
  t.equal(store.minPhyOffset, 7 * SEGMENT)
  t.same(segmentNames(surroundings).at(0), nameOf(7 * SEGMENT))
})
