import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { MessageStore } from '../../lib/index'
import { segmentName } from '../../lib/format/file-name'
import { copyAsIfKilled, messageOfSize, openStore, removeFile, type TestOptions } from '../store/support'

/*
 * The story: the oldest segments of a log go when their time has come, and the queues still point into them. A
 * consumer that comes too late is told where the queue begins now; one that is just there is not shown a hole.
 *
 * Not proved here: deletion by the store itself.
 */

const SEGMENT = 4096
const queue = { topic: 'orders', queueId: 0 }

/** 40 messages of 1000 bytes, four to a segment and ten to a queue file; `gone` segments are removed at the front. */
async function openWithout(test: Test, gone: number[], options: TestOptions = {}, killed = false): Promise<MessageStore> {
  const directory = join(test.testdir(), 'store')
  const store = await openStore(test, directory, options)
  for (let at = 0; at < 40; at++) store.append(messageOfSize(1000))
  store.append(messageOfSize(200, 'other'))
  await store.flush()
  const copy = killed ? copyAsIfKilled(directory, `${directory}-killed`) : directory
  await store.close()
  for (const segment of gone) removeFile(join(copy, 'commitlog', segmentName(segment * SEGMENT)))
  return openStore(test, copy, options)
}

function ask(store: MessageStore, offset: number, more = {}) {
  const { status, nextBeginOffset, minOffset, maxOffset, commitLogOffsets } = store.get({ ...queue, offset, ...more })
  return { status, nextBeginOffset, minOffset, maxOffset, count: commitLogOffsets.length }
}

for (const compatibility of ['4.9', '5.3'] as const) {
  for (const killed of [false, true]) {
    t.test(`${compatibility}: the first three segments are gone${killed ? ', and the process was killed' : ''}`, async (test) => {
      const store = await openWithout(test, [0, 1, 2], { compatibility }, killed)
      test.equal(store.minPhyOffset, 3 * SEGMENT)
      test.equal(store.minOffset('orders', 0), 12)
      const bounds = { minOffset: 12, maxOffset: 40 }
      test.same(ask(store, 0), { status: 'OFFSET_TOO_SMALL', nextBeginOffset: 12, ...bounds, count: 0 })
      test.same(ask(store, 11), { status: 'OFFSET_TOO_SMALL', nextBeginOffset: 12, ...bounds, count: 0 })
      test.same(ask(store, 12), { status: 'FOUND', nextBeginOffset: 20, ...bounds, count: 8 })
      test.equal(store.lookup(0), undefined)
      test.equal(store.storeTimestamp('orders', 0, 11), -1)
      test.ok(store.earliestMessageTime('orders', 0) > 0)
      test.equal(store.append(messageOfSize(1000)).queueOffset, 40, 'the queue goes on')
    })
  }

  t.test(`${compatibility}: all segments of a queue are gone`, async (test) => {
    const store = await openWithout(test, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { compatibility })
    test.equal(store.minOffset('other', 0), 0)
    test.same([store.minOffset('orders', 0), store.maxOffset('orders', 0)], [40, 40], 'an empty queue that keeps its place')
    test.equal(ask(store, 0).status, 'OFFSET_TOO_SMALL')
    test.equal(ask(store, 0).nextBeginOffset, 40)
    test.equal(ask(store, 40).status, 'OFFSET_OVERFLOW_ONE')
    test.equal(store.append(messageOfSize(1000)).queueOffset, 40)
  })

  t.test(`${compatibility}: a segment in the middle is gone`, async (test) => {
    const store = await openWithout(test, [3], { compatibility })
    const bounds = { minOffset: 0, maxOffset: 40 }
    test.same(ask(store, 10), { status: 'FOUND', nextBeginOffset: 20, ...bounds, count: 6 }, 'passed over: 12 to 15 are gone')
    test.same(store.get({ ...queue, offset: 10 }).messages.map(({ queueOffset }) => queueOffset), [10, 11, 16, 17, 18, 19])
    test.same(ask(store, 12, { maxMessages: 1 }), { status: 'FOUND', nextBeginOffset: 17, ...bounds, count: 1 })
    for (const filter of [{ matchesMessage: () => false }, { matchesEntry: () => false }]) {
      test.same(
        ask(store, 12, { filter }), { status: 'NO_MATCHED_MESSAGE', nextBeginOffset: 20, ...bounds, count: 0 },
        'the status is that of the last entry: 16 to 19 do not match (asked of 4.9.7 and 5.3.3)',
      )
    }
    test.equal(store.lookup(3 * SEGMENT), undefined)
  })
}

t.test('nothing but what is gone in this file of the queue', async (test) => {
  // Segments 5 to 9 hold messages 20 to 39: two whole files of the queue.
  for (const compatibility of ['4.9', '5.3'] as const) {
    const store = await openWithout(test, [5, 6, 7], { compatibility })
    const { status, nextBeginOffset } = ask(store, 20)
    test.same({ status, nextBeginOffset }, { status: 'MESSAGE_WAS_REMOVING', nextBeginOffset: 30 }, compatibility)
    test.equal(ask(store, 30).nextBeginOffset, 40)
  }
})

t.test('one message at a time, next to what is gone', async (test) => {
  // 4.9 passes over entries of a removed segment before it looks whether the answer is full, 5.3 after that.
  for (const compatibility of ['4.9', '5.3'] as const) {
    const store = await openWithout(test, [3], { compatibility })
    let offset = 8
    const seen: number[] = []
    while (offset < 20) {
      const result = store.get({ ...queue, offset, maxMessages: 1 })
      seen.push(...result.messages.map(({ queueOffset }) => queueOffset))
      test.ok(result.nextBeginOffset > offset, `${compatibility}: goes on from ${offset}`)
      offset = result.nextBeginOffset
    }
    test.same(seen, [8, 9, 10, 11, 16, 17, 18, 19], compatibility)
  }
})

t.test('a file of the queue is gone', async (test) => {
  const directory = test.testdir({})
  const store = await openStore(test, directory)
  for (let at = 0; at < 40; at++) store.append(messageOfSize(1000))
  await store.close()
  removeFile(join(directory, 'consumequeue/orders/0', segmentName(200)))
  const found = await openStore(test, directory, { readOnly: true })
  const mended = ask(found, 12)
  test.same([mended.status, mended.count > 0], ['FOUND', true], 'the log still has the messages')
  await found.close()
  for (const segment of [8192, 12_288, 16_384]) removeFile(join(directory, 'commitlog', segmentName(segment)))
  const reader = await openStore(test, directory, { readOnly: true })
  const { status, nextBeginOffset } = ask(reader, 12)
  test.same({ status, nextBeginOffset }, { status: 'MESSAGE_WAS_REMOVING', nextBeginOffset: 20 }, 'their places are passed over')
})
