import t from 'tap'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { message, openStore, withGatedFlush } from '../store/support'

/*
 * The story: whoever holds long polls wants to hear of each queue that has something new: once for a burst, not a
 * thousand times, and not before a get would show it.
 */

async function turns(count = 4): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise((resume) => setImmediate(resume))
}

t.test('one event for each queue and turn', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  const events: object[] = []
  store.on('arrival', (event) => events.push(event))
  for (let at = 0; at < 5; at++) {
    store.append(message({ queueId: 1 }))
    store.append(message({ topic: 'payments' }))
  }
  test.same(events, [], 'not in the middle of an append')
  await turns()
  test.same(events, [{ topic: 'orders', queueId: 1, maxOffset: 5 }, { topic: 'payments', queueId: 0, maxOffset: 5 }])
  store.append(message({ queueId: 1 }))
  await turns()
  test.same(events.slice(2), [{ topic: 'orders', queueId: 1, maxOffset: 6 }])
  await turns()
  test.equal(events.length, 3, 'and silence')
})

t.test('a batch is one arrival', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  const events: object[] = []
  store.on('arrival', (event) => events.push(event))
  await store.putBatch({ topic: 'orders', messages: [message(), message(), message()] })
  await turns()
  test.same(events, [{ topic: 'orders', queueId: 0, maxOffset: 3 }])
})

t.test('a refused message is none', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  const events: object[] = []
  store.on('arrival', (event) => events.push(event))
  store.append(message({ topic: '' }))
  await turns()
  test.same(events, [])
})

t.test('not before the message can be seen', async (test) => {
  const gate = withGatedFlush(createMemoryBackend())
  const store = await openStore(test, '/store', { flushDiskType: 'SYNC_FLUSH', ports: gate })
  const events: { maxOffset: number }[] = []
  const got: string[] = []
  store.on('arrival', (event) => {
    events.push(event)
    got.push(store.get({ topic: 'orders', queueId: 0, offset: event.maxOffset - 1 }).status)
  })
  gate.close()
  store.append(message())
  await turns()
  test.same(events, [], 'it is not flushed yet')
  gate.open()
  await store.flush()
  await turns()
  test.same(events, [{ topic: 'orders', queueId: 0, maxOffset: 1 }], 'now it is')
  test.same(got, ['FOUND'])
})

t.test('at once under 4.9, which shows what is written', async (test) => {
  const gate = withGatedFlush(createMemoryBackend())
  const store = await openStore(test, '/store', { compatibility: '4.9', flushDiskType: 'SYNC_FLUSH', ports: gate })
  const events: object[] = []
  store.on('arrival', (event) => events.push(event))
  gate.close()
  store.append(message())
  await turns()
  test.same(events, [{ topic: 'orders', queueId: 0, maxOffset: 1 }])
  gate.open()
  await store.flush()
  await turns()
  test.equal(events.length, 1, 'the flush brings nothing new')
})

t.test('none after close', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  const events: object[] = []
  store.on('arrival', (event) => events.push(event))
  store.append(message())
  await store.close()
  await turns()
  test.ok(events.length <= 1)
  test.same(events.slice(1), [])
})

t.test('a listener that throws harms neither the store nor another listener', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  const uncaught: unknown[] = []
  const listener = (error: unknown): void => void uncaught.push(error)
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', listener)
  store.on('arrival', () => { throw new Error('in the listener') })
  const heard: unknown[] = []
  store.once('arrival', (event) => heard.push(event))
  store.append(message())
  await turns()
  store.append(message())
  await turns()
  process.removeListener('uncaughtException', listener)
  for (const one of before) process.on('uncaughtException', one)
  test.match(uncaught, [{ message: 'in the listener' }, { message: 'in the listener' }], 'it surfaces where the process hears of it')
  test.equal(heard.length, 1, 'who asked to hear once hears once')
  test.equal(store.maxOffset('orders', 0), 2)
  test.equal(store.failure, undefined)
})
