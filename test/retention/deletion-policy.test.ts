/**
 * Who may be deleted when, as tables: what both versions of RocketMQ decide on the same clock and the same disks, and where
 * they decide differently. That the files go is for the other tests of this room.
 */
import t from 'tap'
import { deletionReason, expiryOf, nextDeletionHour, occasionAt, type DeletionRules, type Needs, type Occasion } from '../../lib/retention/deletion-policy'

const HOUR = 3_600_000

const rules: DeletionRules = {
  compatibility: '5.3',
  deleteWhen: '04',
  fileReservedTime: 72,
  cleanFileForciblyEnable: true,
  diskMaxUsedSpaceRatio: 75,
  diskSpaceCleanForciblyRatio: 85,
  diskSpaceWarningLevelRatio: 90,
}

function at(hour: number, minute = 0): number {
  return new Date(2024, 0, 2, hour, minute).getTime()
}

const roomy = { log: 10, queues: 10 }

function decide(rules: DeletionRules, now: number, used: Needs['used'], needs: Partial<Needs> = {}): Occasion {
  return occasionAt(rules, now, { used, isManual: false, lacksRoom: false, ...needs })
}

t.test('the hour', async (t) => {
  const cases: [deleteWhen: string, hour: number, minute: number, isIt: boolean][] = [
    ['04', 4, 0, true], ['04', 4, 59, true], ['04', 5, 0, false], ['04', 3, 59, false],
    ['4;16', 16, 30, true], ['4;16', 4, 30, true], ['4;16', 12, 0, false], ['16;', 16, 0, true], ['0', 0, 0, true], ['+7', 7, 1, true],
  ]
  for (const [deleteWhen, hour, minute, isIt] of cases) {
    const { reason } = decide({ ...rules, deleteWhen }, at(hour, minute), roomy)
    t.equal(reason, isIt ? 'hour' : undefined, `${deleteWhen} at ${hour}:${minute}`)
  }
})

t.test('the disks, at no hour of deletion', async (t) => {
  // log, queues: what 4.9 does, what 5.3 does. s: what is old goes; f: what is not goes too.
  const cases: [log: number, queues: number, for49: string, for53: string][] = [
    [10, 10, '', ''],
    [75, 75, '', ''],
    [76, 10, 's', 's'],
    [10, 76, 's', 's'],
    [85, 85, 's', 's'],
    [86, 10, 'sf', 'sf'],
    [10, 86, 'sf', 'sf'],
    [91, 10, 'sf', 'sf'],
    [10, 91, 'sf', 'sf'],
    // 4.9 does not look at the queues once the log is short of room.
    [76, 91, 's', 'sf'],
    // Nobody knows how full they are.
    [-1, 10, 's', 's'],
    [10, -1, 's', 's'],
    [-1, 91, 's', 'sf'],
  ]
  for (const [log, queues, for49, for53] of cases) {
    for (const [compatibility, expected] of [['4.9', for49], ['5.3', for53]] as const) {
      const { reason, isForced, isSpaceShort } = decide({ ...rules, compatibility }, at(12), { log, queues })
      t.equal(`${reason === 'space' ? 's' : ''}${isForced ? 'f' : ''}`, expected, `${compatibility}: log ${log}, queues ${queues}`)
      t.equal(isSpaceShort, expected !== '')
    }
  }
})

t.test('a forcible ratio below the one that asks for old files', async (t) => {
  const unusual = { ...rules, diskMaxUsedSpaceRatio: 95, diskSpaceCleanForciblyRatio: 50 }
  const used = { log: 60, queues: 60 }
  t.match(decide({ ...unusual, compatibility: '4.9' }, at(12), used), { reason: undefined, isForced: false })
  t.match(decide({ ...unusual, compatibility: '4.9' }, at(4), used), { reason: 'hour', isForced: true }, 'waits for another reason')
  t.match(decide({ ...unusual, compatibility: '5.3' }, at(12), used), { reason: 'space', isForced: true })
})

t.test('a warning level below the forcible ratio forces too', async (t) => {
  const unusual = { ...rules, diskSpaceWarningLevelRatio: 80 }
  for (const compatibility of ['4.9', '5.3'] as const) {
    t.match(decide({ ...unusual, compatibility }, at(12), { log: 81, queues: 10 }), { reason: 'space', isForced: true })
  }
})

t.test('without cleanFileForciblyEnable nothing goes before its time', async (t) => {
  const { reason, isForced } = decide({ ...rules, cleanFileForciblyEnable: false }, at(12), { log: 99, queues: 99 })
  t.same([reason, isForced], ['space', false])
})

t.test('as long as messages are refused for want of room, files go, whatever the percents are', async (t) => {
  for (const compatibility of ['4.9', '5.3'] as const) {
    const lacking = { ...rules, compatibility }
    t.match(decide(lacking, at(12), roomy, { lacksRoom: true }), { reason: 'space', isForced: true, isSpaceShort: true })
    t.match(decide(lacking, at(4), roomy, { lacksRoom: true }), { reason: 'hour', isForced: true })
    t.match(decide({ ...lacking, cleanFileForciblyEnable: false }, at(12), roomy, { lacksRoom: true }), { reason: 'space', isForced: false })
  }
})

t.test('by hand', async (t) => {
  t.match(decide(rules, at(12), roomy, { isManual: true }), { reason: 'manual', isForced: false })
  t.match(decide(rules, at(4), roomy, { isManual: true }), { reason: 'hour' }, 'other reasons come first')
  t.match(decide(rules, at(12), { log: 86, queues: 10 }, { isManual: true }), { reason: 'space', isForced: true })
})

t.test('the age', async (t) => {
  const now = at(4)
  const occasion = decide(rules, now, roomy)
  const forced = decide(rules, now, { log: 86, queues: 86 })
  const none = decide(rules, at(12), roomy)
  const old = now - 72 * HOUR
  t.equal(expiryOf(rules, old), now)
  t.equal(deletionReason(rules, occasion, old, now), 'hour', 'to the millisecond')
  t.equal(deletionReason(rules, occasion, old + 1, now), undefined)
  t.equal(deletionReason(rules, forced, old + 1, now), 'forced')
  t.equal(deletionReason(rules, forced, old, now), 'hour', 'what is old is not forced')
  t.equal(deletionReason(rules, none, 0, now), undefined, 'not at any time')
  t.equal(deletionReason({ ...rules, fileReservedTime: 0 }, occasion, now, now), 'hour')
  t.equal(deletionReason({ ...rules, fileReservedTime: 2_147_483_647 }, occasion, 0, now), undefined, 'Java has a long there, too')
})

t.test('the next hour', async (t) => {
  const cases: [deleteWhen: string, from: [hour: number, minute: number], day: number, hour: number][] = [
    ['04', [3, 59], 2, 4], ['04', [4, 0], 3, 4], ['04', [4, 30], 3, 4], ['04', [12, 0], 3, 4], ['4;16', [12, 0], 2, 16], ['3;4', [3, 30], 2, 4],
    ['0', [23, 59], 3, 0],
  ]
  for (const [deleteWhen, [hour, minute], day, next] of cases) {
    t.equal(nextDeletionHour({ ...rules, deleteWhen }, at(hour, minute)), new Date(2024, 0, day, next).getTime(), `${deleteWhen} from ${hour}:${minute}`)
  }
})

t.test('the next hour, where clocks are put forward and back', async (t) => {
  const before = process.env.TZ
  t.teardown(() => {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  })
  process.env.TZ = 'Europe/Berlin'
  const next = (text: string): string => new Date(nextDeletionHour({ ...rules, deleteWhen: '02' }, Date.parse(text))).toISOString()
  t.equal(next('2024-03-30T22:00:00Z'), '2024-04-01T00:00:00.000Z', 'a day without that hour')
  t.equal(next('2024-10-26T22:00:00Z'), '2024-10-27T00:00:00.000Z')
  t.equal(next('2024-10-27T00:10:00Z'), '2024-10-27T01:00:00.000Z', 'a day with two of them')
})
