/**
 * Recovery is a table, so that no combination of what an open may find is left to chance: here every combination is
 * asked for its row. That each row's decision is the right one is shown in rows.test.ts.
 */
import t from 'tap'
import { classify, layoutCases } from '../../lib/recovery/layout'
import { chooseCase, matches, recoveryCases, type RecoveryFacts } from '../../lib/recovery/recovery-cases'

const booleans = [false, true]

function everyFacts(): RecoveryFacts[] {
  const names = Object.keys(recoveryCases[0]!.when) as (keyof RecoveryFacts)[]
  return names.reduce<Partial<RecoveryFacts>[]>(
    (all, name) => all.flatMap((facts) => booleans.map((value) => ({ ...facts, [name]: value }))),
    [{}],
  ) as RecoveryFacts[]
}

t.test('exactly one row matches any facts', async (t) => {
  const everything = everyFacts()
  t.equal(everything.length, 32)
  for (const facts of everything) {
    const rows = recoveryCases.filter((row) => matches(row, facts))
    t.equal(rows.length, 1, JSON.stringify(facts))
    t.equal(chooseCase(facts), rows[0])
  }
})

t.test('every row is reached, and has a label of its own', async (t) => {
  const reached = new Set(everyFacts().map((facts) => chooseCase(facts).label))
  t.same([...reached].sort(), recoveryCases.map((row) => row.label).sort())
  t.equal(new Set(recoveryCases.map((row) => row.label)).size, recoveryCases.length)
})

t.test('exactly one layout row matches any file', async (t) => {
  const reached = new Set<string>()
  for (const isDirectory of booleans) {
    for (const hasSegmentName of booleans) {
      for (const size of ['empty', 'short', 'right', 'long'] as const) {
        const rows = layoutCases.filter((row) =>
          row.isDirectory === isDirectory &&
          (row.hasSegmentName === 'any' || row.hasSegmentName === hasSegmentName) &&
          (row.size === 'any' || row.size === size))
        t.equal(rows.length, 1, JSON.stringify({ isDirectory, hasSegmentName, size }))
        reached.add(classify({ isDirectory, hasSegmentName, size }).label)
      }
    }
  }
  t.equal(reached.size, layoutCases.length)
})
