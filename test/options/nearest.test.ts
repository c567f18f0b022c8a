import fc from 'fast-check'
import t from 'tap'
import { editDistance, nearest } from '../../lib/options/nearest'

t.test('distances', async (t) => {
  const cases: [string, string, number][] = [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['flaw', 'lawn', 2],
    ['same', 'same', 0],
  ]
  for (const [from, to, distance] of cases) t.equal(editDistance(from, to), distance)
})

t.test('it is a distance', async () => {
  const text = fc.string({ maxLength: 8 })
  fc.assert(
    fc.property(text, text, text, (a, b, c) => {
      const direct = editDistance(a, b)
      return (
        direct === editDistance(b, a) &&
        (direct === 0) === (a === b) &&
        direct <= editDistance(a, c) + editDistance(c, b)
      )
    }),
  )
})

t.test('capitals do not count, and the first of equals wins', async (t) => {
  t.equal(nearest('FLUSHDISKTYPE', ['flushDisk', 'flushDiskType']), 'flushDiskType')
  t.equal(nearest('ab', ['ac', 'ad']), 'ac')
})
