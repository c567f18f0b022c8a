import t from 'tap'
import { MessageStore, StoreError } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { bodies, codeOf, message, openStore, withFiles, withGatedFlush } from './support'

/*
 * The story: a service is told to stop while requests are on their way. Each of them gets an answer it can act
 * on, and closing twice, or from two places, is no error.
 *
 * Not proved here: what a kill leaves (test/torture, and the model test), and the lock (test/storage).
 */

t.test('after close every call says so', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  await store.put(message())
  const closing = store.close()
  test.equal(store.close(), closing, 'closing again is the same closing')
  const request = { topic: 'orders', queueId: 0, offset: 0 }
  const calls: Record<string, () => unknown> = {
    append: () => store.append(message()),
    appendBatch: () => store.appendBatch({ topic: 'orders', messages: [message()] }),
    put: () => store.put(message()),
    putBatch: () => store.putBatch({ topic: 'orders', messages: [message()] }),
    get: () => store.get(request),
    read: () => store.read(request),
    lookup: () => store.lookup(0),
    query: () => store.query({ topic: 'orders', key: 'k' }),
    offsetByTime: () => store.offsetByTime({ topic: 'orders', queueId: 0, timestamp: 0 }),
    queues: () => store.queues(),
    minOffset: () => store.minOffset('orders', 0),
    maxOffset: () => store.maxOffset('orders', 0),
    storeTimestamp: () => store.storeTimestamp('orders', 0, 0),
    earliestMessageTime: () => store.earliestMessageTime(),
    flush: () => store.flush(),
  }
  for (const [name, call] of Object.entries(calls)) test.equal(await codeOf(call), 'ERR_STORE_CLOSED', `${name}, while it closes`)
  await closing
  for (const [name, call] of Object.entries(calls)) test.equal(await codeOf(call), 'ERR_STORE_CLOSED', name)
  test.ok(store.maxPhyOffset > 0, 'watermarks can still be read')
})

t.test('a put on its way is acknowledged by close', async (test) => {
  const gate = withGatedFlush(createMemoryBackend())
  const store = await openStore(test, '/store', { flushDiskType: 'SYNC_FLUSH', ports: gate })
  gate.close()
  const waiting = store.put(message())
  const closing = store.close()
  gate.open()
  test.equal((await waiting).status, 'PUT_OK')
  await closing
})

t.test('the event closed comes once, when all is done', async (test) => {
  const backend = createMemoryBackend()
  const store = await openStore(test, '/store', { ports: { backend } })
  let closed = 0
  store.on('closed', () => {
    closed++
    test.equal(backend.files.status('/store/abort'), undefined, 'the mark of an unclean stop is gone')
  })
  test.not(backend.files.status('/store/abort'), undefined, 'which is there before')
  await Promise.all([store.close(), store.close(), store[Symbol.asyncDispose]()])
  test.equal(closed, 1)
})

t.test('read-only', async (test) => {
  const backend = createMemoryBackend()
  const writer = await openStore(test, '/store', { ports: { backend } })
  await writer.put(message({ properties: { KEYS: 'k' } }))
  const reader = await openStore(test, '/store', { readOnly: true, ports: { backend } })
  test.same(bodies(reader.get({ topic: 'orders', queueId: 0, offset: 0 }).messages), ['body'], 'beside the writer')
  test.equal(reader.query({ topic: 'orders', key: 'k' }).messages.length, 1)
  for (const call of [() => reader.append(message()), () => reader.put(message()), () => reader.appendBatch({ topic: 'orders', messages: [message()] })]) {
    test.equal(await codeOf(call), 'ERR_READ_ONLY')
  }
  await reader.flush()
  await reader.close()
  test.equal((await writer.put(message())).status, 'PUT_OK', 'the writer does not notice')
})

t.test('read-only needs a store', async (test) => {
  const backend = createMemoryBackend()
  backend.files.makeDirectory('/empty')
  test.equal(await codeOf(() => openStore(test, '/empty', { readOnly: true, ports: { backend } })), 'ERR_NOT_A_STORE')
  test.equal(await codeOf(() => openStore(test, '/nothing', { readOnly: true, ports: { backend } })), 'ERR_NOT_A_STORE')
  test.same(backend.files.list('/empty'), [], 'and leaves nothing')
})

t.test('one writer', async (test) => {
  const backend = createMemoryBackend()
  const first = await openStore(test, '/store', { ports: { backend } })
  test.equal(await codeOf(() => openStore(test, '/store', { ports: { backend } })), 'ERR_LOCKED')
  test.equal((await first.put(message())).status, 'PUT_OK', 'the first one is not disturbed')
  await first.close()
  const second = await openStore(test, '/store', { ports: { backend } })
  test.equal(second.maxOffset('orders', 0), 1)
})

t.test('a flush that fails stops the store for good', async (test) => {
  const gate = withGatedFlush(createMemoryBackend())
  let broken = false
  const mapper = gate.backend.mapper
  const backend = {
    ...withFiles(gate.backend, {}),
    mapper: {
      map: (...args: Parameters<typeof mapper.map>) => {
        const mapping = mapper.map(...args)
        const flush = mapping.flush.bind(mapping)
        mapping.flush = (from, to) => (broken ? Promise.reject(new Error('EIO: the disk is gone')) : flush(from, to))
        return mapping
      },
    },
  }
  const store = await openStore(test, '/store', { flushDiskType: 'SYNC_FLUSH', ports: { backend } })
  const failures: StoreError[] = []
  store.on('failed', ({ error }) => failures.push(error))
  await store.put(message())
  broken = true
  test.equal(await codeOf(() => store.put(message())), 'ERR_FLUSH_FAILED')
  broken = false
  test.equal(await codeOf(() => store.put(message())), 'ERR_FLUSH_FAILED', 'a disk that is well again proves nothing')
  test.equal(await codeOf(() => store.append(message())), 'ERR_FLUSH_FAILED')
  test.equal(await codeOf(() => store.flush()), 'ERR_FLUSH_FAILED')
  test.equal(failures.length, 1, 'told once')
  test.equal(store.failure, failures[0])
  test.match(failures[0].message, /the disk is gone/)
  test.same(bodies(store.get({ topic: 'orders', queueId: 0, offset: 0 }).messages), ['body'], 'what is visible can be read')
  await store.close()
  test.not(backend.files.status('/store/abort'), undefined, 'the next open looks at the disk')
})

t.test('two ways to name the directory', async (test) => {
  const backend = createMemoryBackend()
  const byOption = await MessageStore.open({ storePathRootDir: '/by-option', mappedFileSizeCommitLog: 4096, ports: { backend } } as never)
  test.equal(byOption.directory, '/by-option')
  await byOption.close()
  const byArgument = await MessageStore.open('/by-argument', { storePathRootDir: '/other', mappedFileSizeCommitLog: 4096, ports: { backend } } as never)
  test.equal(byArgument.directory, '/by-argument')
  test.equal(byArgument.options.storePathCommitLog, '/by-argument/commitlog')
  await byArgument.close()
  test.equal(backend.files.status('/other'), undefined)
})
