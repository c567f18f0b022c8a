import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { StoreError, type MessageStore } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import type { Backend } from '../../lib/storage/ports'
import { codeOf, message, messageOfSize, openStore, withFiles } from './support'

/*
 * The story: what a failing call leaves behind. The sweep over all calls is the torture's (test/torture/errors.ts); here
 * are those of its findings that had a cause of their own.
 */

const refusal = new StoreError('ERR_IO', 'the disk does not take it', { reason: 'EIO' })
const noRoom = new StoreError('ERR_DISK_FULL', 'no room', { reason: 'ENOSPC' })

/** A backend in which a call fails for the paths that match, while `fails` says so. */
function failing(names: readonly ('truncate' | 'write' | 'sync' | 'syncDirectory' | 'read' | 'remove')[], path: RegExp, error: StoreError): { backend: Backend; fails: boolean } {
  const real = selectBackend('auto')
  const paths = new Map<unknown, string>()
  const control = { backend: real, fails: false }
  const calls = names.map((name) => [name, (...parameters: unknown[]) => {
    const target = paths.get(parameters[0]) ?? String(parameters[0])
    if (control.fails && path.test(target)) {
      if (name.startsWith('sync')) return Promise.reject(error)
      throw error
    }
    return (real.files[name] as (...given: unknown[]) => unknown).apply(real.files, parameters)
  }])
  control.backend = withFiles(real, {
    ...Object.fromEntries(calls) as Partial<Backend['files']>,
    open: (file, mode) => {
      const descriptor = real.files.open(file, mode)
      paths.set(descriptor, file)
      return descriptor
    },
  })
  return control
}

function openFiles(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`)
      return target.startsWith(directory) ? [target] : []
    } catch {
      return []
    }
  })
}

t.test('an open that fails leaves neither the lock nor a file open', async (test) => {
  for (const [names, path] of [[['write'], /lock$/], [['truncate'], /abort$/], [['read'], /checkpoint$/], [['read'], /index\/\d+$/]] as const) {
    const directory = test.testdir()
    const store = await openStore(test, directory)
    store.append(message({ properties: { KEYS: 'k' } }))
    await store.close()
    const control = failing(names, path, refusal)
    control.fails = true
    test.equal(await codeOf(() => openStore(test, directory, { ports: { backend: control.backend } })), 'ERR_IO', String(path))
    if (process.platform === 'linux') test.same(openFiles(directory), [], `${path}: nothing is open`)
    const again = await openStore(test, directory)
    test.equal(again.maxOffset('orders', 0), 1, 'and the next open has it all')
    await again.close()
  }
})

t.test('a flush of the segment prepared ahead that fails stops the store', async (test) => {
  const control = failing(['syncDirectory'], /commitlog$/, refusal)
  const store = await openStore(test, test.testdir(), { flushDiskType: 'SYNC_FLUSH', ports: { backend: control.backend } })
  test.equal((await store.put(message())).status, 'PUT_OK')
  control.fails = true
  const failed = new Promise((resolve) => store.once('failed', resolve))
  store.append(messageOfSize(3000))
  await failed
  control.fails = false
  test.equal(store.failure?.code, 'ERR_FLUSH_FAILED')
  test.equal(await codeOf(() => store.put(message())), 'ERR_FLUSH_FAILED', 'though the disk would take it now')
})

t.test('a queue or index file for which there was no room is made once there is', async (test) => {
  for (const folder of ['consumequeue', 'index']) {
    const control = failing(['truncate'], new RegExp(`/${folder}/`), noRoom)
    const store = await openStore(test, test.testdir(), { maxIndexNum: 2, ports: { backend: control.backend } })
    store.append(message({ properties: { KEYS: 'first' } }))
    control.fails = true
    await codeOf(() => store.flush())
    test.equal(await codeOf(() => store.append(message({ properties: { KEYS: 'second' } }))), 'ERR_DISK_FULL', folder)
    control.fails = false
    test.ok(store.append(message({ properties: { KEYS: 'second' } })).isStored(), 'it goes on by itself')
    await store.flush()
    test.equal(store.failure, undefined)
  }
})

t.test('a message whose keys begin an index file for which there is no room: it is stored, and its keys are found once there is', async (test) => {
  for (const keysBefore of [0, 2]) {
    const control = failing(['truncate'], /\/index\//, noRoom)
    const parent = test.testdir()
    const directory = join(parent, 'store')
    const store = await openStore(test, directory, { maxIndexNum: 4, ports: { backend: control.backend } })
    for (let at = 0; at < keysBefore; at++) store.append(message({ properties: { KEYS: `before${at}` } }))
    const find = (from: MessageStore): number[] => ['a', 'b', 'c', 'd', 'e'].map((key) => from.query({ topic: 'orders', key }).messages.length)
    control.fails = true
    test.ok(store.append(message({ properties: { KEYS: 'a b c d e' } })).isStored())
    test.equal(store.failure, undefined, 'the store goes on')
    test.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL', 'no other message comes before its keys')
    test.equal(await codeOf(() => store.flush()), 'ERR_DISK_FULL')
    test.equal(await codeOf(() => store.backup(join(parent, 'copy'))), 'ERR_DISK_FULL', 'no copy lacks them')
    test.equal(store.get({ topic: 'orders', queueId: 0, offset: keysBefore }).messages.length, 1)
    control.fails = false
    test.ok(store.append(message({ properties: { KEYS: 'after' } })).isStored(), 'by itself')
    test.same(find(store), [1, 1, 1, 1, 1])
    await store.close()
    const again = await openStore(test, directory, { maxIndexNum: 4 })
    test.equal(again.recovery.label, '@clean')
    test.same(find(again), [1, 1, 1, 1, 1])
    await again.close()
  }
})

t.test('closed, or killed, while keys wait for an index file: the next open makes them', async (test) => {
  const control = failing(['truncate'], /\/index\//, noRoom)
  const directory = test.testdir()
  const store = await openStore(test, directory, { maxIndexNum: 4, ports: { backend: control.backend } })
  store.append(message({ properties: { KEYS: 'first' } }))
  await store.flush()
  control.fails = true
  store.append(message({ properties: { KEYS: 'a b c d e' } }))
  test.equal(await codeOf(() => store.close()), 'ERR_DISK_FULL')
  const full = failing(['truncate'], /\/index\//, noRoom)
  full.fails = true
  test.equal(await codeOf(() => openStore(test, directory, { maxIndexNum: 4, ports: { backend: full.backend } })), 'ERR_DISK_FULL')
  const again = await openStore(test, directory, { maxIndexNum: 4 })
  for (const key of ['first', 'a', 'b', 'c', 'd', 'e']) test.equal(again.query({ topic: 'orders', key }).messages.length, 1, key)
  await again.close()
})

t.test('a segment for which there was no room, and whose beginning could not even be removed, is made once there is', async (test) => {
  for (const goesOn of [true, false]) {
    const control = failing(['truncate', 'remove'], /\/commitlog\//, noRoom)
    const directory = test.testdir()
    const store = await openStore(test, directory, { ports: { backend: control.backend } })
    store.append(message())
    control.fails = true
    for (const attempt of ['first', 'second']) test.equal(await codeOf(() => store.append(messageOfSize(4000))), 'ERR_DISK_FULL', attempt)
    control.fails = false
    if (goesOn) test.ok(store.append(messageOfSize(4000)).isStored())
    test.equal(store.failure, undefined)
    await store.close()
    test.equal(readdirSync(join(directory, 'commitlog')).length, goesOn ? 2 : 1, 'and closing leaves nothing of it: 4.9 would not start')
  }
})

t.test('a queue that cannot be read wakes its readers, and ends nothing', async (test) => {
  const control = failing(['read'], /consumequeue/, refusal)
  const directory = test.testdir()
  const before = await openStore(test, directory)
  for (let count = 0; count < 3; count++) before.append(message())
  await before.close()
  const store = await openStore(test, directory, { visibility: 'flushed', ports: { backend: control.backend } })
  const reading = store.read({ topic: 'orders', queueId: 0, offset: 3 }).next()
  await new Promise((resume) => setImmediate(resume))
  store.append(message())
  control.fails = true
  test.equal(await codeOf(() => reading), 'ERR_IO', 'whoever waits learns of it')
  control.fails = false
  await store.flush()
  test.equal(store.maxOffset('orders', 0), 4, 'and the store lives on')
})
