import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import { appendChannel, eventChannels, readChannel } from '../../lib/channels'
import type { StoreChannels } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { HOUR, fillSegments, openRetained } from '../retention/support'
import { message, openStore } from '../store/support'

/*
 * The story: whoever traces an application hears of all stores in it without a line in the code that uses them; and who does not
 * listen does not pay, since what would be published is not even made.
 */

const names = ['mqstore:append', 'mqstore:read', 'mqstore:flush', 'mqstore:delete', 'mqstore:recover'] as const

function listen<Name extends keyof StoreChannels>(test: Test, name: Name): StoreChannels[Name][] {
  const heard: StoreChannels[Name][] = []
  const onMessage = (published: unknown): void => void heard.push(published as StoreChannels[Name])
  subscribe(name, onMessage)
  test.teardown(() => void unsubscribe(name, onMessage))
  return heard
}

t.test('a message that is stored, and one that is refused', async (t) => {
  const heard = listen(t, 'mqstore:append')
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const stored = message()
  const refused = message({ topic: '' })
  const results = [store.append(stored), store.append(refused)]
  t.equal(heard.length, 2)
  t.strictSame(heard.map(({ result }) => result.status), ['PUT_OK', 'MESSAGE_ILLEGAL'])
  for (const [index, published] of heard.entries()) {
    t.strictSame(Object.keys(published), ['store', 'message', 'result'])
    t.equal(published.store, store)
    t.equal(published.message, [stored, refused][index])
    t.equal(published.result, results[index])
  }
})

t.test('a batch is one message of the channel, and so is a put', async (t) => {
  const heard = listen(t, 'mqstore:append')
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const batch = { topic: 'orders', messages: [{ body: Buffer.from('one') }, { body: Buffer.from('two') }] }
  const result = store.appendBatch(batch)
  await store.put(message())
  await store.putBatch(batch)
  t.strictSame(heard.map((published) => published.result.messageCount), [2, 1, 2])
  t.equal(heard[0]!.message, batch)
  t.equal(heard[0]!.result, result)
})

t.test('a call that throws is not published', async (t) => {
  const heard = listen(t, 'mqstore:append')
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  await store.close()
  t.throws(() => store.append(message()), { code: 'ERR_STORE_CLOSED' })
  t.strictSame(heard, [])
})

t.test('a get, and the gets of an iteration', async (t) => {
  const heard = listen(t, 'mqstore:read')
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  store.append(message())
  const request = { topic: 'orders', queueId: 0, offset: 0 }
  const result = store.get(request)
  t.strictSame(Object.keys(heard[0]!), ['store', 'request', 'result'])
  t.equal(heard[0]!.store, store)
  t.equal(heard[0]!.request, request)
  t.equal(heard[0]!.result, result)
  for await (const read of store.read({ ...request, follow: false })) t.equal(read.queueOffset, 0)
  t.strictSame(heard.map((published) => published.result.status), ['FOUND', 'FOUND', 'OFFSET_OVERFLOW_ONE'])
})

t.test('a flush, and an open', async (t) => {
  const flushes = listen(t, 'mqstore:flush')
  const opens = listen(t, 'mqstore:recover')
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const { bytes } = store.append(message())
  await store.flush()
  t.strictSame(flushes.map(({ from, to }) => ({ from, to })), [{ from: 0, to: bytes }])
  t.type(flushes[0]!.milliseconds, 'number')
  t.equal(flushes[0]!.store, store)
  // As with the event, a turn of the event loop after the open.
  await new Promise(setImmediate)
  t.equal(opens.length, 1)
  const { store: opened, ...report } = opens[0]!
  t.equal(opened, store)
  t.strictSame(report, store.recovery)
})

t.test('a file that is deleted', async (t) => {
  const heard = listen(t, 'mqstore:delete')
  const { store, clock, deletions } = await openRetained(t)
  fillSegments({ store, clock }, 2)
  clock.advance(100 * HOUR)
  fillSegments({ store, clock }, 1)
  await store.retention.deleteNow()
  t.ok(heard.length > 0)
  t.strictSame(heard.map(({ store: _, ...deletion }) => deletion), deletions)
  t.ok(heard.every((published) => published.store === store))
})

t.test('events are told of with and without a subscriber', async (t) => {
  const store = await openStore(t, '/store', { ports: { backend: createMemoryBackend() } })
  const events: number[] = []
  store.on('flush', ({ to }) => events.push(to))
  store.append(message())
  await store.flush()
  const heard = listen(t, 'mqstore:flush')
  store.append(message())
  await store.flush()
  t.equal(events.length, 2)
  t.strictSame(heard.map(({ to }) => to), [events[1]])
})

t.test('all stores of the process are heard, until nobody listens', async (t) => {
  const heard: unknown[] = []
  const onMessage = (published: unknown): void => void heard.push((published as StoreChannels['mqstore:append']).store)
  subscribe('mqstore:append', onMessage)
  const backend = createMemoryBackend()
  const stores = [await openStore(t, '/one', { ports: { backend } }), await openStore(t, '/two', { ports: { backend } })]
  for (const store of stores) store.append(message())
  unsubscribe('mqstore:append', onMessage)
  for (const store of stores) store.append(message())
  t.equal(heard.length, 2)
  t.equal(heard[0], stores[0])
  t.equal(heard[1], stores[1])
})

t.test('nothing is made for nobody', async (t) => {
  const channels = [appendChannel, readChannel, ...Object.values(eventChannels)]
  t.strictSame(channels.map(({ name }) => name), names)
  const published = new Set<unknown>()
  // Whoever calls this has made what it is called with.
  for (const channel of channels) Object.defineProperty(channel, 'publish', { configurable: true, value: () => published.add(channel.name) })
  t.teardown(() => {
    for (const channel of channels) Reflect.deleteProperty(channel, 'publish')
  })
  const useStore = async (): Promise<void> => {
    const { store, clock } = await openRetained(t)
    fillSegments({ store, clock }, 2)
    store.appendBatch({ topic: 'orders', messages: [{ body: Buffer.from('body') }] })
    store.get({ topic: 'orders', queueId: 0, offset: 0 }).release()
    await store.flush()
    clock.advance(100 * HOUR)
    await store.retention.deleteNow()
    await store.close()
    await new Promise(setImmediate)
  }
  await useStore()
  t.strictSame([...published], [])
  for (const name of names) listen(t, name)
  await useStore()
  t.strictSame([...published].sort(), [...names].sort(), 'each of them would have been noticed')
})
