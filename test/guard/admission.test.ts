/*
 * The story: a disk fills up, by this store or by others, and somebody makes room again. Puts are refused with what has to go,
 * reads go on, and nobody has to open the store again.
 *
 * Disks and time are the test's here; test/guard/small-volume.test.ts has a real one.
 */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isStoreError, type MessageStore, type StoreError } from '../../lib/index'
import { StoreError as LibraryError } from '../../lib/errors'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { START, codeOf, message, messageOfSize, openStore, smallFiles, withFiles, withGatedFlush, type TestOptions } from '../store/support'
import { SteppedClock } from '../torture/stepped-clock'
import { FakeDisks } from './support'

const DIRECTORY = '/store'
const LOOK = 1000
const GIB = 2 ** 30

interface Story {
  store: MessageStore
  disks: FakeDisks
  clock: SteppedClock
  /** Levels in the order in which they came. */
  levels: string[]
  diskFull: StoreError[]
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function open(t: Test, options: TestOptions = {}, disks = new FakeDisks()): Promise<Story> {
  const clock = new SteppedClock(START)
  if (disks.usage(DIRECTORY) === undefined) disks.mount('/', 1000 * GIB, 900 * GIB)
  const backend = options.ports?.backend ?? createMemoryBackend(clock)
  const store = await openStore(t, DIRECTORY, { clock, ...options, ports: { backend, disk: disks } })
  const levels: string[] = []
  const diskFull: StoreError[] = []
  store.on('diskLevel', ({ volume, previous }) => levels.push(`${previous} -> ${volume.level}`))
  store.on('diskFull', ({ error }) => diskFull.push(error))
  return { store, disks, clock, levels, diskFull }
}

function refusalOf(call: () => unknown): StoreError {
  try {
    call()
  } catch (error) {
    if (isStoreError(error)) return error
    throw error
  }
  throw new Error('it was not refused')
}

t.test('a disk that fills up: warned of, refused with what has to go, and taken again once there is room', async (t) => {
  const { store, disks, clock, levels, diskFull } = await open(t)
  store.append(message())
  t.same(store.running.names, [])
  t.match(store.volumes, [{ paths: [DIRECTORY], level: 'ok', totalBytes: 1000 * GIB }])

  disks.mount('/', 1000 * GIB, 200 * GIB)
  t.equal(store.append(message()).status, 'PUT_OK', 'nobody has looked')
  clock.advance(LOOK)
  await nextTurn()
  t.same(levels, ['ok -> warning'])
  t.equal(store.append(message()).status, 'PUT_OK')
  t.same(store.pressure(), [])

  disks.mount('/', 1000 * GIB, 99 * GIB)
  clock.advance(LOOK)
  const fullSince = clock.now()
  clock.advance(5 * LOOK)
  const error = refusalOf(() => store.append(message()))
  t.equal(error.code, 'ERR_DISK_FULL')
  t.match(error.message, /the volume of \/store is full.* 54\d+ have to go before anything is stored again .*diskSpaceWarningLevelRatio is 90/)
  // What of the log is reserved and not yet written counts as free.
  const { bytes } = store.pressure()[0]!
  t.ok(bytes <= 51 * GIB && bytes > 51 * GIB - 3 * 4096, `${bytes}`)
  t.match(error.details.pressure, [{ reason: 'diskFull', since: fullSince, bytes, paths: [DIRECTORY] }])
  t.same(store.pressure(), error.details.pressure)
  t.same(store.running.names, ['DISK_FULL'])
  t.equal(store.running.isWritable, false)
  t.equal(await codeOf(() => store.put(message())), 'ERR_DISK_FULL')
  t.equal(await codeOf(() => store.appendBatch({ topic: 'orders', messages: [{ body: Buffer.from('x') }] })), 'ERR_DISK_FULL')
  t.equal(store.get({ topic: 'orders', queueId: 0, offset: 0 }).messages.length, 3, 'reads go on')
  await store.flush()
  await nextTurn()
  t.same(levels, ['ok -> warning', 'warning -> full'])
  t.same(diskFull.map(({ code }) => code), ['ERR_DISK_FULL'], 'told once')

  disks.mount('/', 1000 * GIB, 120 * GIB)
  clock.advance(LOOK)
  t.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL', 'not before 85 %')
  disks.mount('/', 1000 * GIB, 151 * GIB)
  clock.advance(LOOK)
  t.equal(store.append(message()).queueOffset, 3, 'by itself')
  t.same(store.pressure(), [])
  t.same(store.running.names, [])
  await nextTurn()
  t.same(levels, ['ok -> warning', 'warning -> full', 'full -> warning'])
  t.match(store.volumes, [{ level: 'warning', excessBytes: 0 }])
})

t.test('a disk that is full when the store opens: it opens, tells, and reads', async (t) => {
  const disks = new FakeDisks()
  disks.mount('/', 1000 * GIB, GIB)
  const { store, levels, diskFull } = await open(t, {}, disks)
  t.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL')
  await nextTurn()
  t.same(levels, ['ok -> full'], 'to those who listen once it is open')
  t.equal(diskFull.length, 1)
})

t.test('a limit in bytes', async (t) => {
  const { store, disks, clock } = await open(t, { diskSpaceWarningLevelRatio: 100, diskSpaceCleanForciblyRatio: 100, diskFreeSpaceMin: 1024 })
  disks.mount('/', 1000 * GIB, GIB - 8192)
  clock.advance(LOOK)
  const { code, message: text } = refusalOf(() => store.append(message()))
  t.equal(code, 'ERR_DISK_FULL')
  t.match(text, /diskFreeSpaceMin 1024/)
  disks.mount('/', 1000 * GIB, Math.floor(1.05 * GIB))
  clock.advance(LOOK)
  t.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL', 'not before there is a tenth more')
  disks.mount('/', 1000 * GIB, Math.ceil(1.1 * GIB))
  clock.advance(LOOK)
  t.equal(store.append(message()).status, 'PUT_OK')
})

t.test('log, queues and index on volumes of their own: each is guarded, and named', async (t) => {
  for (const full of ['/log/commitlog', `${DIRECTORY}/consumequeue`, `${DIRECTORY}/index`, DIRECTORY]) {
    const disks = new FakeDisks()
    for (const path of ['/log/commitlog', DIRECTORY, `${DIRECTORY}/consumequeue`, `${DIRECTORY}/index`]) disks.mount(path, 1000 * GIB, 900 * GIB)
    const { store, clock } = await open(t, { storePathCommitLog: '/log/commitlog' }, disks)
    t.equal(store.volumes.length, 4)
    disks.mount(full, 1000 * GIB, 10 * GIB)
    clock.advance(LOOK)
    t.match(refusalOf(() => store.append(message())), { code: 'ERR_DISK_FULL', details: { file: full, pressure: [{ paths: [full] }] } })
    t.same(store.volumes.filter(({ level }) => level === 'full').map(({ paths }) => paths), [[full]])
    disks.mount(full, 1000 * GIB, 900 * GIB)
    clock.advance(LOOK)
    t.ok(store.append(message()).isStored(), full)
    await store.close()
  }
})

t.test('a disk that cannot be measured changes nothing, and is told of once', async (t) => {
  const { store, disks, clock } = await open(t)
  const warnings: string[] = []
  await nextTurn()
  store.on('warning', ({ message: text }) => warnings.push(text))
  disks.mount('/', 1000 * GIB, GIB)
  disks.failure = new LibraryError('ERR_IO', 'the server does not answer', { file: DIRECTORY })
  clock.advance(LOOK)
  clock.advance(LOOK)
  t.ok(store.append(message()).isStored())
  await nextTurn()
  t.same(warnings, ['the room on the disk cannot be told: the server does not answer'])
  disks.failure = undefined
  clock.advance(LOOK)
  t.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL')
  disks.failure = new LibraryError('ERR_IO', 'again not', { file: DIRECTORY })
  clock.advance(LOOK)
  t.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL', 'what was known holds')
  await nextTurn()
  t.equal(warnings.length, 2)
})

t.test('a call that has no room makes the volume full until one has, and the next put tries', async (t) => {
  const disks = new FakeDisks()
  disks.mount('/', 1000 * 4096, 500 * 4096)
  let lacks = false
  const memory = createMemoryBackend()
  const backend = withFiles(memory, {
    reserve: (descriptor, length) => {
      if (lacks) throw new LibraryError('ERR_DISK_FULL', 'no room', { file: join(DIRECTORY, 'commitlog', '0'), reason: 'ENOSPC' })
      memory.files.reserve(descriptor, length)
    },
  })
  const { store, clock, levels, diskFull } = await open(t, { ports: { backend } }, disks)
  store.append(messageOfSize(4000))
  lacks = true
  disks.mount('/', 1000 * 4096, 100)
  const error = refusalOf(() => store.append(messageOfSize(4000)))
  t.match(error, { code: 'ERR_DISK_FULL', details: { reason: 'ENOSPC', file: /commitlog/, pressure: [{ reason: 'diskFull', paths: [DIRECTORY] }] } })
  t.match(error.message, /no room: the volume of \/store is full/)
  t.same(store.running.names, ['DISK_FULL'])
  t.equal(await codeOf(() => store.append(messageOfSize(4000))), 'ERR_DISK_FULL')
  await nextTurn()
  t.equal(diskFull.length, 1, 'told once')
  lacks = false
  disks.mount('/', 1000 * 4096, 500 * 4096)
  t.equal(await codeOf(() => store.append(messageOfSize(4000))), 'ERR_DISK_FULL', 'beyond the limits as well: that takes a look')
  clock.advance(LOOK)
  t.ok(store.append(messageOfSize(4000)).isStored())
  t.same(store.running.names, [])
  await nextTurn()
  t.same(levels, ['ok -> full', 'full -> ok'])
})

t.test('room that retention has made is used at once', async (t) => {
  const backend = createMemoryBackend()
  const disks = new FakeDisks()
  disks.usage = () => ({ totalBytes: 100 << 20, freeBytes: (100 - 18 * (backend.files.list(join(DIRECTORY, 'commitlog'))?.length ?? 0)) << 20, device: 1 })
  const { store, clock } = await open(t, { ports: { backend } }, disks)
  while (store.maxPhyOffset < 4.2 * smallFiles.mappedFileSizeCommitLog) store.append(messageOfSize(1000))
  await store.flush()
  clock.advance(LOOK)
  t.ok(store.append(message()).isStored(), 'five files are 90 %')
  while (store.maxPhyOffset < 4.6 * smallFiles.mappedFileSizeCommitLog) store.append(messageOfSize(1000))
  clock.advance(LOOK)
  t.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL', 'with the next one that is prepared they are six')
  const HOUR = 3_600_000
  clock.advance(100 * HOUR)
  const deleting = store.retention.deleteNow()
  const pauses = async (count: number): Promise<void> => {
    for (let pause = 0; pause < count; pause++) {
      for (let turn = 0; turn < 20; turn++) await nextTurn()
      clock.advance(100)
    }
  }
  await pauses(5)
  t.ok(store.minPhyOffset > 0)
  t.ok(store.append(message()).isStored(), 'half a second later: before the next look')
  await pauses(50)
  await deleting
})

t.test('by hand, as before a shutdown', async (t) => {
  const { store } = await open(t)
  store.append(message({ properties: { KEYS: 'key' } }))
  store.running.permit({ write: false })
  t.same(store.running.names, ['NOT_WRITEABLE'])
  t.equal(await codeOf(() => store.append(message())), 'ERR_NOT_WRITABLE')
  t.equal(await codeOf(() => store.put(message())), 'ERR_NOT_WRITABLE')
  const queue = { topic: 'orders', queueId: 0, offset: 0 }
  t.equal(store.get(queue).messages.length, 1, 'what is there is read')
  store.running.permit({ read: false })
  t.same(store.running.names, ['NOT_READABLE', 'NOT_WRITEABLE'])
  t.equal(await codeOf(() => store.get(queue)), 'ERR_NOT_READABLE')
  t.equal(await codeOf(() => store.lookup(0)), 'ERR_NOT_READABLE')
  t.equal(await codeOf(() => store.query({ topic: 'orders', key: 'key' })), 'ERR_NOT_READABLE')
  t.equal(await codeOf(() => store.read(queue).next()), 'ERR_NOT_READABLE')
  store.running.permit({ write: true })
  t.ok(store.append(message()).isStored(), 'writing does not need reading')
  store.running.permit({ read: true, write: true })
  t.equal(store.get(queue).messages.length, 2)
  t.ok(store.running.isReadable && store.running.isWritable)
  store.running.permit({ write: false })
  await store.close()
  t.same(store.running.names, ['CLOSED', 'NOT_WRITEABLE'])
  t.equal(await codeOf(() => store.append(message())), 'ERR_STORE_CLOSED', 'the weightier reason')
  t.equal(await codeOf(() => store.get(queue)), 'ERR_STORE_CLOSED')
})

t.test('by role, by readOnly, and by a failure', async (t) => {
  const backend = createMemoryBackend()
  const { store: slave } = await open(t, { brokerRole: 'SLAVE', compatibility: '4.9', ports: { backend } })
  t.same(slave.running.names, ['SLAVE'])
  t.match(slave.append(message()), { status: 'SERVICE_NOT_AVAILABLE', reason: /put to its master/ })
  await slave.close()
  const { store: reader } = await open(t, { readOnly: true, ports: { backend } })
  t.same(reader.running.names, ['READ_ONLY'])
  t.equal(await codeOf(() => reader.append(message())), 'ERR_READ_ONLY')
  await reader.close()
  const { store: failing } = await open(t, { dispatchers: [{ name: 'bad', dispatch: () => { throw new Error('no') } }] })
  t.equal(await codeOf(() => failing.append(message())), 'ERR_DISPATCHER_FAILED')
  t.same(failing.running.names, ['FAILED'])
})

t.test('by queues or index that could not be written, until they can', async (t) => {
  for (const [folder, flag] of [['consumequeue', 'WRITE_LOGICS_QUEUE_ERROR'], ['index', 'WRITE_INDEX_FILE_ERROR']] as const) {
    let lacks = false
    const memory = createMemoryBackend()
    const paths = new Map<number, string>()
    const backend = withFiles(memory, {
      open: (path, mode) => {
        const descriptor = memory.files.open(path, mode)
        paths.set(descriptor, path)
        return descriptor
      },
      write: (descriptor, ...rest) => {
        const path = paths.get(descriptor)!
        if (lacks && path.includes(folder)) throw new LibraryError('ERR_DISK_FULL', 'no room', { file: path, reason: 'ENOSPC' })
        memory.files.write(descriptor, ...rest)
      },
    })
    const { store } = await open(t, { ports: { backend } })
    store.append(message({ properties: { KEYS: 'first' } }))
    lacks = true
    await store.flush().catch(() => undefined)
    t.ok(store.running.names.includes(flag), `${store.running.names}`)
    t.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL')
    t.match(store.pressure(), [{ reason: 'diskFull' }])
    lacks = false
    t.ok(store.append(message()).isStored(), 'by itself')
    t.same(store.running.names, [])
    await store.flush()
    t.equal(store.failure, undefined)
    await store.close()
  }
})

t.test('a slow disk, and a flush that is behind, with since when and how much', async (t) => {
  const gated = withGatedFlush(createMemoryBackend())
  const { store, clock } = await open(t, { flushDiskType: 'SYNC_FLUSH', ports: { backend: gated.backend } })
  const told: string[][] = []
  store.on('pressure', ({ causes }) => told.push(causes.map(({ reason }) => reason)))
  gated.close()
  const began = clock.now()
  const { bytes } = store.append(message())
  await nextTurn()
  clock.advance(LOOK - 1)
  t.same(store.pressure(), [])
  clock.advance(1)
  t.match(store.pressure(), [{ reason: 'diskSlow', since: began, bytes }])
  store.append(message())
  clock.advance(LOOK)
  clock.advance(LOOK)
  t.match(store.pressure(), [
    { reason: 'diskSlow', message: /a flush of \d+ bytes has taken 3000 ms/, since: began, bytes },
    { reason: 'flushBehind', since: began + LOOK, bytes: 2 * bytes },
  ])
  const putting = store.put(message())
  await nextTurn()
  clock.advance(5000)
  t.match(await putting, { status: 'FLUSH_DISK_TIMEOUT', reason: /the disk is slow: .*; the flush is behind: / })
  gated.open()
  await store.flush()
  clock.advance(LOOK)
  t.same(store.pressure(), [])
  await nextTurn()
  t.same(told, [['diskSlow'], ['diskSlow', 'flushBehind'], []], 'an event for each change')
})

t.test('what may wait for its flush is not behind', async (t) => {
  const { store, clock } = await open(t, { flushCommitLogLeastPages: 100 })
  store.append(message())
  clock.advance(9000)
  t.ok(store.flushedOffset < store.maxPhyOffset)
  t.same(store.pressure(), [])
})
