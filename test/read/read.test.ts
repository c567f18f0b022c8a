import t from 'tap'
import type { MessageStore, ReadRequest, StoredMessage } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { bodies, message, messageOfSize, openStore, smallFiles, type TestOptions } from '../store/support'

/*
 * The story: a service reads a queue in a loop that is meant to run for months. It must see each message once, wait
 * without work where there is none, and end when it is told to, by the store, by a signal or by a break.
 */

const queue = { topic: 'orders', queueId: 0, offset: 0 }

async function openHere(test: Parameters<typeof openStore>[0], options: TestOptions = {}): Promise<MessageStore> {
  return openStore(test, '/store', { ...options, ports: { backend: createMemoryBackend() } })
}

function append(store: MessageStore, ...texts: string[]): void {
  for (const text of texts) store.append(message({ body: Buffer.from(text), properties: { TAGS: text.slice(0, 1) } }))
}

/** Reads on in the background. */
function collect(store: MessageStore, request: Partial<ReadRequest> = {}) {
  const seen: string[] = []
  const ended = (async () => {
    for await (const stored of store.read({ ...queue, ...request })) seen.push(stored.body.toString())
  })()
  ended.catch(() => {})
  return { seen, ended }
}

const turn = (): Promise<void> => new Promise((resume) => setImmediate(resume))

async function turns(count = 4): Promise<void> {
  for (let at = 0; at < count; at++) await turn()
}

t.test('to the end, and no further', async (test) => {
  const store = await openHere(test)
  append(store, ...Array.from({ length: 25 }, (_, at) => String(at)))
  const seen: StoredMessage[] = []
  for await (const stored of store.read({ ...queue, follow: false })) seen.push(stored)
  test.same(bodies(seen).map(Number), Array.from({ length: 25 }, (_, at) => at), 'over files of the queue')
  const rest = collect(store, { offset: 23, follow: false, maxMessages: 1 })
  await rest.ended
  test.same(rest.seen, ['23', '24'], 'from an offset on')
  for (const offset of [25, 26]) {
    const none = collect(store, { offset, follow: false })
    await none.ended
    test.same(none.seen, [], `from ${offset}`)
  }
  const unknown = collect(store, { topic: 'unknown', follow: false })
  await unknown.ended
  test.same(unknown.seen, [])
})

t.test('follows the tail', async (test) => {
  const store = await openHere(test)
  append(store, 'a')
  const reader = collect(store)
  await turns()
  test.same(reader.seen, ['a'])
  append(store, 'b', 'c')
  await turns()
  test.same(reader.seen, ['a', 'b', 'c'])
  store.append(message({ queueId: 1, body: Buffer.from('other queue') }))
  await turns()
  append(store, 'd')
  await turns()
  test.same(reader.seen, ['a', 'b', 'c', 'd'])
  await store.close()
  await reader.ended
})

t.test('a queue that is not there yet', async (test) => {
  const store = await openHere(test)
  const reader = collect(store)
  await turns()
  append(store, 'first')
  await turns()
  test.same(reader.seen, ['first'])
})

t.test('from beyond the end, once there is something', async (test) => {
  const store = await openHere(test)
  append(store, 'a')
  const reader = collect(store, { offset: 9 })
  await turns()
  append(store, 'b')
  await turns()
  test.same(reader.seen, ['b'], 'the engine sends such a consumer to the end')
})

t.test('two readers of one queue', async (test) => {
  const store = await openHere(test)
  const [left, right] = [collect(store), collect(store)]
  await turns()
  append(store, 'a')
  await turns()
  test.same([left.seen, right.seen], [['a'], ['a']])
})

t.test('a filter', async (test) => {
  const store = await openHere(test)
  append(store, 'a1', 'b1', 'a2')
  const reader = collect(store, { filter: 'a' })
  await turns()
  append(store, 'b2', 'b3', 'a3')
  await turns()
  test.same(reader.seen, ['a1', 'a2', 'a3'])
})

t.test('ends when the store closes, also while it waits', async (test) => {
  const store = await openHere(test)
  append(store, 'a', 'b')
  const waiting = collect(store)
  const started = store.read(queue)
  test.equal((await started.next()).value?.body.toString(), 'a')
  const notStarted = store.read(queue)
  await turns()
  await store.close()
  await waiting.ended
  test.same(waiting.seen, ['a', 'b'])
  test.equal((await notStarted.next()).done, true, 'one that had not begun')
  for (let step = await started.next(); !step.done; step = await started.next()) test.equal(step.value.body.toString(), 'b', 'what was read before still comes')
})

t.test('a signal', async (test) => {
  const store = await openHere(test)
  append(store, 'a')
  const reason = new Error('enough')
  const before = collect(store, { signal: AbortSignal.abort(reason) })
  await test.rejects(before.ended, reason, 'aborted before')
  test.same(before.seen, [])

  const waiting = new AbortController()
  const reader = collect(store, { signal: waiting.signal })
  await turns()
  test.same(reader.seen, ['a'])
  waiting.abort(reason)
  await test.rejects(reader.ended, reason, 'aborted while it waits')

  const between = new AbortController()
  append(store, 'b')
  const stepwise = store.read({ ...queue, signal: between.signal })
  await stepwise.next()
  between.abort(reason)
  await test.rejects(stepwise.next(), reason, 'aborted between two messages')
  test.equal((await stepwise.next()).done, true, 'and that is the end')
})

t.test('a break ends it', async (test) => {
  const store = await openHere(test)
  append(store, 'a', 'b')
  for await (const stored of store.read(queue)) {
    test.equal(stored.body.toString(), 'a')
    break
  }
  append(store, 'c')
  const again = store.read({ ...queue, offset: 1 })
  test.equal((await again.next()).value?.body.toString(), 'b')
  test.equal((await again.return(undefined)).done, true)
})

t.test('a filter that throws ends it with that', async (test) => {
  const store = await openHere(test)
  append(store, 'a')
  const reader = collect(store, { filter: { matchesMessage: () => { throw new Error('in the filter') } } })
  await test.rejects(reader.ended, /in the filter/)
})

t.test('many entries that do not match do not stop the process', async (test) => {
  const store = await openHere(test, { mappedFileSizeCommitLog: 4 << 20, mappedFileSizeConsumeQueue: 20 * 1000 })
  for (let at = 0; at < 20_000; at++) store.append(message())
  let turnsInBetween = 0
  let goesOn = true
  void (async () => {
    for (; goesOn; turnsInBetween++) await turn()
  })()
  const reader = collect(store, { filter: 'nothing', follow: false })
  await reader.ended
  goesOn = false
  test.ok(turnsInBetween > 0, 'others get their turn')
})

t.test('messages larger than a get', async (test) => {
  const store = await openHere(test, { mappedFileSizeCommitLog: smallFiles.mappedFileSizeCommitLog, maxTransferBytesOnMessageInMemory: 1 })
  for (let at = 0; at < 5; at++) store.append(messageOfSize(3000))
  const reader = collect(store, { follow: false })
  await reader.ended
  test.equal(reader.seen.length, 5)
})

t.test('what arrives while the reader looks at the end is not missed', async (test) => {
  const store = await openHere(test)
  const reader = store.read(queue)
  for (let at = 0; at < 200; at++) {
    const next = reader.next()
    // Appended after none to three turns, so that every step of the reader is met.
    for (let turns = 0; turns < at % 4; turns++) await turn()
    append(store, String(at))
    test.equal((await next).value?.body.toString(), String(at))
  }
  await reader.return(undefined)
})
