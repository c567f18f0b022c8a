/**
 * The story: an operator wants to know that what he configured is what goes, no more and no less, and that the room is free
 * when he is told so.
 *
 * Not proved here: that RocketMQ decides the same (interop/clean), and crashes in the middle (crash.test.ts).
 */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Deletion, OpenOptions } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { codeOf, withFiles } from '../store/support'
import { BODY, HOUR, NOON, SEGMENT, SetMeter, fillSegments, nameOf, openRetained, segmentNames, turns } from './support'

/** What has been deleted of the log, as numbers of segments. */
function segmentsOf(deletions: readonly Deletion[]): number[] {
  return deletions.filter(({ kind }) => kind === 'commitlog').map(({ file }) => Number(file.slice(-20)) / SEGMENT)
}

t.test('old segments go at the hour of deletion, and nothing else does', async (t) => {
  const surroundings = await openRetained(t)
  const { store, clock, deletions } = surroundings
  fillSegments(surroundings, 10, { everyHours: 24 })
  clock.advance(60_000)
  await turns()
  t.same(deletions, [], 'not at noon')
  clock.advance(16 * HOUR)
  await turns()
  t.same(segmentsOf(deletions), [0, 1, 2, 3, 4, 5, 6, 7])
  t.ok(deletions.every(({ kind, reason }) => reason === (kind === 'commitlog' ? 'hour' : 'gone')))
  t.match(deletions[0], { file: `/data/store/commitlog/${nameOf(0)}`, bytes: SEGMENT, text: /hour 4 \(deleteWhen.*/ })
  t.equal(store.minPhyOffset, 8 * SEGMENT)
  t.same(segmentNames(surroundings)[0], nameOf(8 * SEGMENT))
})

t.test('no more than a batch goes at a time, with pauses between', async (t) => {
  const surroundings = await openRetained(t, { deleteFileBatchMax: 3, deleteCommitLogFilesInterval: 500, cleanResourceInterval: 10_000 })
  const { clock, deletions } = surroundings
  fillSegments(surroundings, 10)
  clock.advance(10 * 24 * HOUR + 4 * HOUR - (clock.now() - NOON) - 12 * HOUR)
  t.equal(new Date(clock.now()).getHours(), 4)
  await turns()
  t.same(segmentsOf(deletions), [0])
  clock.advance(499)
  await turns()
  t.same(segmentsOf(deletions), [0])
  clock.advance(1)
  await turns()
  clock.advance(500)
  await turns()
  t.same(segmentsOf(deletions), [0, 1, 2])
  clock.advance(9999)
  await turns()
  t.same(segmentsOf(deletions), [0, 1, 2])
  clock.advance(1)
  await turns()
  t.same(segmentsOf(deletions), [0, 1, 2, 3])
})

t.test('the disk: short of room, old segments go at any hour; critically full, young ones as well; never the last', async (t) => {
  const surroundings = await openRetained(t, { deleteFileBatchMax: 100 })
  const { store, clock, meter, deletions } = surroundings
  fillSegments(surroundings, 5, { everyHours: 24 })
  meter.usedPercent = 76
  clock.advance(60_000)
  await turns()
  t.same(segmentsOf(deletions), [0, 1, 2])
  t.match(deletions[0], { reason: 'space', text: /76 % full, more than 75 % \(diskMaxUsedSpaceRatio\)/ })
  meter.usedPercent = 86
  clock.advance(60_000)
  await turns()
  t.same(segmentsOf(deletions), [0, 1, 2, 3])
  t.match(deletions.filter(({ kind }) => kind === 'commitlog')[3], { reason: 'forced', text: /86 % full, more than 85 %/ })
  t.equal(store.minPhyOffset, 4 * SEGMENT)
  t.same(segmentNames(surroundings)[0], nameOf(4 * SEGMENT))
})

t.test('messages that are refused for want of room make files go, also where no percentage says so', async (t) => {
  const refusals: [name: string, options: OpenOptions, usedPercent: number][] = [
    ['a limit in bytes', { diskFreeSpaceMin: 60_000 }, 50],
    ['a limit that is left only two percent below it', { diskSpaceWarningLevelRatio: 90, diskSpaceCleanForciblyRatio: 89 }, 89],
    ['above the level at which files go', { diskSpaceWarningLevelRatio: 80, diskSpaceCleanForciblyRatio: 95, diskMaxUsedSpaceRatio: 95 }, 79],
  ]
  for (const [name, options, usedPercent] of refusals) {
    for (const cleanFileForciblyEnable of [true, false]) {
      const surroundings = await openRetained(t, { ...options, cleanFileForciblyEnable, deleteFileBatchMax: 2 })
      const { store, clock, meter, deletions } = surroundings
      fillSegments(surroundings, 5)
      // Full, and then no longer above the limit, but still too close to it.
      meter.usedPercent = 91
      clock.advance(1000)
      meter.usedPercent = usedPercent
      clock.advance(60_000)
      await turns()
      t.ok(store.running.has('DISK_FULL'), name)
      const gone = deletions.filter(({ kind }) => kind === 'commitlog')
      t.same(gone.map(({ reason }) => reason), cleanFileForciblyEnable ? ['forced', 'forced'] : [], name)
      if (cleanFileForciblyEnable) t.match(gone[0]!.text, `${usedPercent} % full, and messages are refused for want of room: files go before their time`)
      meter.usedPercent = 10
      clock.advance(60_000)
      await turns()
      t.notOk(store.running.has('DISK_FULL'), name)
      t.same(segmentsOf(deletions).length, gone.length, 'no longer')
    }
  }
})

t.test('what is reserved for the log and not yet written is free to both, guard and retention, as RocketMQ counts it', async (t) => {
  const surroundings = await openRetained(t)
  const { store, clock, meter, deletions } = surroundings
  fillSegments(surroundings, 3)
  for (let number = 0; number < 6; number++) store.append({ topic: 'orders', queueId: 0, body: Buffer.alloc(BODY, 'x') })
  await turns()
  // A segment is a hundredth of the disk: what is ahead of the writer makes more than one percent.
  meter.usage = () => ({ totalBytes: 100 * SEGMENT, freeBytes: 14 * SEGMENT, device: 1 })
  clock.advance(60_000)
  await turns()
  const [volume] = store.volumes
  const used = Math.ceil(100 - (100 * volume!.freeBytes) / volume!.totalBytes)
  t.same(store.retention.preview().usedPercents, { log: used, queues: used })
  t.equal(used, 85)
  t.same(deletions, [], 'which is not above diskSpaceCleanForciblyRatio')
})

t.test('short of room with nothing to delete: said once, until it is over', async (t) => {
  const surroundings = await openRetained(t)
  const { store, clock, meter } = surroundings
  const warnings: string[] = []
  store.on('warning', ({ message }) => warnings.push(message))
  fillSegments(surroundings, 3)
  const look = async (usedPercent: number): Promise<void> => {
    meter.usedPercent = usedPercent
    clock.advance(60_000)
    await turns()
  }
  await look(80)
  await look(80)
  await look(10)
  await look(80)
  t.equal(warnings.filter((warning) => /80 % full.*retention.preview/.test(warning)).length, 2)
})

t.test('by hand, at any hour', async (t) => {
  const surroundings = await openRetained(t, { deleteFileBatchMax: 2 })
  const { store, clock } = surroundings
  fillSegments(surroundings, 5)
  t.same(await store.retention.deleteNow(), { deleted: [], delayed: undefined }, 'what is young stays')
  clock.advance(69 * HOUR)
  t.same(segmentsOf((await store.retention.deleteNow()).deleted), [0, 1, 2], 'more than a batch')
  clock.advance(100 * HOUR)
  const { deleted } = await store.retention.deleteNow()
  t.same(segmentsOf(deleted), [3], 'never the last')
  t.match(deleted[0], { reason: 'manual', text: /asked for/ })
})

t.test('queues and index follow exactly', async (t) => {
  const surroundings = await openRetained(t, { maxIndexNum: 8 })
  const { store, clock, backend, directory } = surroundings
  fillSegments(surroundings, 6)
  const before = { 0: store.minOffset('orders', 0), 1: store.minOffset('orders', 1) }
  t.same(before, { 0: 0, 1: 0 })
  const firstKey = store.lookup(0)!.keys!
  t.equal(store.query({ topic: 'orders', key: firstKey }).messages.length, 1)
  const indexBefore = backend.files.list(join(directory, 'index'))!
  clock.advance(69.5 * HOUR)
  const { deleted } = await store.retention.deleteNow()
  t.same(segmentsOf(deleted), [0, 1, 2, 3])
  for (const queueId of [0, 1]) {
    const min = store.minOffset('orders', queueId)
    const first = store.get({ topic: 'orders', queueId, offset: min })
    t.equal(first.status, 'FOUND')
    t.ok(first.commitLogOffsets[0]! >= store.minPhyOffset)
    t.ok(first.commitLogOffsets[0]! < store.minPhyOffset + 2 * SEGMENT / 10, 'the first that is left')
    const below = store.get({ topic: 'orders', queueId, offset: min - 1 })
    t.same([below.status, below.nextBeginOffset, below.minOffset], ['OFFSET_TOO_SMALL', min, min])
    const files = backend.files.list(join(directory, 'consumequeue', 'orders', String(queueId)))!
    t.equal(files[0], nameOf((min - (min % 5)) * 20), 'the file with the first message is the first')
    t.equal(store.queues().find((queue) => queue.queueId === queueId)!.minOffset, min)
  }
  t.equal(deleted.filter(({ kind }) => kind === 'consumequeue').length, 8)
  const indexFiles = backend.files.list(join(directory, 'index'))!
  t.same(indexFiles, indexBefore.slice(-indexFiles.length))
  t.equal(deleted.filter(({ kind }) => kind === 'index').length, indexBefore.length - indexFiles.length)
  t.ok(indexFiles.length < indexBefore.length)
  const keyAt = (offset: number): string => store.lookup(offset)!.keys!
  t.equal(store.query({ topic: 'orders', key: keyAt(store.minPhyOffset) }).messages.length, 1)
  t.same(store.query({ topic: 'orders', key: firstKey }).messages, [])
  t.equal(store.lookup(0), undefined)
  t.equal(store.earliestMessageTime(), NOON + 4 * HOUR)
})

t.test('a store of which much has been deleted opens without reading all of it, and queues go on', async (t) => {
  const surroundings = await openRetained(t, { maxIndexNum: 8 })
  const { store, clock, backend } = surroundings
  fillSegments(surroundings, 6)
  clock.advance(100 * HOUR)
  await store.retention.deleteNow()
  const expected = store.queues()
  await store.close()
  const again = await openRetained(t, { maxIndexNum: 8 }, { clock, backend })
  t.equal(again.store.recovery.label, '@clean')
  t.same(again.store.queues(), expected)
  fillSegments(again, 1)
  t.equal(again.store.maxOffset('orders', 0), expected[0]!.maxOffset + 5)
})

t.test('an index whose only keys are gone is none that is damaged', async (t) => {
  const surroundings = await openRetained(t, { maxIndexNum: 11 })
  const { store, clock, backend } = surroundings
  fillSegments(surroundings, 1)
  for (let number = 0; number < 15; number++) store.append({ topic: 'orders', body: Buffer.alloc(1000) })
  clock.advance(100 * HOUR)
  const { deleted } = await store.retention.deleteNow()
  t.equal(deleted.filter(({ kind }) => kind === 'index').length, 1, 'only the empty one is left')
  await store.close()
  const again = await openRetained(t, { maxIndexNum: 11 }, { clock, backend })
  t.equal(again.store.recovery.label, '@clean')
})

t.test('a reader who holds a segment puts its deletion off, and is named; it is gone as soon as he lets go', async (t) => {
  const surroundings = await openRetained(t)
  const { store, clock, deletions } = surroundings
  const delays: unknown[] = []
  store.on('deletionDelayed', (delayed) => delays.push(delayed))
  fillSegments(surroundings, 4)
  const held = store.get({ topic: 'orders', queueId: 1, offset: 6, maxMessages: 2, reader: 'billing' })
  clock.advance(100 * HOUR)
  const { deleted, delayed } = await store.retention.deleteNow()
  t.same(segmentsOf(deleted), [0])
  t.match(delayed, { by: 'readers', fromOffset: SEGMENT, file: /4096$/, text: /held by billing of orders\/1 at offset 6; they lose it at/ })
  t.same(delays, [delayed])
  t.equal(store.minPhyOffset, 2 * SEGMENT, 'nobody else begins to read it')
  t.equal(store.get({ topic: 'orders', queueId: 1, offset: 6 }).status, 'OFFSET_TOO_SMALL')
  t.ok(segmentNames(surroundings).includes(nameOf(SEGMENT)))
  t.same(held.messages.map(({ queueOffset }) => queueOffset), [6, 7], 'he has what he came for')
  t.equal(held.buffers.length, 2)
  held.release()
  await turns()
  t.same(segmentsOf(deletions), [0, 1])
  t.notOk(segmentNames(surroundings).includes(nameOf(SEGMENT)))
  t.same(segmentsOf((await store.retention.deleteNow()).deleted), [2])
  t.equal(delays.length, 1)
})

t.test('a reader who holds on loses it, and is told', async (t) => {
  const surroundings = await openRetained(t, { destroyMapedFileIntervalForcibly: 30_000, redeleteHangedFileInterval: 5000 })
  const { store, clock } = surroundings
  const revoked: unknown[] = []
  store.on('readRevoked', (event) => revoked.push(event))
  fillSegments(surroundings, 3)
  const held = store.get({ topic: 'orders', queueId: 0, offset: 0, maxMessages: 2 })
  const [kept] = held.messages
  const view = held.buffers[0]!
  clock.advance(100 * HOUR)
  await store.retention.deleteNow()
  await turns()
  clock.advance(29_999)
  await turns()
  t.same(revoked, [])
  t.equal(held.messages.length, 2)
  clock.advance(10_001)
  await turns()
  t.match(revoked, [{ file: /0000$/, reader: 'a reader of orders/0 at offset 0' }])
  t.equal(store.minPhyOffset, 2 * SEGMENT)
  t.throws(() => held.messages, { code: 'ERR_READ_REVOKED', message: /^a reader of orders\/0 at offset 0 has held/, details: { resumeOffset: 2 } })
  t.throws(() => held.buffers, { code: 'ERR_READ_REVOKED' })
  t.equal(view.length, 0, 'what he took without copying is gone')
  t.equal(kept!.body.length, BODY, 'what he copied is his')
  held.release()
  t.throws(() => held.messages, { code: 'ERR_RESULT_RELEASED' })
})

t.test('an iterator in the middle holds what it has begun; one that stays there is told at the end of it', async (t) => {
  const surroundings = await openRetained(t, { destroyMapedFileIntervalForcibly: 30_000 })
  const { store, clock } = surroundings
  fillSegments(surroundings, 4)
  const reading = store.read({ topic: 'orders', queueId: 0, offset: 0, maxMessages: 5, reader: 'slow' })
  const first = await reading.next()
  t.equal((first.value as { queueOffset: number }).queueOffset, 0)
  clock.advance(100 * HOUR)
  t.match(await store.retention.deleteNow(), { deleted: [], delayed: { text: /held by slow of orders\/0/ } })
  clock.advance(60_000)
  await store.retention.deleteNow()
  t.equal(store.minPhyOffset, 3 * SEGMENT)
  const rest: number[] = []
  const error = await (async () => {
    for await (const message of reading) rest.push(message.queueOffset)
  })().catch((reason: unknown) => reason)
  t.same(rest, [1, 2, 3, 4], 'what it has is given')
  t.match(error, { code: 'ERR_READ_REVOKED', details: { resumeOffset: 5 } })
})

t.test('an iterator that goes on in time holds nothing', async (t) => {
  const surroundings = await openRetained(t)
  const { store, clock } = surroundings
  fillSegments(surroundings, 3)
  for await (const message of store.read({ topic: 'orders', queueId: 0, offset: 0, maxMessages: 5, follow: false })) {
    if (message.queueOffset === 7) break
  }
  clock.advance(100 * HOUR)
  t.match(await store.retention.deleteNow(), { delayed: undefined })
  t.equal(store.minPhyOffset, 2 * SEGMENT)
})

t.test('mayDelete has the last word', async (t) => {
  const asked: number[] = []
  const surroundings = await openRetained(t, {
    retention: {
      mayDelete({ fromOffset, toOffset, lastStoreTime, file }) {
        t.equal(toOffset, fromOffset + SEGMENT)
        t.equal(lastStoreTime, NOON + (fromOffset / SEGMENT) * HOUR)
        t.match(file, nameOf(fromOffset))
        asked.push(fromOffset / SEGMENT)
        return fromOffset < 2 * SEGMENT
      },
    },
  })
  const { store, clock, meter, deletions } = surroundings
  const delays: unknown[] = []
  store.on('deletionDelayed', (delayed) => delays.push(delayed))
  fillSegments(surroundings, 5)
  meter.usedPercent = 99
  clock.advance(100 * HOUR)
  const { delayed } = await store.retention.deleteNow()
  t.same(segmentsOf(deletions), [0, 1])
  t.match(delayed, { by: 'mayDelete', fromOffset: 2 * SEGMENT })
  await store.retention.deleteNow()
  t.equal(delays.length, 1, 'told once')
  t.ok(asked.every((segment) => segment <= 2), 'those behind are not asked for')
})

t.test('what has yet to be read stays, up to the hard limit', async (t) => {
  let oldest: number | undefined = 2 * SEGMENT + 500
  const surroundings = await openRetained(t, {
    retention: { oldestUnconsumed: () => (oldest === undefined ? undefined : { commitLogOffset: oldest }), hardLimit: { logBytes: 4 * SEGMENT, usedPercent: 95 } },
  })
  const { store, clock, meter, deletions } = surroundings
  const deleted = async (): Promise<number[]> => {
    await store.retention.deleteNow()
    return segmentsOf(deletions.splice(0))
  }
  fillSegments(surroundings, 6)
  clock.advance(100 * HOUR)
  t.same(await deleted(), [0, 1], 'not the one that it lies in')
  const { delayed } = await store.retention.deleteNow()
  t.match(delayed, { by: 'oldestUnconsumed', text: /the message at offset 8692 has yet to be read/ })
  fillSegments(surroundings, 1)
  clock.advance(100 * HOUR)
  t.same(await deleted(), [2], 'the log had become longer than its limit')
  oldest = 3 * SEGMENT
  t.same(await deleted(), [])
  meter.usedPercent = 96
  t.same(await deleted(), [3, 4, 5])
  meter.usedPercent = 10
  oldest = undefined
  fillSegments(surroundings, 2)
  clock.advance(100 * HOUR)
  t.same(await deleted(), [6, 7])
})

t.test('a hook that throws, or says nonsense, keeps what it was asked for', async (t) => {
  for (const [retention, text] of [
    [{ mayDelete() { throw new Error('no idea') } }, /mayDelete threw: no idea/],
    [{ oldestUnconsumed() { throw new Error('no idea') } }, /oldestUnconsumed threw: no idea/],
    [{ oldestUnconsumed: () => NaN }, /offset NaN/],
  ] as const) {
    const surroundings = await openRetained(t, { retention: retention as object })
    fillSegments(surroundings, 2)
    surroundings.clock.advance(100 * HOUR)
    t.match(await surroundings.store.retention.deleteNow(), { deleted: [], delayed: { text } })
  }
})

t.test('hooks that are none', async (t) => {
  const open = (retention: unknown): Promise<unknown> => openRetained(t, { retention: retention as object })
  t.equal(await codeOf(() => open({ mayDelet: () => true })), 'ERR_UNKNOWN_OPTION')
  t.equal(await codeOf(() => open({ mayDelete: true })), 'ERR_INVALID_OPTION')
  t.equal(await codeOf(() => open({ hardLimit: { bytes: 1 } })), 'ERR_UNKNOWN_OPTION')
  t.equal(await codeOf(() => open({ hardLimit: { logBytes: '1' } })), 'ERR_INVALID_ARGUMENT')
})

t.test('a backup, or whoever else wants all files kept', async (t) => {
  const surroundings = await openRetained(t)
  const { store, clock, deletions } = surroundings
  fillSegments(surroundings, 3)
  clock.advance(100 * HOUR)
  const [end, endOther] = [store.retention.hold(), store.retention.hold()]
  t.match(await store.retention.deleteNow(), { deleted: [], delayed: { by: 'backup', fromOffset: 0 } }, 'and it says so')
  t.match(store.retention.preview(), { now: [], next: { files: [{ fromOffset: 0, delayed: { by: 'backup' } }] } })
  end()
  end()
  t.same(segmentsOf((await store.retention.deleteNow()).deleted), [])
  endOther()
  clock.advance(60_000)
  await turns()
  t.same(segmentsOf(deletions), [0, 1], 'what was asked for is not forgotten')
})

t.test('what cannot be removed is tried again', async (t) => {
  const clean = await openRetained(t)
  let refuses = true
  const backend = withFiles(clean.backend, {
    remove(path) {
      if (refuses && path.includes('commitlog')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      clean.backend.files.remove(path)
    },
  })
  const surroundings = await openRetained(t, {}, { clock: clean.clock, backend, directory: '/data/other' })
  const { store, clock } = surroundings
  const warnings: string[] = []
  store.on('warning', ({ message }) => warnings.push(message))
  fillSegments(surroundings, 3)
  clock.advance(100 * HOUR)
  t.same(segmentsOf((await store.retention.deleteNow()).deleted), [])
  t.match(warnings, [/cannot be deleted, and will be tried again: EIO/])
  refuses = false
  t.same(segmentsOf((await store.retention.deleteNow()).deleted), [0, 1])
})

t.test('closing in the middle: what is begun is ended, the rest is for the next open', async (t) => {
  const surroundings = await openRetained(t, { deleteCommitLogFilesInterval: 1000 })
  const { store, clock, backend } = surroundings
  fillSegments(surroundings, 5)
  clock.advance(100 * HOUR)
  const deleting = store.retention.deleteNow()
  await turns()
  const held = store.get({ topic: 'orders', queueId: 0, offset: store.minOffset('orders', 0) })
  await store.close()
  t.equal(await codeOf(() => deleting), 'ERR_STORE_CLOSED')
  t.equal(await codeOf(() => store.retention.deleteNow()), 'ERR_STORE_CLOSED')
  held.release()
  const again = await openRetained(t, {}, { clock, backend })
  t.equal(again.store.minPhyOffset, SEGMENT)
  t.equal(again.store.recovery.label, '@clean')
})

t.test('read-only: a preview, and nothing else', async (t) => {
  const surroundings = await openRetained(t)
  const { store, clock, backend } = surroundings
  fillSegments(surroundings, 3)
  await store.flush()
  clock.advance(100 * HOUR)
  const reader = await openRetained(t, { readOnly: true }, { clock, backend })
  t.same(reader.store.retention.preview(), store.retention.preview())
  t.equal(await codeOf(() => reader.store.retention.deleteNow()), 'ERR_READ_ONLY')
})

t.test('the room is free when it is said to be: no file, no descriptor, no map', async (t) => {
  const backend = selectBackend('auto')
  const directory = t.testdir()
  const surroundings = await openRetained(t, { fileReservedTime: 0 }, { backend, directory })
  const { store } = surroundings
  fillSegments(surroundings, 4)
  const messages: unknown[] = []
  for await (const message of store.read({ topic: 'orders', queueId: 0, offset: 0, follow: false })) messages.push(message)
  t.equal(messages.length, 20)
  const { deleted } = await store.retention.deleteNow()
  t.same(segmentsOf(deleted), [0, 1, 2])
  t.same(readdirSync(join(directory, 'commitlog'))[0], nameOf(3 * SEGMENT))
  if (process.platform !== 'linux') return
  const isGone = (path: string): boolean => deleted.some(({ file }) => path.includes(file))
  const open = readdirSync('/proc/self/fd').map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      return ''
    }
  })
  t.same(open.filter(isGone), [])
  if (backend.capabilities.has('unmap')) t.same(readFileSync('/proc/self/maps', 'utf8').split('\n').filter(isGone), [])
})

t.test('the preview says what will happen', async (t) => {
  const surroundings = await openRetained(t, { retention: { mayDelete: ({ fromOffset }) => fromOffset < 6 * SEGMENT } })
  const { store, clock, meter, deletions } = surroundings
  fillSegments(surroundings, 10, { everyHours: 12 })
  const preview = store.retention.preview()
  t.equal(preview.at, clock.now())
  t.equal(preview.timeZone, Intl.DateTimeFormat().resolvedOptions().timeZone)
  t.same(preview.usedPercents, { log: 10, queues: 10 })
  t.same(preview.now, [], 'not at this hour')
  t.equal(preview.next.at, new Date(2024, 0, 8, 4).getTime())
  t.same(preview.next.files.map(({ fromOffset }) => fromOffset / SEGMENT), [0, 1, 2, 3, 4, 5])
  t.match(preview.next.files[0], { reason: 'hour', expiresAt: NOON + 72 * HOUR, lastStoreTime: NOON, delayed: undefined, text: /hour 4/ })
  t.match(preview.kept, /24576: its last message is of .*: it is kept until/)
  meter.usedPercent = 76
  t.same(store.retention.preview().now.map(({ reason }) => reason), ['space', 'space', 'space', 'space', 'space'])
  t.same(store.retention.preview().next.files.map(({ fromOffset }) => fromOffset / SEGMENT), [5])
  meter.usedPercent = 86
  const full = store.retention.preview()
  t.same(full.now.map(({ reason }) => reason), ['space', 'space', 'space', 'space', 'space', 'forced', 'forced'])
  t.match(full.now[6]!.delayed, { by: 'mayDelete' })
  t.match(full.kept, 'all others wait for the one that is put off')
  await store.retention.deleteNow()
  t.same(segmentsOf(deletions), full.now.filter(({ delayed }) => delayed === undefined).map(({ fromOffset }) => fromOffset / SEGMENT))
  t.match(store.retention.preview().now, [{ fromOffset: 6 * SEGMENT, delayed: { by: 'mayDelete' } }])
})

t.test('the preview of what a reader holds, and of a log of one file', async (t) => {
  const surroundings = await openRetained(t)
  const { store, clock } = surroundings
  fillSegments(surroundings, 3)
  const held = store.get({ topic: 'orders', queueId: 0, offset: 0, maxMessages: 1 })
  clock.advance(100 * HOUR)
  await store.retention.deleteNow()
  t.match(store.retention.preview().now, [{ fromOffset: 0, reason: 'manual', delayed: { by: 'readers' } }])
  held.release()
  await store.retention.deleteNow()
  t.match(store.retention.preview(), { now: [], next: { files: [] }, kept: 'the last file of the log, which is never deleted' })
})

t.test('a store that has stopped deletes nothing', async (t) => {
  const clean = await openRetained(t)
  const backend = withFiles(clean.backend, {
    async syncDirectory(path) {
      if (path.endsWith('commitlog') && fails) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      await clean.backend.files.syncDirectory(path)
    },
  })
  let fails = false
  const surroundings = await openRetained(t, {}, { clock: clean.clock, backend, directory: '/data/other', meter: new SetMeter() })
  const { store, clock } = surroundings
  fillSegments(surroundings, 4)
  await store.flush()
  clock.advance(100 * HOUR)
  fails = true
  t.equal(await codeOf(() => store.retention.deleteNow()), 'ERR_FLUSH_FAILED', 'nor does it say that there was nothing to delete')
  t.equal(store.failure?.code, 'ERR_FLUSH_FAILED', 'a directory that does not reach the disk is a failure')
  fails = false
  t.equal(await codeOf(() => store.retention.deleteNow()), 'ERR_FLUSH_FAILED')
  t.equal(segmentNames(surroundings)[0], nameOf(SEGMENT), 'what was begun')
})
