/**
 * One story for each row of the two recovery tables: a directory is brought into the state that the row is about, opened, and
 * must then show every message that its log holds, each at its own queue offset, and take new ones. What a power cut
 * leaves is not shown here; these are the states that a process, an operator or another program leaves.
 */
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore, type RecoveryReport } from '../../lib/index'
import { overwrite } from '../store/support'
import {
  SEGMENT, TOPICS, appendMessages, makeCrashedStore, makeStore, range, readNumbers, segmentFiles, small, temporaryDirectory,
} from './support'

const COUNT = 300

/** Opens, expects messages [0, count) and the row, appends ten, and finds all of them after another open. */
async function expectRecovered(t: Test, directory: string, label: string, count = COUNT): Promise<RecoveryReport> {
  const before = await MessageStore.open(directory, { ...small, readOnly: true })
  t.equal(before.recovery.label, label, 'the row, read-only')
  t.same(await readNumbers(before), range(0, count), 'a read-only open shows every message')
  await before.close()
  const store = await MessageStore.open(directory, small)
  const report = store.recovery
  t.equal(report.label, label, 'the row')
  t.same(await readNumbers(store), range(0, count), 'every message is there, at its offset')
  for (const number of [0, Math.floor(count / 2), count - 1]) {
    const { messages } = store.query({ topic: number % 2 === 0 ? 'orders' : 'payments', key: `key${number}` })
    t.same(messages.map((message) => message.bornTimestamp), [number], `key${number} is found`)
  }
  appendMessages(store, count, count + 10)
  await store.close()
  const again = await MessageStore.open(directory, small)
  t.equal(again.recovery.label, '@clean')
  t.same(await readNumbers(again), range(0, count + 10), 'and goes on from there')
  await again.close()
  return report
}

async function countMessages(store: MessageStore): Promise<number> {
  let count = 0
  for (const { topic, queueId, minOffset } of store.queues()) {
    for await (const message of store.read({ topic, queueId, offset: minOffset, follow: false })) count += message.queueId === queueId ? 1 : 0
  }
  return count
}

t.test('@fresh: a new directory', async (t) => {
  const store = await MessageStore.open(temporaryDirectory(t), small)
  t.equal(store.recovery.label, '@fresh')
  t.equal(store.maxPhyOffset, 0)
  await store.close()
})

t.test('@fresh: a store that never had a message opens again', async (t) => {
  const directory = await makeStore(t, 0)
  const store = await MessageStore.open(directory, small)
  t.equal(store.recovery.label, '@fresh')
  appendMessages(store, 0, 3)
  t.same(await readNumbers(store), [0, 1, 2])
  await store.close()
})

t.test('@log-missing: queues without a log are kept, and the open is refused', async (t) => {
  const directory = await makeStore(t, COUNT)
  const elsewhere = join(directory, '..', 'unmounted')
  renameSync(join(directory, 'commitlog'), elsewhere)
  await t.rejects(MessageStore.open(directory, small), { code: 'ERR_LOG_MISSING' })
  t.ok(existsSync(join(directory, 'consumequeue', 'orders', '0')), 'the queues are still there')
  rmSync(join(directory, 'commitlog'), { recursive: true })
  renameSync(elsewhere, join(directory, 'commitlog'))
  await expectRecovered(t, directory, '@crash')
})

t.test('@clean: closed in order', async (t) => {
  const report = await expectRecovered(t, await makeStore(t, COUNT), '@clean')
  t.equal(report.zeroedBytes, 0)
  t.ok(report.scannedFrom > 0, 'only the end of the log is looked at')
})

t.test('@clean-index-missing: the index is made again', async (t) => {
  const directory = await makeStore(t, COUNT)
  rmSync(join(directory, 'index'), { recursive: true })
  const report = await expectRecovered(t, directory, '@clean-index-missing')
  t.equal(report.scannedFrom, 0)
})

t.test('@clean-queue-damaged: a queue file of the wrong size', async (t) => {
  const directory = await makeStore(t, COUNT)
  truncateSync(join(directory, 'consumequeue', 'orders', '0', '00000000000000000400'), 123)
  await expectRecovered(t, directory, '@clean-queue-damaged')
})

t.test('@clean-queue-damaged: one queue is gone', async (t) => {
  const directory = await makeStore(t, COUNT)
  rmSync(join(directory, 'consumequeue', 'payments', '1'), { recursive: true })
  await expectRecovered(t, directory, '@clean-queue-damaged')
})

t.test('@clean-queue-damaged: one queue is gone whose messages all lie in old segments', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await MessageStore.open(directory, small)
  store.append({ topic: 'old', queueId: 7, body: Buffer.from('message -1') })
  appendMessages(store, 0, COUNT)
  await store.close()
  rmSync(join(directory, 'consumequeue', 'old'), { recursive: true })
  const again = await MessageStore.open(directory, small)
  t.equal(again.recovery.label, '@clean-queue-damaged')
  t.equal(again.get({ topic: 'old', queueId: 7, offset: 0 }).status, 'FOUND')
  await again.close()
})

t.test('@clean-queue-damaged: a list that is not as it was written may hide that a queue is shorter', async (t) => {
  for (const list of ['', '{"indexFiles":[],"indexIsDamaged":false,"queues":[]}\n1\n']) {
    const directory = temporaryDirectory(t)
    const store = await MessageStore.open(directory, small)
    for (const number of [0, 1]) store.append({ topic: 'old', queueId: 7, body: Buffer.from(`message ${number}`) })
    appendMessages(store, 0, COUNT)
    await store.close()
    overwrite(join(directory, 'consumequeue', 'old', '7', '00000000000000000000'), 20, Buffer.alloc(20))
    writeFileSync(join(directory, 'mqstore-manifest.json'), list)
    const again = await MessageStore.open(directory, small)
    t.equal(again.recovery.label, '@clean-queue-damaged')
    t.equal(again.get({ topic: 'old', queueId: 7, offset: 1 }).messages[0]!.body.toString(), 'message 1')
    t.equal(again.append({ topic: 'old', queueId: 7, body: Buffer.from('message 2') }).queueOffset, 2, 'the next one takes nobody’s place')
    await again.close()
  }
})

t.test('@clean: a queue lost without a trace in the list is found by the messages that follow', async (t) => {
  const directory = await makeStore(t, COUNT)
  rmSync(join(directory, 'consumequeue', 'payments', '1'), { recursive: true })
  rmSync(join(directory, 'mqstore-manifest.json'))
  const report = await expectRecovered(t, directory, '@clean')
  t.equal(report.scannedFrom, 0, 'the scan began anew at the start of the log')
})

t.test('@clean-queues-missing: all queues are gone', async (t) => {
  const directory = await makeStore(t, COUNT)
  rmSync(join(directory, 'consumequeue'), { recursive: true })
  await expectRecovered(t, directory, '@clean-queues-missing')
})

t.test('@crash: killed', async (t) => {
  await expectRecovered(t, await makeCrashedStore(t, COUNT), '@crash-queues-missing')
})

t.test('@crash: killed after the queues had been flushed', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await MessageStore.open(`${directory}-live`, small)
  appendMessages(store, 0, 200)
  await store.flush()
  appendMessages(store, 200, COUNT)
  cpSync(`${directory}-live`, directory, { recursive: true })
  await store.close()
  await expectRecovered(t, directory, '@crash')
})

for (const [label, what, lost] of [
  ['@crash-index-missing', 'and the index is gone', 'index'],
  ['@crash-queue-damaged', 'and a queue is gone', join('consumequeue', 'orders', '1')],
  ['@crash-queues-missing', 'and all queues are gone', 'consumequeue'],
] as const) {
  t.test(`${label}: killed, ${what}`, async (t) => {
    const directory = await makeStore(t, COUNT)
    writeFileSync(join(directory, 'abort'), '')
    rmSync(join(directory, lost), { recursive: true })
    await expectRecovered(t, directory, label)
  })
}

t.test('a checkpoint that is gone, cut or full of nonsense only makes the scan longer', async (t) => {
  for (const spoil of [
    (path: string) => rmSync(path),
    (path: string) => truncateSync(path, 7),
    (path: string) => writeFileSync(path, Buffer.alloc(4096, 0xff)),
    (path: string) => writeFileSync(path, Buffer.alloc(4096, 0x7f)),
  ]) {
    const directory = await makeStore(t, COUNT)
    writeFileSync(join(directory, 'abort'), '')
    spoil(join(directory, 'checkpoint'))
    await expectRecovered(t, directory, '@crash')
  }
})

t.test('a torn tail is cut, and zeroed so that it cannot come back', async (t) => {
  const directory = await makeStore(t, COUNT)
  const store = await MessageStore.open(directory, { ...small, readOnly: true })
  const end = store.maxPhyOffset
  await store.close()
  const last = segmentFiles(directory).at(-1)!
  const bytes = readFileSync(last)
  // Half of a message, and behind it a whole old one that says it belongs there.
  const first = readFileSync(segmentFiles(directory)[0]!)
  first.copy(bytes, end % SEGMENT, 0, 60)
  const stale = end + 500
  const record = Buffer.from(first.subarray(0, first.readInt32BE(0)))
  record.writeBigInt64BE(BigInt(stale), 28)
  record.copy(bytes, stale % SEGMENT)
  writeFileSync(last, bytes)
  writeFileSync(join(directory, 'abort'), '')
  const report = await expectRecovered(t, directory, '@crash')
  t.equal(report.logEnd, end)
  t.ok(report.zeroedBytes >= 60 + record.length)
})

t.test('queues ahead of the log are cut back to it', async (t) => {
  const directory = await makeStore(t, COUNT)
  const store = await MessageStore.open(directory, { ...small, readOnly: true })
  const lost = store.get({ topic: 'payments', queueId: 1, offset: store.maxOffset('payments', 1) - 1 })
  const [offset] = lost.commitLogOffsets
  await store.close()
  const last = segmentFiles(directory).at(-1)!
  const bytes = readFileSync(last)
  bytes.fill(0, offset! % SEGMENT)
  writeFileSync(last, bytes)
  writeFileSync(join(directory, 'abort'), '')
  rmSync(join(directory, 'checkpoint'))
  await expectRecovered(t, directory, '@crash', COUNT - 1)
})

t.test('damage below what was flushed is stepped over; what is behind it keeps its offsets', async (t) => {
  const directory = await makeStore(t, COUNT)
  const [first] = segmentFiles(directory)
  const bytes = readFileSync(first!)
  const second = bytes.readInt32BE(0)
  bytes[second + 100]! ^= 1
  writeFileSync(first!, bytes)
  writeFileSync(join(directory, 'abort'), '')
  rmSync(join(directory, 'consumequeue'), { recursive: true })
  const store = await MessageStore.open(directory, small)
  t.equal(store.recovery.damage.length, 1)
  t.match(store.recovery.damage[0], { file: first, offset: second, reason: /CRC/ })
  t.equal(store.recovery.damage[0]!.unreadableBytes, bytes.readInt32BE(second))
  const numbers: number[] = []
  for (const { topic, queueId } of store.queues()) {
    for await (const { bornTimestamp, queueOffset } of store.read({ topic, queueId, offset: 0, follow: false })) {
      numbers.push(bornTimestamp)
      t.equal(queueOffset, Math.floor(bornTimestamp / 4), 'each at its old offset')
    }
  }
  t.same(numbers.sort((left, right) => left - right), [0, ...range(2, COUNT)], 'only the damaged one is missing')
  await store.close()
})

t.test('@empty: a zero-length last segment (4.9 refuses to start)', async (t) => {
  const directory = await makeStore(t, COUNT)
  const next = join(directory, 'commitlog', String(segmentFiles(directory).length * SEGMENT).padStart(20, '0'))
  writeFileSync(next, '')
  const report = await expectRecovered(t, directory, '@clean')
  t.match(report.files, [{ file: next, action: 'removed' }])
})

t.test('@foreign, @directory: what is not a segment is left alone (the engine fails to load)', async (t) => {
  const directory = await makeStore(t, COUNT)
  const note = join(directory, 'commitlog', 'README.txt')
  writeFileSync(note, 'do not delete')
  mkdirSync(join(directory, 'commitlog', 'lost+found'))
  const report = await expectRecovered(t, directory, '@clean')
  t.same(report.files.map(({ action }) => action), ['ignored', 'ignored'])
  t.equal(readFileSync(note, 'utf8'), 'do not delete')
})

t.test('@short: a segment that lost its end, which was never written to, gets it back', async (t) => {
  const directory = await makeStore(t, COUNT)
  const last = segmentFiles(directory).at(-1)!
  const store = await MessageStore.open(directory, { ...small, readOnly: true })
  const used = store.maxPhyOffset % SEGMENT
  await store.close()
  truncateSync(last, used + 1)
  const report = await expectRecovered(t, directory, '@clean')
  t.match(report.files, [{ file: last, action: 'completed' }])
  t.equal(statSync(last).size, SEGMENT)
})

t.test('@short: most segments may have lost their ends, the names say how long they were', async (t) => {
  const directory = await makeStore(t, COUNT)
  const files = segmentFiles(directory)
  t.ok(files.length > 2)
  const [first, , third] = files
  for (const file of [first!, third!, ...files.slice(3)]) truncateSync(file, 99)
  const store = await MessageStore.open(directory, small)
  t.match(store.recovery.damage, [{ file: first, resumeOffset: SEGMENT }])
  t.equal(statSync(first!).size, SEGMENT)
  t.ok((await countMessages(store)) > 20, 'what is in the second one is there')
  await store.close()
})

t.test('a checkpoint with a time from before the first message vouches for nothing, and costs nothing', async (t) => {
  const directory = temporaryDirectory(t)
  const live = `${directory}-live`
  const writer = await MessageStore.open(live, { ...small, compatibility: '4.9' })
  appendMessages(writer, 0, COUNT)
  await writer.flush()
  cpSync(live, directory, { recursive: true })
  await writer.close()
  const [, second] = segmentFiles(directory)
  overwrite(second!, 4096, Buffer.alloc(20))
  overwrite(join(directory, 'checkpoint'), 0, Buffer.alloc(4))

  const store = await MessageStore.open(directory, { ...small, compatibility: '4.9' })
  t.match(store.recovery, { label: '@crash', damage: [{ file: second }] })
  t.ok((await countMessages(store)) >= COUNT - 2, 'all are there but the one that was hit')
  await store.close()
})

t.test('@long: a segment of another store is refused, and nothing is changed', async (t) => {
  const directory = await makeStore(t, COUNT)
  const [, second] = segmentFiles(directory)
  appendFileSync(second!, Buffer.alloc(10))
  await t.rejects(MessageStore.open(directory, small), { code: 'ERR_SEGMENT_SIZE', details: { file: second } })
  truncateSync(second!, SEGMENT)
  await expectRecovered(t, directory, '@crash')
})

t.test('a hole in the log is damage, and what is on both sides of it stays', async (t) => {
  const directory = await makeStore(t, COUNT)
  const [, second] = segmentFiles(directory)
  rmSync(second!)
  rmSync(join(directory, 'consumequeue'), { recursive: true })
  const store = await MessageStore.open(directory, small)
  t.match(store.recovery.damage, [{ offset: SEGMENT, unreadableBytes: SEGMENT, reason: 'a segment is missing' }])
  t.equal(store.minPhyOffset, 0)
  t.equal(store.lookup(0)?.bornTimestamp, 0)
  appendMessages(store, COUNT, COUNT + 5)
  await store.close()
})

t.test('the log ends in a blank and has no successor: writing goes on at the blank', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await MessageStore.open(directory, small)
  appendMessages(store, 0, COUNT)
  await store.close()
  const files = segmentFiles(directory)
  const last = files.at(-1)!
  const bytes = readFileSync(last)
  const reader = await MessageStore.open(directory, { ...small, readOnly: true })
  const end = reader.maxPhyOffset % SEGMENT
  await reader.close()
  bytes.writeInt32BE(SEGMENT - end, end)
  bytes.writeUInt32BE(0xcbd43194, end + 4)
  writeFileSync(last, bytes)
  await expectRecovered(t, directory, '@clean')
})

t.test('progress is told, and an open can be aborted and tried again', async (t) => {
  const directory = await makeStore(t, COUNT)
  writeFileSync(join(directory, 'abort'), '')
  const controller = new AbortController()
  const phases = new Set<string>()
  const reason = new Error('enough')
  await t.rejects(MessageStore.open(directory, {
    ...small,
    recovery: {
      signal: controller.signal,
      onProgress: ({ phase }) => {
        phases.add(phase)
        controller.abort(reason)
      },
    },
  }), { code: 'ERR_OPEN_ABORTED', cause: reason })
  t.ok(phases.size > 0)
  await expectRecovered(t, directory, '@crash')
})

for (const compatibility of ['4.9', '5.3'] as const) {
  for (const isClean of [true, false]) {
    t.test(`${compatibility}, ${isClean ? 'closed in order' : 'killed, and the checkpoint lost'}: damage to the first message costs that one`, async (t) => {
      const options = { ...small, compatibility }
      const directory = await makeStore(t, COUNT, options)
      const [first] = segmentFiles(directory)
      const bytes = readFileSync(first!)
      bytes[90]! ^= 1
      writeFileSync(first!, bytes)
      rmSync(join(directory, 'consumequeue'), { recursive: true })
      if (!isClean) {
        writeFileSync(join(directory, 'abort'), '')
        rmSync(join(directory, 'checkpoint'))
      }
      const store = await MessageStore.open(directory, options)
      t.match(store.recovery.damage, [{ offset: 0 }])
      t.equal(store.recovery.zeroedBytes, 0)
      const found = (await Promise.all(store.queues().map(async ({ topic, queueId }) => {
        const numbers: number[] = []
        for await (const { bornTimestamp } of store.read({ topic, queueId, offset: 0, follow: false })) numbers.push(bornTimestamp)
        return numbers
      }))).flat()
      t.same(found.sort((left, right) => left - right), range(1, COUNT))
      await store.close()
    })
  }
}

t.test('one cut queue file does not change the size of the others', async (t) => {
  const directory = await makeStore(t, COUNT)
  truncateSync(join(directory, 'consumequeue', 'orders', '0', '00000000000000000000'), 200)
  await expectRecovered(t, directory, '@clean-queue-damaged')
  for (const name of ['00000000000000000000', '00000000000000000400']) {
    t.equal(statSync(join(directory, 'consumequeue', 'orders', '0', name)).size, 400)
  }
})

t.test('the list of the last close can hold anything, and does no harm', async (t) => {
  for (const content of ['', '{', 'null', '[]', '{"indexFiles":[],"queues":[null]}', '{"indexFiles":[null],"queues":7}', '{"indexFiles":[],"queues":[{}]}']) {
    const directory = await makeStore(t, COUNT)
    writeFileSync(join(directory, 'mqstore-manifest.json'), content)
    await expectRecovered(t, directory, '@clean-queue-damaged')
  }
})

t.test('closed in order, and the last messages but one are zeros, the ends of the queues with them: the last one is kept', async (t) => {
  const directory = temporaryDirectory(t)
  const options = { ...small, compatibility: '4.9' } as const
  const writer = await MessageStore.open(directory, options)
  appendMessages(writer, 0, COUNT)
  const offsets = [4, 3, 2, 1].map((back) => {
    const { topic, queueId } = { topic: TOPICS[(COUNT - back) % 2]!, queueId: Math.floor((COUNT - back) / 2) % 2 }
    return writer.get({ topic, queueId, offset: writer.maxOffset(topic, queueId) - 1 }).commitLogOffsets[0]!
  })
  await writer.close()
  const [from, , , to] = offsets as [number, number, number, number]
  overwrite(segmentFiles(directory).at(-1)!, from % SEGMENT, Buffer.alloc(to - from))
  rmSync(join(directory, 'consumequeue', TOPICS[(COUNT - 1) % 2]!, String(Math.floor((COUNT - 1) / 2) % 2)), { recursive: true })
  const store = await MessageStore.open(directory, options)
  t.same(await readNumbers(store), [...range(0, COUNT - 4), COUNT - 1])
  t.match(store.recovery.damage, [{ offset: from, resumeOffset: to }])
  await store.close()
})
