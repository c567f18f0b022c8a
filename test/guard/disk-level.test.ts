/*
 * The story: brokers that refuse everything from some percentage on, say so nowhere, and come and go around it; or that reach the
 * last byte unwarned, since ten percent of a small disk is less than the next file.
 */
import t from 'tap'
import { bytesLeftAt, crossed, excessOf, levelOf, thresholdsOf, type DiskOptions, type Threshold } from '../../lib/guard/disk-level'
import type { DiskLevel } from '../../lib/types'

const MEBIBYTE = 1 << 20
const defaults: DiskOptions = { diskMaxUsedSpaceRatio: 75, diskSpaceCleanForciblyRatio: 85, diskSpaceWarningLevelRatio: 90, diskFreeSpaceMin: 0 }
/** No limit by ratio is ever reached, but the one that cannot be switched off. */
const bytesOnly: DiskOptions = { ...defaults, diskMaxUsedSpaceRatio: 95, diskSpaceCleanForciblyRatio: 100, diskSpaceWarningLevelRatio: 100 }

/** Levels of a volume on its way through these amounts that are left. */
function levels(thresholds: readonly Threshold[], left: readonly number[]): DiskLevel[] {
  let before: boolean[] = []
  return left.map((freeBytes) => levelOf(thresholds, (before = crossed(thresholds, freeBytes, before))))
}

t.test('by ratio, as RocketMQ has it: full above 90 %, and until back at 85 %', async (t) => {
  const thresholds = thresholdsOf(1000, defaults, 0)
  t.same(levels(thresholds, [250, 249, 100, 99, 140, 149, 150]), ['ok', 'warning', 'warning', 'full', 'full', 'full', 'warning'])
  t.same(levels(thresholds, [150, 260, 269, 270, 250]), ['warning', 'warning', 'warning', 'ok', 'ok'], 'two percent behind the limit')
  t.same(levels(thresholds, [0, 900]), ['full', 'ok'], 'all at once')
})

t.test('by bytes left, ten percent of the limit', async (t) => {
  const thresholds = thresholdsOf(1000 * MEBIBYTE, { ...bytesOnly, diskFreeSpaceMin: 60 }, 40 * MEBIBYTE)
  const left = [100, 99, 60, 59, 65, 66, 99, 109, 110].map((mebibytes) => mebibytes * MEBIBYTE)
  t.same(levels(thresholds, left), ['ok', 'warning', 'warning', 'full', 'full', 'warning', 'warning', 'warning', 'ok'])
})

t.test('a limit that has not been reached is none to be left', async (t) => {
  const thresholds = thresholdsOf(1000 * MEBIBYTE, { ...defaults, diskFreeSpaceMin: 110 }, 0)
  t.same(levels(thresholds, [109 * MEBIBYTE, 121 * MEBIBYTE]), ['full', 'warning'], 'though 85 % are used still')
})

t.test('what the options mean', async (t) => {
  t.same(thresholdsOf(1000, defaults, 5), [
    { level: 'full', below: 100, until: 150 }, { level: 'full', below: 0, until: 0 },
    { level: 'warning', below: 250, until: 270 }, { level: 'warning', below: 5, until: 6 },
  ])
  t.match(thresholdsOf(1000, { ...defaults, diskMaxUsedSpaceRatio: 88 }, 5)[2], { below: 150 }, 'files that go before their time are worth a warning')
  t.match(thresholdsOf(1000, { ...defaults, diskSpaceWarningLevelRatio: 80 }, 5)[0], { below: 200, until: 220 })
  t.same(levels(thresholdsOf(1000, bytesOnly, 0), [0]), ['warning'], '100 % is never exceeded')
  t.equal(bytesLeftAt(85, 1001), 151)
})

t.test('what has to go is what makes room: not a byte less', async (t) => {
  const totalBytes = 977 * MEBIBYTE + 11
  for (const diskSpaceCleanForciblyRatio of [30, 85, 89, 95, 100]) {
    for (const diskSpaceWarningLevelRatio of [35, 90, 99, 100]) {
      for (const diskFreeSpaceMin of [0, 1, 100]) {
        const thresholds = thresholdsOf(totalBytes, { ...defaults, diskSpaceCleanForciblyRatio, diskSpaceWarningLevelRatio, diskFreeSpaceMin }, 0)
        for (const freeBytes of [0, 1, MEBIBYTE, 90 * MEBIBYTE, 120 * MEBIBYTE, 700 * MEBIBYTE]) {
          const before = crossed(thresholds, freeBytes, [])
          const excess = excessOf(thresholds, before, freeBytes)
          t.equal(excess > 0, levelOf(thresholds, before) === 'full')
          const after = (bytes: number): DiskLevel => levelOf(thresholds, crossed(thresholds, freeBytes + bytes, before))
          if (after(excess) === 'full') t.fail(`${excess} bytes are not enough`)
          if (excess > 0 && after(excess - 1) !== 'full') t.fail(`${excess} bytes are too many`)
        }
      }
    }
  }
})

t.test('a volume of no size is not full', async (t) => {
  t.same(levels(thresholdsOf(0, defaults, 0), [0]), ['ok'])
})
