/**
 * The story: a cleaning job of the machine empties or cuts files of a store that is open, its own log among them. Those who wrote
 * get no acknowledgement for what is in no file any more, those who read an error that names the place, and the process lives.
 *
 * Not proved here: what a sector does that the disk cannot read (bad-pages.test.ts, bad-sectors.test.ts), and files that are
 * replaced as a whole (test/flush).
 */
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { MessageStore, OpenOptions, StoreError } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { codeOf, messageOfSize, openStore } from './support'

const skip = selectBackend('auto').capabilities.has('guard') ? false : 'this backend has no guard: a fault ends the process'
const PAGE = 4096
const SEGMENT = 16 * PAGE
const queue = { topic: 'orders', queueId: 0 }

async function storeOf(test: Test, count: number, options: OpenOptions = {}): Promise<{ store: MessageStore; log: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-cut-'))
  test.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const store = await openStore(test, directory, {
    mappedFileSizeCommitLog: SEGMENT, mappedFileSizeConsumeQueue: 2000, flushDiskType: 'SYNC_FLUSH', ...options,
  })
  for (let number = 0; number < count; number++) await store.put(messageOfSize(1024))
  return { store, log: join(directory, 'commitlog', '0'.repeat(20)) }
}

function isCut(file: string, offset: number) {
  return { code: 'ERR_FILE_REPLACED', details: { file, offset }, message: /was cut from 65536 bytes/ }
}

t.test('a put into a segment that was emptied is not acknowledged, and the store stops', { skip }, async (test) => {
  const { store, log } = await storeOf(test, 2)
  let failed: StoreError | undefined
  store.on('failed', ({ error }) => {
    failed = error
  })
  truncateSync(log, 0)
  await test.rejects(store.put(messageOfSize(1024)), isCut(log, 0))
  test.match(store.failure, isCut(log, 0))
  test.equal(failed, store.failure)
  test.equal(store.maxPhyOffset, 2048, 'what was not stored is not there')
  test.equal(await codeOf(() => store.put(messageOfSize(1024))), 'ERR_FILE_REPLACED')
  test.equal(await codeOf(() => store.append(messageOfSize(1024))), 'ERR_FILE_REPLACED')
  test.equal(await codeOf(() => store.flush()), 'ERR_FILE_REPLACED')
  await store.close()
})

t.test('neither is one on its way when the segment is cut', { skip }, async (test) => {
  const { store, log } = await storeOf(test, 2)
  const result = store.append(messageOfSize(1024))
  test.ok(result.isStored())
  const waiting = store.put(messageOfSize(1024))
  truncateSync(log, 0)
  await test.rejects(waiting, { code: 'ERR_FILE_REPLACED', details: { file: log } })
  await store.close()
})

t.test('a cut within the page that is written to is no fault, but noticed', { skip }, async (test) => {
  const { store, log } = await storeOf(test, 1)
  truncateSync(log, 1500)
  await test.rejects(store.put(messageOfSize(1024)), { code: 'ERR_FILE_REPLACED', details: { file: log } })
  test.equal(store.flushedOffset, 1024)
})

t.test('so it is in a segment that is full, and not flushed yet', { skip }, async (test) => {
  const { store, log } = await storeOf(test, 1, { flushDiskType: 'ASYNC_FLUSH' })
  for (let number = 0; number < 70; number++) store.append(messageOfSize(1024))
  test.ok(store.maxPhyOffset > SEGMENT)
  truncateSync(log, SEGMENT - 500)
  await test.rejects(store.flush(), { code: 'ERR_FILE_REPLACED', details: { file: log } })
  test.equal(store.flushedOffset, 0)
})

t.test('under ASYNC_FLUSH append says so at once, flush and close in their turn', { skip }, async (test) => {
  const { store, log } = await storeOf(test, 2, { flushDiskType: 'ASYNC_FLUSH' })
  truncateSync(log, 0)
  test.equal(await codeOf(() => store.flush()), 'ERR_FILE_REPLACED')
  test.equal(await codeOf(() => store.append(messageOfSize(1024))), 'ERR_FILE_REPLACED')
})

t.test('a reader gets file and offset instead of zeros; what is still there is read', { skip }, async (test) => {
  const { store, log } = await storeOf(test, 12)
  const result = store.get({ ...queue, offset: 0 })
  test.equal(result.commitLogOffsets.length, 12)
  truncateSync(log, 2 * PAGE)
  test.throws(() => result.messages, isCut(log, 2 * PAGE))
  test.throws(() => result.buffers, isCut(log, 2 * PAGE))
  test.throws(() => store.lookup(9 * 1024), isCut(log, 2 * PAGE))
  test.throws(() => store.storeTimestamp('orders', 0, 11), isCut(log, 2 * PAGE))
  await test.rejects((async () => {
    for await (const message of store.read({ ...queue, offset: 0, follow: false })) void message.body
  })(), isCut(log, 2 * PAGE))
  test.equal(store.get({ ...queue, offset: 0, maxMessages: 8 }).messages.length, 8)
  test.equal(store.lookup(7 * 1024)!.commitLogOffset, 7 * 1024)
})

t.test('a key of the index that was cut is an error, and of the file made whole again an answer', { skip }, async (test) => {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-cut-'))
  test.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const options = { maxIndexNum: 20_000, maxHashSlotNum: 2000, mappedFileSizeCommitLog: 1 << 20 }
  const writer = await openStore(test, directory, options)
  for (let number = 0; number < 3000; number++) writer.append({ topic: 'orders', body: Buffer.from('x'), properties: { KEYS: `key-${number}` } })
  await writer.close()
  const store = await openStore(test, directory, { ...options, readOnly: true })
  const query = { topic: 'orders', key: 'key-2999' }
  test.equal(store.query(query).messages.length, 1)
  const [name] = readdirSync(join(directory, 'index'))
  const file = join(directory, 'index', name!)
  const { size } = statSync(file)
  truncateSync(file, 0)
  test.throws(() => store.query(query), { code: 'ERR_IO', details: { file } })
  truncateSync(file, size)
  test.equal(store.query(query).messages.length, 0, 'it has no entries any more, but it is read anew')
})
