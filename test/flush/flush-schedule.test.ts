/** When queues and log are flushed without being asked. That what is flushed is on a disk is shown elsewhere. */
import t from 'tap'
import { FlushSchedule } from '../../lib/flush/flush-schedule'

const options = {
  flushIntervalCommitLog: 500, flushCommitLogLeastPages: 4, flushCommitLogThoroughInterval: 10_000,
  flushIntervalConsumeQueue: 1000, flushConsumeQueueLeastPages: 2, flushConsumeQueueThoroughInterval: 60_000,
}

t.test('a clock that is set back does not put off the flush of the little that there is', async (t) => {
  let now = 100_000_000
  const timers = new Map<number, () => void>()
  const clock = {
    now: () => now,
    startTimer: (milliseconds: number, callback: () => void) => {
      timers.set(milliseconds, callback)
      return () => timers.delete(milliseconds)
    },
  }
  const done: string[] = []
  const schedule = new FlushSchedule(clock, options, {
    unflushedBytes: () => 100,
    flushLog: () => done.push('log'),
    writeDerived: () => undefined,
    syncDerived: async () => { done.push('derived') },
  })
  schedule.start()
  const fire = (): void => {
    for (const callback of [...timers.values()]) callback()
  }
  now += 2000
  fire()
  t.same(done, [], 'it is not time')
  now -= 7_200_000
  fire()
  t.same(done, ['log', 'derived'], 'nobody knows whether it is time')
  now += 2000
  fire()
  t.same(done, ['log', 'derived'], 'from then on the new time counts')
  schedule.stop()
})
