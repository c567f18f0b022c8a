/**
 * The story: a service closes its store while everything is going on: puts that wait, readers that follow, flushes, buffers that
 * somebody still holds. Each gets an answer, and nobody touches memory that has been given back.
 *
 * Not proved here: programs that end without closing (ending.test.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore, StoreError, isStoreError, type OpenOptions } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import type { Backend, Mapping } from '../../lib/storage/ports'
import { codeOf, messageOfSize, smallFiles } from './support'

/** A backend whose maps note when they are used after their end. */
function withWatchedMaps(backend: Backend, misuses: string[]): Backend {
  return {
    name: backend.name,
    capabilities: backend.capabilities,
    files: backend.files,
    crc32: backend.crc32.bind(backend),
    mapper: {
      map(descriptor, length, access) {
        const mapping = backend.mapper.map(descriptor, length, access)
        let isUnmapped = false
        const flushes = new Set<Promise<void>>()
        return new Proxy(mapping, {
          get(target, name: keyof Mapping) {
            if (isUnmapped && name !== 'unmap') misuses.push(`${name} after unmap`)
            if (name === 'unmap') {
              if (flushes.size > 0) misuses.push('unmap during a flush')
              isUnmapped = true
            }
            const value = Reflect.get(target, name) as unknown
            if (name === 'flush') {
              return (from: number, to: number) => {
                const flush = target.flush(from, to)
                flushes.add(flush)
                return flush.finally(() => flushes.delete(flush))
              }
            }
            return typeof value === 'function' ? (value as (...values: unknown[]) => unknown).bind(target) : value
          },
        })
      },
    },
  }
}

async function openWatched(t: Test): Promise<{ store: MessageStore; directory: string; misuses: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-closing-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const misuses: string[] = []
  const ports = { backend: withWatchedMaps(selectBackend('auto'), misuses) }
  const store = await MessageStore.open(directory, { ...smallFiles, flushDiskType: 'SYNC_FLUSH', ports } as OpenOptions)
  return { store, directory, misuses }
}

t.test('close with puts, flushes and iterations on their way', async (t) => {
  for (let turns = 0; turns < 12; turns++) {
    const { store, directory, misuses } = await openWatched(t)
    for (let number = 0; number < 5; number++) await store.put(messageOfSize(700))
    const puts = Array.from({ length: 20 }, () => store.put(messageOfSize(700)).then(({ status }) => status, (error: StoreError) => error.code))
    const flushes = [store.flush(), store.flush()].map((flush) => codeOf(() => flush))
    const readers = [0, 3, 100].map(async (offset) => {
      let count = 0
      for await (const message of store.read({ topic: 'orders', queueId: 0, offset })) count += message.body.length > 0 ? 1 : 0
      return count
    })
    // Closed after ever more turns of the event loop, so that everything is met on its way.
    for (let turn = 0; turn < turns; turn++) await new Promise((resume) => setImmediate(resume))
    await store.close()
    const statuses = await Promise.all(puts)
    t.ok(statuses.every((status) => status === 'PUT_OK'), `every put had an answer: ${[...new Set(statuses)].join()}`)
    t.strictSame((await Promise.all(flushes)).filter((code) => code !== undefined && code !== 'ERR_STORE_CLOSED'), [])
    t.ok((await Promise.all(readers)).every((count) => count >= 0), 'every iteration has ended')
    t.strictSame(misuses, [])
    const again = await MessageStore.open(directory, smallFiles)
    t.equal(again.recovery.label, '@clean')
    t.equal(again.maxOffset('orders', 0), 25)
    await again.close()
  }
})

t.test('a result and an iterator that outlive the store', async (t) => {
  const { store, misuses } = await openWatched(t)
  for (let number = 0; number < 10; number++) await store.put(messageOfSize(700))
  const result = store.get({ topic: 'orders', queueId: 0, offset: 0 })
  const [buffer] = result.buffers
  const [message] = result.messages
  const iterator = store.read({ topic: 'orders', queueId: 0, offset: 0, follow: false })
  t.equal((await iterator.next()).done, false)
  await store.close()
  t.throws(() => result.buffers, { code: 'ERR_STORE_CLOSED' })
  t.throws(() => result.messages, { code: 'ERR_STORE_CLOSED' })
  t.equal(message!.body.toString().slice(0, 3), 'xxx', 'a message owns its bytes')
  if (selectBackend('auto').capabilities.has('unmap')) {
    t.equal(buffer!.length, 0, 'a buffer is none any more')
    buffer![0] = 1
    t.equal(buffer![0], undefined, 'and storing to it touches nothing')
  }
  for (let left = await iterator.next(); !left.done; left = await iterator.next()) t.ok(left.value.body.length > 0)
  t.strictSame(misuses, [])
})

t.test('a flush that fails while the store closes', async (t) => {
  const { directory, store } = await openWatched(t)
  await store.close()
  const real = selectBackend('auto')
  let isBroken = false
  const mapper: Backend['mapper'] = {
    map(...given) {
      const mapping = real.mapper.map(...given)
      const broken = Object.create(mapping) as Mapping
      broken.flush = async (from, to) => {
        await new Promise((resume) => setImmediate(resume))
        if (isBroken) throw new StoreError('ERR_IO', 'EIO', { reason: 'EIO' })
        await mapping.flush(from, to)
      }
      broken.unmap = () => mapping.unmap()
      broken.populate = (from, to, inSinglePages) => mapping.populate(from, to, inSinglePages)
      return broken
    },
  }
  const backend = { name: real.name, capabilities: real.capabilities, files: real.files, crc32: real.crc32.bind(real), mapper }
  const failing = await MessageStore.open(directory, { ...smallFiles, flushDiskType: 'SYNC_FLUSH', ports: { backend } } as OpenOptions)
  await failing.put(messageOfSize(700))
  isBroken = true
  const waiting = failing.put(messageOfSize(700)).then(() => 'PUT_OK', (error: unknown) => (isStoreError(error) ? error.code : error))
  t.equal(await codeOf(() => failing.close()), 'ERR_FLUSH_FAILED')
  t.equal(await waiting, 'ERR_FLUSH_FAILED')
  const again = await MessageStore.open(directory, smallFiles)
  t.ok(again.maxOffset('orders', 0) >= 1, 'what was acknowledged is there')
  await again.close()
})
