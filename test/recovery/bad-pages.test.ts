/**
 * The story: some pages of the disk cannot be read when a store is opened. Where they hold what had been flushed, their messages
 * are damage that is reported, and all others are there; where nobody can say what they hold, the open fails with the place and
 * changes nothing, since what the disk does not give today must not be cut off. What is derived is made again from the log.
 *
 * Not proved here: that the kernel's signal becomes such a page (test/native, test/store/cut-files.test.ts and
 * bad-sectors.test.ts).
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { PAGE, withBadPages } from '../support/bad-pages'
import { filesBelow } from '../support/files'
import { SEGMENT, appendMessages, range, readNumbers, segmentFiles, small, temporaryDirectory } from './support'

/** A store that was killed after messages [0, flushed) had been flushed, and [flushed, written) not. */
async function killedStore(
  t: Test, flushed: number, written: number, options = small,
): Promise<{ directory: string; flushedOffset: number; end: number }> {
  const directory = temporaryDirectory(t)
  const live = `${directory}-live`
  const store = await MessageStore.open(live, options)
  appendMessages(store, 0, flushed)
  await store.flush()
  const { flushedOffset } = store
  appendMessages(store, flushed, written)
  cpSync(live, directory, { recursive: true })
  const end = store.maxPhyOffset
  await store.close()
  return { directory, flushedOffset, end }
}

function open(directory: string, badPages: Map<string, number[]>, options: OpenOptions = {}): Promise<MessageStore> {
  const ports = { backend: withBadPages(selectBackend('auto'), badPages) }
  return MessageStore.open(directory, { ...small, ...options, ports } as OpenOptions)
}

t.test('in the middle of what was flushed: reported and stepped over', async (t) => {
  const { directory } = await killedStore(t, 200, 200)
  const [, second] = segmentFiles(directory)
  const badPages = new Map([[second!, [2]]])
  const at = SEGMENT + 2 * PAGE
  const whole = await open(directory, new Map(), { readOnly: true })
  t.same(await readNumbers(whole), range(0, 200))
  const lost = (await allMessages(whole)).filter(({ from, to }) => from < at + PAGE && at < to).map(({ number }) => number)
  t.ok(lost.length > 1)
  await whole.close()
  const kept = range(0, 200).filter((number) => !lost.includes(number))

  const files = filesBelow(directory, 'commitlog')
  const reader = await open(directory, badPages, { readOnly: true })
  t.same(await goodNumbers(reader), kept)
  await reader.close()
  const store = await open(directory, badPages)
  const [damage, ...others] = store.recovery.damage
  t.same(others, [])
  t.match(damage, { file: second, reason: 'the disk does not provide it' })
  t.ok(damage!.offset <= at && damage!.resumeOffset >= at + PAGE, 'it covers the page')
  t.same(await goodNumbers(store), kept)
  appendMessages(store, 200, 210)
  await store.flush()
  t.equal(store.failure, undefined, 'new messages go elsewhere, and are taken')
  t.same(await goodNumbers(store), [...kept, ...range(200, 210)])
  await store.close()
  t.ok(filesBelow(directory, 'commitlog').get(`commitlog/${second!.slice(-20)}`)!.equals(files.get(`commitlog/${second!.slice(-20)}`)!))
})

t.test('behind what was flushed: the open fails, and cuts nothing', async (t) => {
  const { directory, flushedOffset, end } = await killedStore(t, 100, 200)
  const page = Math.ceil(flushedOffset / PAGE)
  t.ok((page + 1) * PAGE < end)
  const file = segmentFiles(directory)[Math.floor((page * PAGE) / SEGMENT)]!
  const badPages = new Map([[file, [page % (SEGMENT / PAGE)]]])
  const files = filesBelow(directory, 'commitlog')
  await t.rejects(open(directory, badPages), { code: 'ERR_IO', details: { file, offset: page * PAGE } })
  t.strictSame(filesBelow(directory, 'commitlog'), files)
  const store = await open(directory, new Map())
  t.same(await readNumbers(store), range(0, 200), 'once the disk gives it again all is there')
  await store.close()
})

t.test('the last of what was flushed, with nothing behind it: the open fails, and cuts nothing', async (t) => {
  const { directory, flushedOffset } = await killedStore(t, 100, 100)
  const page = Math.floor((flushedOffset - 1) / PAGE)
  const file = segmentFiles(directory)[Math.floor((page * PAGE) / SEGMENT)]!
  const badPages = new Map([[file, [page % (SEGMENT / PAGE)]]])
  const files = filesBelow(directory, 'commitlog')
  await t.rejects(open(directory, badPages), { code: 'ERR_IO', details: { file } })
  t.strictSame(filesBelow(directory, 'commitlog'), files)
})

t.test('in a file of the index: it is made again', async (t) => {
  const options = { ...small, maxHashSlotNum: 1500, maxIndexNum: 2000 }
  const { directory } = await killedStore(t, 240, 240, options)
  const [path] = filesBelow(directory, 'index').keys()
  // The header, which is read, is on page 0; slots on page 1, entries on page 2 and 3.
  for (const page of [1, 2, 3]) {
    const copy = `${directory}-${page}`
    cpSync(directory, copy, { recursive: true })
    const badPages = new Map([[join(copy, path!), [page]]])
    const store = await open(copy, badPages, options)
    badPages.clear()
    for (const number of [0, 120, 239]) {
      const { messages } = store.query({ topic: number % 2 === 0 ? 'orders' : 'payments', key: `key${number}` })
      t.same(messages.map((message) => message.bornTimestamp), [number], `page ${page}: key${number} is found`)
    }
    t.same(await readNumbers(store), range(0, 240))
    await store.close()
  }
})

t.test('in a queue: an error with the place', async (t) => {
  const { directory } = await killedStore(t, 120, 120)
  const file = join(directory, 'consumequeue', 'orders', '0', '0'.repeat(20))
  await t.rejects(open(directory, new Map([[file, [0]]])), { code: 'ERR_IO', details: { file, reason: 'EIO' } })
  const badPages = new Map<string, number[]>()
  await (await open(directory, badPages)).close()
  const store = await open(directory, badPages)
  badPages.set(file, [0])
  t.throws(() => store.get({ topic: 'orders', queueId: 0, offset: 0 }), { code: 'ERR_IO', details: { file, offset: 0, reason: 'EIO' } })
  t.equal(store.get({ topic: 'payments', queueId: 0, offset: 0 }).status, 'FOUND')
  await store.close()
})

async function allMessages(store: MessageStore): Promise<{ number: number; from: number; to: number }[]> {
  const found: { number: number; from: number; to: number }[] = []
  for (const { topic, queueId } of store.queues()) {
    for await (const { bornTimestamp, commitLogOffset, storeSize } of store.read({ topic, queueId, offset: 0, follow: false })) {
      found.push({ number: bornTimestamp, from: commitLogOffset, to: commitLogOffset + storeSize })
    }
  }
  return found
}

/** As readNumbers, where some queue offsets have lost their message. */
async function goodNumbers(store: MessageStore): Promise<number[]> {
  const numbers = (await allMessages(store)).map(({ number }) => number)
  return numbers.sort((left, right) => left - right)
}
