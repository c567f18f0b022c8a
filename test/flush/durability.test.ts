/**
 * What a store does when its disk does not: a flush that fails, a disk that is full, files that another program removes. The
 * faults are injected at the ports; that the kernel behaves so is not shown here.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore, StoreError, type OpenOptions } from '../../lib/index'
import type { Backend } from '../../lib/storage/ports'
import { SEGMENT, appendMessages, range, readNumbers, segmentFiles, small, temporaryDirectory } from '../recovery/support'
import { faultyBackend, type Faults } from './support'

const message = { topic: 'orders', body: Buffer.from('message 0') }
const eio = (): Error => new StoreError('ERR_IO', 'cannot flush: EIO', {}, Object.assign(new Error('EIO'), { code: 'EIO' }))
const diskFull = (): StoreError => new StoreError('ERR_DISK_FULL', 'no space is left')

async function openFaulty(t: Test, faults: Faults, options: OpenOptions = {}): Promise<MessageStore> {
  const ports: { backend: Backend } = { backend: faultyBackend(faults) }
  return MessageStore.open(temporaryDirectory(t), { ...small, ...options, ports } as OpenOptions)
}

t.test('SYNC_FLUSH: put waits for the flush, append does not', async (t) => {
  let release = (): void => undefined
  const faults: Faults = { beforeFlush: () => new Promise((resolve) => { release = resolve }) }
  const store = await openFaulty(t, faults, { flushDiskType: 'SYNC_FLUSH' })
  let isAcknowledged = false
  const putting = store.put(message).then((result) => {
    isAcknowledged = true
    return result
  })
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.notOk(isAcknowledged)
  t.equal(store.flushedOffset, 0)
  t.equal(store.maxOffset('orders', 0), 0, '5.3 shows a message once it is on disk')
  faults.beforeFlush = undefined as never
  release()
  t.equal((await putting).status, 'PUT_OK')
  t.equal(store.flushedOffset, store.maxPhyOffset)
  t.equal(store.maxOffset('orders', 0), 1)
  await store.close()
})

t.test('SYNC_FLUSH: a flush that takes too long is FLUSH_DISK_TIMEOUT, and the message is stored', async (t) => {
  let release = (): void => undefined
  const faults: Faults = { beforeFlush: () => new Promise((resolve) => { release = resolve }) }
  const store = await openFaulty(t, faults, { flushDiskType: 'SYNC_FLUSH', syncFlushTimeout: 30 })
  const keepAlive = setInterval(() => undefined, 10)
  const result = await store.put(message)
  clearInterval(keepAlive)
  t.equal(result.status, 'FLUSH_DISK_TIMEOUT')
  t.match(result.reason, /30 ms/)
  t.ok(result.isStored())
  faults.beforeFlush = undefined as never
  release()
  await store.flush()
  t.equal(store.get({ topic: 'orders', queueId: 0, offset: 0 }).status, 'FOUND')
  await store.close()
})

t.test('WAIT=false does not wait', async (t) => {
  const faults: Faults = {}
  const store = await openFaulty(t, faults, { flushDiskType: 'SYNC_FLUSH' })
  faults.beforeFlush = () => new Promise((resolve) => setTimeout(resolve, 50))
  const result = await store.put({ ...message, properties: { WAIT: 'false' } })
  t.equal(result.status, 'PUT_OK')
  t.equal(store.flushedOffset, 0)
  await store.close()
})

t.test('the first failed flush stops the store: waiters and later puts get it, reads go on, reopening resumes', async (t) => {
  const faults: Faults = {}
  const store = await openFaulty(t, faults, { flushDiskType: 'SYNC_FLUSH' })
  t.equal((await store.put(message)).status, 'PUT_OK')
  const failed: string[] = []
  store.on('failed', ({ error }) => failed.push(error.code))
  faults.flush = eio()
  const putting = [store.put(message), store.put(message)]
  for (const put of putting) await t.rejects(put, { code: 'ERR_FLUSH_FAILED' })
  faults.flush = undefined as never
  t.same(failed, ['ERR_FLUSH_FAILED'])
  t.throws(() => store.append(message), { code: 'ERR_FLUSH_FAILED' }, 'also once the disk is well again')
  await t.rejects(store.put(message), { code: 'ERR_FLUSH_FAILED' })
  await t.rejects(store.flush(), { code: 'ERR_FLUSH_FAILED' })
  t.equal(store.failure?.code, 'ERR_FLUSH_FAILED')
  t.equal(store.get({ topic: 'orders', queueId: 0, offset: 0 }).messages.length, 1, 'what is acknowledged can be read')
  const { directory } = store
  await store.close()
  t.ok(existsSync(join(directory, 'abort')), 'the next open is one after a crash')
  const again = await MessageStore.open(directory, small)
  t.ok(again.maxOffset('orders', 0) >= 1)
  t.equal((await again.put(message)).status, 'PUT_OK')
  await again.close()
})

t.test('a failed flush of a queue, of the index or of the checkpoint stops the store too', async (t) => {
  const faults: Faults = {}
  const store = await openFaulty(t, faults)
  appendMessages(store, 0, 10)
  faults.sync = eio()
  await t.rejects(store.flush(), { code: 'ERR_FLUSH_FAILED' })
  t.throws(() => store.append(message), { code: 'ERR_FLUSH_FAILED' })
  await store.close()
})

t.test('a close that cannot flush says so, and gives the directory back all the same', async (t) => {
  const faults: Faults = {}
  const store = await openFaulty(t, faults)
  appendMessages(store, 0, 10)
  faults.flush = eio()
  await t.rejects(store.close(), { code: 'ERR_FLUSH_FAILED' })
  const again = await MessageStore.open(store.directory, small)
  t.not(again.recovery.label, '@clean')
  t.same(await readNumbers(again), range(0, 10))
  await again.close()
})

t.test('a full disk is an error before the write; nothing is stored, no short file stays, and it goes on by itself', async (t) => {
  const faults: Faults = {}
  const store = await openFaulty(t, faults)
  let stored = 0
  faults.reserve = diskFull()
  const events: string[] = []
  store.on('diskFull', ({ error }) => events.push(error.code))
  t.throws(() => appendMessages(store, 0, 1), { code: 'ERR_DISK_FULL' })
  t.same(segmentFiles(store.directory), [])
  faults.reserve = undefined as never
  for (; store.maxPhyOffset < SEGMENT * 1.4; stored++) appendMessages(store, stored, stored + 1)
  faults.reserve = diskFull()
  const before = (): void => {
    for (;;) {
      appendMessages(store, stored, stored + 1)
      stored++
    }
  }
  await new Promise((resolve) => setImmediate(resolve))
  t.throws(before, { code: 'ERR_DISK_FULL' })
  t.throws(before, { code: 'ERR_DISK_FULL' }, 'as long as it is full')
  t.ok(segmentFiles(store.directory).every((path) => statSync(path).size === SEGMENT))
  t.same(await readNumbers(store), range(0, stored))
  faults.reserve = undefined as never
  appendMessages(store, stored, stored + 200)
  t.same(await readNumbers(store), range(0, stored + 200))
  t.ok(events.length >= 2)
  await store.close()
})

t.test('a queue that cannot be written stays in memory, and puts are refused until it can', async (t) => {
  const faults: Faults = {}
  const store = await openFaulty(t, faults)
  appendMessages(store, 0, 10)
  faults.write = { path: /consumequeue/, error: diskFull() }
  await t.rejects(store.flush(), { code: 'ERR_DISK_FULL' })
  t.throws(() => store.append(message), { code: 'ERR_DISK_FULL' })
  t.same(await readNumbers(store), range(0, 10), 'reads go on')
  faults.write = undefined as never
  appendMessages(store, 10, 20)
  t.same(await readNumbers(store), range(0, 20))
  const { directory } = store
  await store.close()
  const again = await MessageStore.open(directory, small)
  t.equal(again.recovery.label, '@clean')
  t.same(await readNumbers(again), range(0, 20))
  await again.close()
})

for (const [what, spoil] of [
  ['the segment is removed', (directory: string) => rmSync(segmentFiles(directory)[0]!)],
  ['the segment is replaced', (directory: string) => {
    const [path] = segmentFiles(directory)
    writeFileSync(`${path}.new`, readFileSync(path!))
    renameSync(`${path}.new`, path!)
  }],
  ['the mark of an open store is removed', (directory: string) => rmSync(join(directory, 'abort'))],
] as const) {
  t.test(`another program uses the directory: ${what}; the next flush notices, nothing is acknowledged`, async (t) => {
    const store = await MessageStore.open(temporaryDirectory(t), { ...small, flushDiskType: 'SYNC_FLUSH' })
    t.equal((await store.put(message)).status, 'PUT_OK')
    spoil(store.directory)
    await t.rejects(store.put(message), { code: 'ERR_FILE_REPLACED' })
    t.throws(() => store.append(message), { code: 'ERR_FILE_REPLACED' })
    await store.close()
  })
}

t.test('another program makes a queue file before we do: the flush of the queues notices', async (t) => {
  const store = await MessageStore.open(temporaryDirectory(t), small)
  store.append(message)
  const queue = join(store.directory, 'consumequeue', 'orders', '0')
  mkdirSync(queue, { recursive: true })
  writeFileSync(join(queue, '0'.repeat(20)), Buffer.alloc(400))
  await t.rejects(store.flush(), { code: 'ERR_FILE_REPLACED' })
  t.throws(() => store.append(message), { code: 'ERR_FILE_REPLACED' })
  await store.close()
})

t.test('another program removes the segment prepared ahead: the next roll notices', async (t) => {
  const store = await MessageStore.open(temporaryDirectory(t), small)
  let stored = 0
  for (; store.maxPhyOffset < SEGMENT * 0.6; stored++) appendMessages(store, stored, stored + 1)
  const [, prepared] = segmentFiles(store.directory)
  t.ok(prepared, 'it is prepared once the current one is half full')
  rmSync(prepared!)
  t.throws(() => {
    for (;;) appendMessages(store, stored, stored + 1)
  }, { code: 'ERR_FILE_REPLACED' })
  await store.close()
})

t.test('the checkpoint claims only what is on disk', async (t) => {
  const faults: Faults = {}
  const store = await openFaulty(t, faults)
  appendMessages(store, 0, 10)
  await store.flush()
  const path = join(store.directory, 'checkpoint')
  const claimed = readFileSync(path).readBigInt64BE(32)
  t.equal(Number(claimed), store.flushedOffset)
  faults.flush = eio()
  appendMessages(store, 10, 20)
  await t.rejects(store.flush())
  t.equal(readFileSync(path).readBigInt64BE(32), claimed)
  await store.close()
})

t.test('close is idempotent, ends iterations, and later calls say so', async (t) => {
  const store = await MessageStore.open(temporaryDirectory(t), small)
  appendMessages(store, 0, 5)
  const reading = readAll(store)
  await new Promise((resolve) => setTimeout(resolve, 10))
  await Promise.all([store.close(), store.close(), store[Symbol.asyncDispose]()])
  t.ok(await reading >= 1, 'the iteration has ended')
  t.throws(() => store.append(message), { code: 'ERR_STORE_CLOSED' })
  t.throws(() => store.get({ topic: 'orders', queueId: 0, offset: 0 }), { code: 'ERR_STORE_CLOSED' })
  t.throws(() => store.lookup(0), { code: 'ERR_STORE_CLOSED' })
  await t.rejects(store.put(message), { code: 'ERR_STORE_CLOSED' })
  await t.rejects(store.flush(), { code: 'ERR_STORE_CLOSED' })
})

async function readAll(store: MessageStore): Promise<number> {
  let count = 0
  for await (const { topic } of store.read({ topic: 'orders', queueId: 0, offset: 0 })) if (topic === 'orders') count++
  return count
}
