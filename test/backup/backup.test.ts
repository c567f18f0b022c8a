import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { StoreError } from '../../lib/errors'
import type { BackupOptions, BackupProgress } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { firstFileDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { StillClock, codeOf, filesOf, message, names, overwrite, withFiles } from '../store/support'
import { append, beside, contentOf, numbersIn, open, range, readNumbers, sharedFiles } from './support'

/*
 * The story: somebody copies a store that is being written to. The copy is what a clean stop would have left at that moment, and
 * shares with the store what nobody writes to any more. What happens when it is interrupted: interrupted.test.ts; what becomes of
 * it when the store lives on: shared-files.test.ts; under load: under-load.test.ts.
 */


t.test('a copy is what a clean stop leaves, byte for byte', async (test) => {
  for (const compatibility of ['4.9', '5.3'] as const) {
    const [directory, target] = [join(test.testdir(), 'store'), join(test.testdirName, 'backups', 'copy')]
    const store = await open(test, directory, { compatibility })
    mkdirSync(join(directory, 'config'))
    writeFileSync(join(directory, 'config', 'topics.json'), '{}')
    utimesSync(join(directory, 'config', 'topics.json'), 1_600_000_000, 1_600_000_000)
    append(store, 0, 100)
    const result = await store.backup(target)
    const copied = contentOf(target)
    test.equal(result.logEnd, store.maxPhyOffset)
    test.equal(result.directory, target)
    test.equal(statSync(join(target, 'config', 'topics.json')).mtimeMs, 1_600_000_000_000, 'files of others keep their times')
    await store.close()
    expectNoDifference(test, firstFileDifference(contentOf(directory), copied), compatibility)
    test.ok(names(target, 'commitlog').length > 2 && names(target, 'consumequeue', 'orders', '0').length > 2 && names(target, 'index').length > 2)
    test.equal(result.files, copied.size - 2, 'all but checkpoint and manifest')
    const copy = await open(test, target, { compatibility })
    test.equal(copy.recovery.label, '@clean')
    test.same(numbersIn(copy), range(0, 100))
    test.equal(copy.query({ topic: 'orders', key: 'k77' }).messages.length, 1)
    append(copy, 100, 120)
    test.same(numbersIn(copy), range(0, 120))
    await copy.close()
  }
})

t.test('copies of stores that have little', async (test) => {
  const root = test.testdir()
  const store = await open(test, join(root, 'store'))
  await store.backup(join(root, 'nothing'))
  test.same(await readNumbers(test, join(root, 'nothing')), [])
  const making = store.backup(join(root, 'first'))
  append(store, 0, 1)
  await making
  append(store, 1, 2)
  await store.backup(join(root, 'second'))
  await store.close()
  const first = await open(test, join(root, 'first'))
  test.equal(numbersIn(first).length, first.maxPhyOffset > 0 ? 1 : 0, 'what came during the backup is there, or not')
  await first.close()
  test.same(await readNumbers(test, join(root, 'second')), [0, 1])
  const again = await open(test, join(root, 'store'))
  await again.backup(join(root, 'third'))
  const third = await open(test, join(root, 'third'))
  test.equal(third.query({ topic: 'orders', key: 'k1' }).messages.length, 1, 'also of an index that was not written to')
  test.equal(third.recovery.label, '@clean')
  await third.close()
})

t.test('without an index, and with a log elsewhere', async (test) => {
  const root = test.testdir()
  const store = await open(test, join(root, 'store'), { messageIndexEnable: false, storePathCommitLog: join(root, 'log') })
  append(store, 0, 50)
  await store.backup(join(root, 'copy'))
  const copy = await open(test, join(root, 'copy'), { messageIndexEnable: false })
  test.equal(copy.recovery.label, '@clean')
  test.same(numbersIn(copy), range(0, 50))
  test.equal(await codeOf(() => store.backup(join(root, 'log', 'copy'))), 'ERR_BACKUP_TARGET')
})

t.test('what nobody writes to is shared, and only what is new is copied', async (test) => {
  const root = test.testdir()
  const [directory, target] = [join(root, 'store'), join(root, 'copy')]
  const store = await open(test, directory)
  append(store, 0, 100)
  const first = await store.backup(target)
  const segments = names(target, 'commitlog')
  test.same(sharedFiles(directory, target, 'commitlog'), segments.slice(0, -1), 'all segments but the last')
  const queue = join('consumequeue', 'orders', '0')
  test.same(sharedFiles(directory, target, queue), names(target, queue).slice(0, -1))
  test.same(sharedFiles(directory, target, 'index'), names(target, 'index').slice(0, -1))
  test.same(sharedFiles(directory, target, '').filter((path) => !path.includes('/')), [], 'nothing else')
  test.equal(first.linkedBytes, [...segments.slice(0, -1).map((name) => statSync(join(target, 'commitlog', name)).size),
    ...range(0, 3).flatMap((id) => names(target, 'consumequeue', 'orders', String(id)).slice(0, -1).map(() => 200)),
    ...names(target, 'index').slice(0, -1).map((name) => statSync(join(target, 'index', name)).size)].reduce((sum, size) => sum + size, 0))
  const again = await store.backup(target)
  test.equal(again.copiedBytes, first.copiedBytes, 'the same once more, where nothing has changed')
  test.equal(again.linkedBytes, first.linkedBytes)
  append(store, 100, 101)
  const [size] = [store.maxPhyOffset - again.logEnd]
  const third = await store.backup(target)
  test.equal(third.copiedBytes - again.copiedBytes, size + 20 + 20, 'a record, an entry of its queue, one of the index')
  test.same(await readNumbers(test, target), range(0, 101))
  test.same(beside(target), ['copy', 'store'], 'nothing else is left')
})

/** A file system on which no file of a store can have a name elsewhere, as if a backup lay on another device. */
function onAnotherDevice(store: string): ReturnType<typeof selectBackend> {
  const real = selectBackend('auto')
  return withFiles(real, {
    link(from, to) {
      if (from.startsWith(join(store, '/'))) throw new StoreError('ERR_IO', 'another device', { reason: 'EXDEV' })
      real.files.link(from, to)
    },
  })
}

t.test('on another device: what has been copied once is taken over from the backup before', async (test) => {
  const root = test.testdir()
  const [directory, first, second] = [join(root, 'store'), join(root, 'first'), join(root, 'second')]
  const store = await open(test, directory, { ports: { backend: onAnotherDevice(directory) } })
  append(store, 0, 100)
  const whole = await store.backup(first)
  test.equal(whole.linkedBytes, 0)
  test.same(sharedFiles(directory, first, ''), [])
  const times = (of: string): number[] => names(of, 'commitlog').slice(0, -1).map((name) => statSync(join(of, 'commitlog', name)).mtimeMs)
  test.same(times(first), times(directory), 'times are kept')
  append(store, 100, 101)
  const increment = await store.backup(second, { from: first })
  test.same(sharedFiles(first, second, 'commitlog'), names(first, 'commitlog').slice(0, -1))
  test.equal(increment.linkedBytes + increment.copiedBytes, whole.copiedBytes + increment.logEnd - whole.logEnd + 40)
  test.ok(increment.copiedBytes < whole.copiedBytes / 2)
  const replaced = await store.backup(second)
  test.equal(replaced.copiedBytes, increment.copiedBytes, 'and from the one that is replaced')
  test.same(await readNumbers(test, second), range(0, 101))

  const [sealed] = names(first, 'commitlog')
  rmSync(join(first, 'commitlog', sealed!))
  writeFileSync(join(first, 'commitlog', sealed!), Buffer.alloc(4096, 'x'))
  await store.backup(join(root, 'third'), { from: first })
  test.same(await readNumbers(test, join(root, 'third')), range(0, 101), 'what has been written to since is not taken over')
  test.equal(await codeOf(() => store.backup(join(root, 'fourth'), { from: root })), 'ERR_BACKUP_TARGET')
})

function isMounted(directory: string): boolean {
  return existsSync(directory) && statSync(directory).dev !== statSync(join(directory, '..')).dev
}

t.test('targets that are refused, and stay as they are', async (test) => {
  const root = test.testdir({ full: { file: 'x' }, file: 'x', empty: {} })
  const directory = join(root, 'store')
  const store = await open(test, directory)
  append(store, 0, 40)
  const other = await open(test, join(root, 'other'))
  await other.backup(join(root, 'others'))
  await store.backup(join(root, 'opened'))
  const opened = await open(test, join(root, 'opened'))
  append(opened, 100, 101)
  await opened.close()
  mkdirSync(join(root, 'taken.unfinished'))
  writeFileSync(join(root, 'taken.unfinished', 'mine'), 'x')
  symlinkSync(directory, join(root, 'link'))
  const before = filesOf(root)
  const cases: [string, string, BackupOptions?][] = [
    ['full', 'not-empty'], ['file', 'not-empty'], ['others', 'other-store'], ['opened', 'opened'], ['taken', 'not-empty'],
    ['store', 'within'], ['store/config/copy', 'within'], ['.', 'within'], ['link/config', 'within'],
    ['new', 'other-store', { from: join(root, 'others') }], ['new', 'other-store', { from: join(root, 'empty') }],
  ]
  if (isMounted('/dev/shm')) cases.push(['/dev/shm', 'mount-point'])
  for (const [target, reason, options] of cases) {
    await test.rejects(store.backup(target.startsWith('/') ? target : join(root, target), options), { code: 'ERR_BACKUP_TARGET', details: { reason } }, target)
  }
  test.same(filesOf(root), before)
  await store.backup(join(root, 'empty'))
  test.same(await readNumbers(test, join(root, 'empty')), range(0, 40), 'an empty directory is taken')
  const [one, two] = await Promise.allSettled([store.backup(join(root, 'twice')), store.backup(join(root, 'twice'))])
  test.equal(one.status, 'fulfilled')
  test.match(two, { status: 'rejected', reason: { details: { reason: 'running' } } }, 'one at a time')
  const reader = await open(test, directory, { readOnly: true })
  test.equal(await codeOf(() => reader.backup(join(root, 'reader'))), 'ERR_READ_ONLY')
  await store.close()
  test.equal(await codeOf(() => store.backup(join(root, 'closed'))), 'ERR_STORE_CLOSED')
  test.notOk(existsSync(join(root, 'closed')) || existsSync(join(root, 'closed.unfinished')))
})

t.test('one that is ended stays unmade, and the one before stays', async (test) => {
  const root = test.testdir()
  const target = join(root, 'copy')
  const store = await open(test, join(root, 'store'))
  append(store, 0, 40)
  await store.backup(target)
  const before = contentOf(target)
  append(store, 40, 80)
  const reason = new Error('enough')
  for (const phase of ['copy', 'flush', 'verify']) {
    const ending = new AbortController()
    const onProgress = (progress: BackupProgress): void => {
      if (progress.phase === phase) ending.abort(reason)
    }
    await test.rejects(store.backup(target, { signal: ending.signal, onProgress, verify: true }), reason, phase)
    test.same(beside(target), ['copy', 'store'])
  }
  await test.rejects(store.backup(target, { signal: AbortSignal.abort(reason) }), reason)
  expectNoDifference(test, firstFileDifference(before, contentOf(target)), 'the one before')
  const making = store.backup(target)
  const closing = store.close()
  test.equal(await codeOf(() => making), 'ERR_STORE_CLOSED')
  await closing
  test.same(beside(target), ['copy', 'store'])
  expectNoDifference(test, firstFileDifference(before, contentOf(target)), 'a close ends it')
})

t.test('progress goes from nothing to all', async (test) => {
  const root = test.testdir()
  const store = await open(test, join(root, 'store'))
  append(store, 0, 400)
  const seen: BackupProgress[] = []
  const { linkedBytes, copiedBytes } = await store.backup(join(root, 'copy'), { verify: true, onProgress: (progress) => seen.push(progress) })
  test.equal(seen.filter(({ phase }) => phase === 'verify').length, 1)
  const copying = seen.filter(({ phase }) => phase === 'copy')
  test.ok(copying.length > 1)
  test.same(copying.map(({ done }) => done), copying.map(({ done }) => done).sort((left, right) => left - right))
  test.equal(seen.at(-1)!.total, linkedBytes + copiedBytes)
})

t.test('a copy that is looked through', async (test) => {
  const root = test.testdir()
  const directory = join(root, 'store')
  const store = await open(test, directory)
  append(store, 0, 100)
  test.same((await store.backup(join(root, 'copy'), { verify: true })).findings, [])
  test.equal((await store.backup(join(root, 'copy'))).findings, undefined)
  const [first] = names(directory, 'commitlog')
  overwrite(join(directory, 'commitlog', first!), 4, Buffer.from('damaged'))
  const { findings } = await store.backup(join(root, 'copy'), { verify: true })
  test.match(findings, [{ file: join(root, 'copy', 'commitlog', first!), offset: 0 }], 'is made all the same, and what is wrong is said')
})

t.test('nothing is deleted while files are copied', async (test) => {
  const root = test.testdir()
  const directory = join(root, 'store')
  const clock = new StillClock()
  const device = onAnotherDevice(directory)
  let deleting: Promise<{ deleted: readonly unknown[] }> | undefined
  const backend = withFiles(device, {
    copyFile(...parameters) {
      deleting ??= store.retention.deleteNow()
      return device.files.copyFile(...parameters)
    },
  })
  const store = await open(test, directory, { ports: { backend }, clock, deleteCommitLogFilesInterval: 0, deleteConsumeQueueFilesInterval: 0 })
  append(store, 0, 100)
  await store.flush()
  clock.advance(1000 * 3_600_000)
  await store.backup(join(root, 'copy'))
  test.same((await deleting)?.deleted, [], 'though all but the last segment is old enough')
  test.same(await readNumbers(test, join(root, 'copy')), range(0, 100))
  test.ok((await store.retention.deleteNow()).deleted.length > 0, 'and then it is')
})

t.test('how far consumers have come is in the copy', async (test) => {
  const root = test.testdir()
  const store = await open(test, join(root, 'store'))
  append(store, 0, 10)
  const place = { topic: 'orders', queueId: 0, group: 'readers' }
  store.config.consumerOffsets.commit({ ...place, offset: 3 })
  await store.backup(join(root, 'copy'))
  const copy = await open(test, join(root, 'copy'))
  test.equal(copy.config.consumerOffsets.get(place), 3)
})

t.test('a queue that goes away meanwhile', async (test) => {
  const root = test.testdir()
  const directory = join(root, 'store')
  const real = selectBackend('auto')
  const gone = join(directory, 'consumequeue', 'orders', '1')
  let isCopying = false
  const backend = withFiles(real, {
    truncate(...parameters) {
      if (isCopying && existsSync(gone)) rmSync(gone, { recursive: true })
      real.files.truncate(...parameters)
    },
  })
  const store = await open(test, directory, { ports: { backend } })
  append(store, 0, 60)
  await store.flush()
  isCopying = true
  await store.backup(join(root, 'copy'))
  test.notOk(existsSync(gone))
  const copy = await open(test, join(root, 'copy'))
  test.same(numbersIn(copy), range(0, 60), 'is there: it was when the backup began')
  await copy.close()
})

t.test('a topic that is deleted and begun anew meanwhile', async (test) => {
  const root = test.testdir()
  const [directory, target] = [join(root, 'store'), join(root, 'copy')]
  const real = selectBackend('auto')
  let replaceTopic: (() => Promise<void>) | undefined
  const backend = withFiles(real, {
    link(from, to) {
      if (from.includes('commitlog')) throw new StoreError('ERR_IO', 'another device', { reason: 'EXDEV' })
      real.files.link(from, to)
    },
    async copyFile(from, to) {
      await replaceTopic?.()
      await real.files.copyFile(from, to)
    },
  })
  const store = await open(test, directory, { ports: { backend } })
  append(store, 0, 60)
  await store.flush()
  replaceTopic = async () => {
    replaceTopic = undefined
    await store.deleteTopic('orders')
    append(store, 60, 64)
    await store.flush()
  }
  await store.backup(target)
  test.same(sharedFiles(directory, target, 'consumequeue'), [], 'nothing that is written to is shared')
  append(store, 64, 130)
  await store.flush()
  test.same(await readNumbers(test, target), range(0, 60), 'the copy is of the moment when it began')
})

t.test('a disk without room', async (test) => {
  const root = test.testdir()
  const real = selectBackend('auto')
  let failing = false
  const noRoom = (): void => {
    if (failing) throw new StoreError('ERR_DISK_FULL', 'no room', { reason: 'ENOSPC' })
  }
  const backend = withFiles(real, {
    truncate(...parameters) {
      noRoom()
      real.files.truncate(...parameters)
    },
  })
  const store = await open(test, join(root, 'store'), { ports: { backend } })
  append(store, 0, 60)
  await store.flush()
  failing = true
  test.equal(await codeOf(() => store.backup(join(root, 'copy'))), 'ERR_DISK_FULL')
  test.same(beside(join(root, 'copy')), ['store'], 'nothing is left')
  test.equal(store.failure, undefined)
  test.ok(store.append(message()).isStored(), 'and the store goes on')
})
