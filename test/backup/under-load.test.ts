import t from 'tap'
import { backUpUnderLoad } from './load'

/*
 * The story: messages are put as fast as they are acknowledged, and a backup is made again and again. Each has all that had been
 * acknowledged when it began. More of it, by hand: load.ts.
 */

t.setTimeout(120_000)

t.test('ten backups under load', async (test) => {
  const options = { mappedFileSizeCommitLog: 256 << 10, mappedFileSizeConsumeQueue: 2000, maxHashSlotNum: 500, maxIndexNum: 3000 }
  const report = await backUpUnderLoad({ directory: test.testdir(), backups: 10, every: 200, options })
  test.same(report.wrong, [])
  test.same(report.backups.map(({ label }) => label), new Array(10).fill('@clean'))
  const last = report.backups.at(-1)!
  test.ok(last.found >= last.acknowledged && last.acknowledged > report.backups[0]!.acknowledged, `${last.acknowledged} had been acknowledged before the last one`)
  test.ok(last.linkedBytes > 0, 'sealed files are shared')
})
