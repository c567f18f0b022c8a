/**
 * The story: nobody looks after a store for a year, and at the end of it what is there is what was to be there on every single
 * day. A seed repeats a run.
 *
 * Not proved here: crashes (crash.test.ts), real disks (test/guard), and that RocketMQ would have kept the same (interop/clean).
 */
import t from 'tap'
import type { OpenOptions } from '../../lib/index'
import { Random } from '../torture/random'
import { YearStory } from './year'

const DAYS = 365

t.setTimeout(120_000)

const lives: [name: string, options: OpenOptions][] = [
  ['4.9', { compatibility: '4.9' }],
  ['5.3', { compatibility: '5.3', deleteFileBatchMax: 20 }],
  ['5.3, two hours, patient with readers', { compatibility: '5.3', deleteFileBatchMax: 50, deleteWhen: '4;16', fileReservedTime: 30, destroyMapedFileIntervalForcibly: 4 * 3_600_000 }],
]

for (const [at, [name, options]] of lives.entries()) {
  t.test(name, async (t) => {
    const story = new YearStory(options, new Random('a year', at), new Date(2024, 0, 2, 12).getTime())
    await story.live(DAYS)
    t.same(story.wrong, [])
    t.comment(JSON.stringify(story.counts))
    const { segments, hour, space, forced, delayed, revoked, reopened, tooSmall } = story.counts
    for (const count of [segments, hour, space, forced, delayed, revoked, reopened, tooSmall]) t.ok(count > 0, 'all of it has happened')
  })
}
