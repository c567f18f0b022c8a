/**
 * Group commit against a disk that the test holds in its hand: who waits for what, what a timeout says, and that the first
 * failed flush is the last. That the bytes are on a real disk then is not shown here.
 */
import t from 'tap'
import { StoreError } from '../../lib/index'
import { GroupCommit } from '../../lib/flush/group-commit'
import type { Clock } from '../../lib/storage/ports'

/** A log whose flushes end when the test says so. */
class HeldLog {
  maxOffset = 0
  readonly flushes: { from: number; to: number; end(error?: Error): void }[] = []

  flush(from: number, to: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.flushes.push({ from, to, end: (error) => (error === undefined ? resolve() : reject(error)) })
    })
  }
}

class HandClock implements Clock {
  time = 1_000
  #timers: { at: number; callback: () => void }[] = []

  now(): number {
    return this.time
  }

  /** Somebody sets the clock; timers go by what has passed. */
  set(time: number): void {
    for (const timer of this.#timers) timer.at += time - this.time
    this.time = time
  }

  startTimer(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.time + milliseconds, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  advance(milliseconds: number): void {
    this.time += milliseconds
    const due = this.#timers.filter((timer) => timer.at <= this.time)
    this.#timers = this.#timers.filter((timer) => timer.at > this.time)
    for (const { callback } of due) callback()
  }
}

function setUp(): { log: HeldLog; clock: HandClock; group: GroupCommit; failures: StoreError[] } {
  const log = new HeldLog()
  const clock = new HandClock()
  const failures: StoreError[] = []
  const group = new GroupCommit(log, clock, { onFlushed: () => undefined, onFailed: (error) => failures.push(error) })
  return { log, clock, group, failures }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('who comes during a flush shares the next one', async (t) => {
  const { log, group } = setUp()
  log.maxOffset = 100
  const first = group.waitFor(100, 5000)
  log.maxOffset = 200
  const second = group.waitFor(200, 5000)
  log.maxOffset = 300
  const third = group.waitFor(300, 5000)
  t.same(log.flushes.map(({ from, to }) => [from, to]), [[0, 100]], 'the first flush covers what was written when it began')
  log.flushes[0]!.end()
  t.equal(await first, true)
  t.equal(group.flushedOffset, 100)
  await turn()
  t.same(log.flushes.map(({ from, to }) => [from, to]), [[0, 100], [100, 300]])
  log.flushes[1]!.end()
  t.same(await Promise.all([second, third]), [true, true])
  t.equal(log.flushes.length, 2)
})

t.test('who is let go and puts again shares the next flush with all who do', async (t) => {
  const { log, group } = setUp()
  const put = (): Promise<boolean> => group.waitFor((log.maxOffset += 10), 5000)
  const putTwice = async (): Promise<boolean> => (await put()) && put()
  const writers = Array.from({ length: 8 }, putTwice)
  log.flushes[0]!.end()
  await turn()
  await turn()
  t.same(log.flushes.map(({ from, to }) => [from, to]), [[0, 10], [10, 90]], 'the first of them has put again')
  log.flushes[1]!.end()
  await turn()
  await turn()
  t.same(log.flushes.slice(2).map(({ from, to }) => [from, to]), [[90, 160]], 'and then all the others, for whom there is one flush')
  log.flushes[2]!.end()
  t.same(await Promise.all(writers), writers.map(() => true))
})

t.test('what is durable already is not waited for', async (t) => {
  const { log, group } = setUp()
  log.maxOffset = 10
  const waiting = group.waitFor(10, 5000)
  log.flushes[0]!.end()
  await waiting
  t.equal(await group.waitFor(10, 5000), true)
  t.equal(log.flushes.length, 1)
  group.start()
  t.equal(log.flushes.length, 1, 'nothing new, no flush')
})

t.test('a clock that is set back makes nobody wait for hours', async (t) => {
  const { log, clock, group } = setUp()
  clock.time = 10_000_000
  log.maxOffset = 10
  const waiting = group.waitFor(10, 5000)
  clock.set(1_000)
  clock.advance(5000)
  t.equal(await waiting, false)
  log.flushes[0]!.end()
  await group.flush()
})

t.test('a timeout is no answer about durability, and the flush goes on', async (t) => {
  const { log, clock, group } = setUp()
  log.maxOffset = 10
  const early = group.waitFor(10, 5000)
  clock.advance(3000)
  log.maxOffset = 20
  const late = group.waitFor(20, 5000)
  clock.advance(2000)
  t.equal(await early, false)
  clock.advance(2999)
  log.flushes[0]!.end()
  await turn()
  t.equal(group.flushedOffset, 10)
  clock.advance(1)
  t.equal(await late, false, 'each has its own deadline')
  await turn()
  log.flushes[1]!.end()
  await group.flush()
  t.equal(group.flushedOffset, 20)
})

t.test('the first failure is the last: nothing is tried again, nobody is told yes', async (t) => {
  const { log, group, failures } = setUp()
  log.maxOffset = 10
  const waiting = [group.waitFor(10, 5000), group.waitFor(10, 5000)]
  log.maxOffset = 20
  const behind = group.waitFor(20, 5000)
  const cause = Object.assign(new Error('EIO'), { code: 'EIO' })
  log.flushes[0]!.end(cause)
  for (const promise of [...waiting, behind]) await t.rejects(promise, { code: 'ERR_FLUSH_FAILED', cause })
  t.equal(failures.length, 1)
  log.maxOffset = 30
  await t.rejects(group.waitFor(30, 5000), { code: 'ERR_FLUSH_FAILED' })
  await t.rejects(group.waitFor(5, 5000), { code: 'ERR_FLUSH_FAILED' }, 'not even for what may have been flushed')
  await t.rejects(group.flush(), { code: 'ERR_FLUSH_FAILED' })
  group.start()
  t.equal(log.flushes.length, 1)
  t.equal(group.flushedOffset, 0)
  await group.settle()
})

t.test('a flush that ends well after the store has failed acknowledges nothing', async (t) => {
  const { log, group } = setUp()
  log.maxOffset = 10
  const waiting = group.waitFor(10, 5000)
  group.fail(new StoreError('ERR_FILE_REPLACED', 'replaced'))
  await t.rejects(waiting, { code: 'ERR_FILE_REPLACED' })
  log.flushes[0]!.end()
  await group.settle()
  t.equal(group.flushedOffset, 0)
})

t.test('flush waits for all that was written before it, over as many flushes as that takes', async (t) => {
  const { log, group } = setUp()
  log.maxOffset = 10
  group.start()
  log.maxOffset = 50
  const flushed = group.flush()
  log.flushes[0]!.end()
  await turn()
  t.equal(log.flushes[1]!.to, 50)
  log.flushes[1]!.end()
  await flushed
  t.equal(group.flushedOffset, 50)
})
