import fc from 'fast-check'
import t from 'tap'
import { viewOf } from '../../lib/format/bytes'
import { writeQueueEntry } from '../../lib/format/queue-entry'
import type { MessageStore } from '../../lib/index'
import { offsetByTime, type TimeSearch } from '../../lib/read/offset-by-time'
import { TimeMarkTable, TimeMarks } from '../../lib/read/time-marks'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { START, StillClock, message, openStore, type TestOptions } from '../store/support'

/*
 * The story: "replay everything since ten past three". 5.3 answers with the first message at that time or later;
 * 4.9 with the nearest, of those in the file that it picks by file times. The right answer is found here by looking
 * at every message.
 *
 * Not proved here: 4.9 over several files of a queue (test/interop asks the engine), and 4.9 with clocks that go back.
 */

const queue = { topic: 'orders', queueId: 0 }
const PER_FILE = 10

/** Messages at the given times after START, which ascend; other queues lie in between. */
async function openAt(test: Parameters<typeof openStore>[0], times: readonly number[], options: TestOptions): Promise<MessageStore> {
  const clock = new StillClock(START)
  const store = await openStore(test, '/store', { ...options, clock, ports: { backend: createMemoryBackend() } })
  let now = 0
  for (const time of times) {
    clock.advance(time - now)
    now = time
    store.append(message())
    store.append(message({ topic: 'other' }))
  }
  return store
}

const timesArbitrary = fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 35 }).map((steps) => {
  let time = 0
  return steps.map((step) => (time += step))
})

function lower(times: readonly number[], wanted: number): number {
  const at = times.findIndex((time) => time >= wanted)
  return at < 0 ? times.length : at
}

function upper(times: readonly number[], wanted: number): number {
  return Math.max(0, times.findLastIndex((time) => time <= wanted))
}

/** The least distance; where two have it the earlier one, of messages at the same time any. */
function nearestTime(times: readonly number[], wanted: number): number {
  let best = times[0]
  for (const time of times) if (Math.abs(time - wanted) < Math.abs(best - wanted)) best = time
  return best
}

for (const flushed of [false, true]) {
  t.test(`5.3 finds what looking at every message finds, ${flushed ? 'in files' : 'in memory'}`, async (test) => {
    await fc.assert(fc.asyncProperty(timesArbitrary, async (times) => {
      const store = await openAt(test, times, { mappedFileSizeConsumeQueue: 20 * PER_FILE })
      if (flushed) await store.flush()
      for (let wanted = -2; wanted <= times[times.length - 1] + 2; wanted++) {
        const timestamp = START + wanted
        const answers = {
          default: store.offsetByTime({ ...queue, timestamp }),
          lower: store.offsetByTime({ ...queue, timestamp, boundary: 'lower' }),
          upper: store.offsetByTime({ ...queue, timestamp, boundary: 'upper' }),
        }
        const expected = { default: lower(times, wanted), lower: lower(times, wanted), upper: upper(times, wanted) }
        if (JSON.stringify(answers) !== JSON.stringify(expected)) {
          throw new Error(`at ${wanted}: ${JSON.stringify(answers)} instead of ${JSON.stringify(expected)}`)
        }
      }
      await store.close()
    }), { numRuns: 60 })
    test.pass('lower, upper and the default')
  })

  t.test(`4.9 finds the nearest of a file, ${flushed ? 'in files' : 'in memory'}`, async (test) => {
    await fc.assert(fc.asyncProperty(timesArbitrary, async (times) => {
      const store = await openAt(test, times, { compatibility: '4.9', mappedFileSizeConsumeQueue: 20 * 100 })
      if (flushed) await store.flush()
      for (let wanted = -2; wanted <= times[times.length - 1] + 2; wanted++) {
        const answer = store.offsetByTime({ ...queue, timestamp: START + wanted })
        const expected = nearestTime(times, wanted)
        if (times[answer] !== expected) throw new Error(`at ${wanted}: message ${answer} of time ${times[answer]}, where one of time ${expected} is nearest`)
      }
      await store.close()
    }), { numRuns: 60 })
    test.pass('the earlier one of two that are as near')
  })
}

t.test('what is not there', async (test) => {
  for (const compatibility of ['4.9', '5.3'] as const) {
    const store = await openAt(test, [0], { compatibility })
    test.equal(store.offsetByTime({ topic: 'unknown', queueId: 0, timestamp: START }), 0, `${compatibility}: unknown topic`)
    test.equal(store.offsetByTime({ ...queue, queueId: 7, timestamp: START }), 0, `${compatibility}: unknown queue`)
    await store.close()
  }
})

t.test('a queue whose first messages are gone', async (test) => {
  const backend = createMemoryBackend()
  const clock = new StillClock(START)
  const store = await openStore(test, '/store', { clock, ports: { backend } })
  for (let at = 0; at < 20; at++) {
    store.append(message({ body: Buffer.alloc(900) }))
    clock.advance(1000)
  }
  await store.close()
  backend.files.remove('/store/commitlog/00000000000000000000')
  const later = await openStore(test, '/store', { clock, ports: { backend } })
  const first = later.minOffset('orders', 0)
  test.equal(first, 4)
  const ask = (seconds: number, boundary: 'lower' | 'upper') => later.offsetByTime({ ...queue, timestamp: START + seconds * 1000, boundary })
  test.same([ask(0, 'lower'), ask(0, 'upper')], [first, first], 'never before the first that is left')
  test.same([ask(10, 'lower'), ask(10, 'upper')], [10, 10])
  test.same([ask(99, 'lower'), ask(99, 'upper')], [20, 19])
})

/** Of all queues below: what one of them keeps drives out what another one has kept. */
const table = new TimeMarkTable()

/** A search in a queue whose messages from `minOffset` on have these times. */
function searchIn(times: readonly number[], minOffset: number, marks: TimeMarks): Omit<TimeSearch, 'timestamp'> {
  const view = viewOf(Buffer.alloc(20))
  const entriesFrom = (index: number): object => {
    writeQueueEntry(view, 0, index, 100, 0)
    return { view, position: 0, count: 1 }
  }
  const reader = { storeTimestamp: (offset: number): number => times[offset - minOffset]! }
  return { queue: { entriesFrom }, reader, marks, minOffset, maxOffset: minOffset + times.length } as never
}

const manyTimes = fc.array(fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.nat({ max: 3 })), { minLength: 1, maxLength: 1500 })
  .map((steps) => {
    let time = 0
    return steps.map((step) => (time += step))
  })

t.test('a long queue, searched again and again while it grows and its beginning goes', (test) => {
  fc.assert(fc.property(manyTimes, fc.nat({ max: 700 }), (all, firstOffset) => {
    const marks = new TimeMarks(table)
    for (const [gone, end] of [[0, all.length / 3], [0, all.length], [all.length / 4, all.length]] as const) {
      const times = all.slice(gone, Math.ceil(end))
      const minOffset = firstOffset + Math.floor(gone)
      for (let wanted = times[0]! - 1; wanted <= times[times.length - 1]! + 1; wanted++) {
        const search = { ...searchIn(times, minOffset, marks), timestamp: wanted }
        const found = [offsetByTime(search, 'lower') - minOffset, offsetByTime(search, 'upper') - minOffset]
        const expected = [lower(times, wanted), upper(times, wanted)]
        if (found.join() !== expected.join()) throw new Error(`${wanted}: ${found.join()} instead of ${expected.join()}`)
      }
    }
  }), { numRuns: 100 })
  test.pass('as by looking at every message')
  test.end()
})

t.test('what was remembered is of other messages', (test) => {
  fc.assert(fc.property(manyTimes, manyTimes, (before, times) => {
    const marks = new TimeMarks(table)
    for (let wanted = 0; wanted <= before[before.length - 1]! + 1; wanted += 3) offsetByTime({ ...searchIn(before, 0, marks), timestamp: wanted }, 'lower')
    for (let wanted = -1; wanted <= times[times.length - 1]! + 1; wanted++) {
      const found = offsetByTime({ ...searchIn(times, 0, marks), timestamp: wanted }, 'lower')
      if (found !== lower(times, wanted)) throw new Error(`${wanted}: ${found} instead of ${lower(times, wanted)}`)
    }
  }), { numRuns: 100 })
  test.pass('and is forgotten')
  test.end()
})

t.test('clocks that go back', (test) => {
  fc.assert(fc.property(fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 900 }), (times) => {
    const marks = new TimeMarks(table)
    for (let wanted = -1; wanted <= 41; wanted++) {
      const found = offsetByTime({ ...searchIn(times, 0, marks), timestamp: wanted }, 'lower')
      const isPlace = (found === times.length || times[found]! >= wanted) && (found === 0 || times[found - 1]! < wanted)
      if (!isPlace) throw new Error(`${wanted}: ${found}`)
    }
  }), { numRuns: 100 })
  test.pass('the answer is a message of the time or later, and the one before it is older')
  test.end()
})

t.test('offsets that no queue has yet', (test) => {
  const far = 2 ** 50
  const search = searchIn([1, 2, 2, 5], far, new TimeMarks(table))
  test.equal(offsetByTime({ ...search, timestamp: 2 }, 'lower'), far + 1)
  test.equal(offsetByTime({ ...search, timestamp: 2 }, 'upper'), far + 2)
  test.end()
})
