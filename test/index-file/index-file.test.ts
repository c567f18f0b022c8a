import t, { type Test } from 'tap'
import { StoreError } from '../../lib/errors'
import { EntryPosition, HeaderPosition, entryPosition, forEachKey, keyHash, slotPosition, topicHash } from '../../lib/format/index-layout'
import { indexFileName } from '../../lib/format/file-name'
import { readLong, writeLong } from '../../lib/format/long'
import { IndexFiles } from '../../lib/index-file/index-files'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Backend } from '../../lib/storage/ports'
import { START, StillClock, withFiles } from '../store/support'

/*
 * The story: the index is a hash table in a file, without a checksum. After a crash it may be half written, and a
 * disk may have changed it; a query must then find less, but end, and what is kept must be what an engine would have
 * written.
 *
 * Not proved here: that the bytes are the engine's (test/golden), and full disks other than of this file.
 */

const geometry = { slots: 5, entries: 8 }
const hash = topicHash('orders')

interface Bench {
  backend: Backend
  clock: StillClock
  warnings: string[]
  open(readOnly?: boolean): IndexFiles
}

function bench(changed = (backend: Backend) => backend): Bench {
  const clock = new StillClock()
  const backend = changed(createMemoryBackend(clock))
  backend.files.makeDirectory('/index')
  const warnings: string[] = []
  return {
    backend, clock, warnings,
    open(readOnly = false) {
      const files = new IndexFiles({ backend, clock, directory: '/index', geometry, readOnly, warn: (message, file) => warnings.push(`${file}: ${message}`) })
      files.load()
      return files
    },
  }
}

const all = { begin: 0, end: Number.MAX_SAFE_INTEGER, max: 100 }
const find = (files: IndexFiles, key: string, range = all): number[] => files.query(hash, key, range, () => true).phyOffsets

/** As the dispatch of a message does: its unique key, and then each of its keys. */
function putKeys(files: IndexFiles, uniqueKey: string | undefined, keys: string, phyOffset: number, storeTimestamp: number): void {
  if (uniqueKey !== undefined) files.put(keyHash(hash, uniqueKey), phyOffset, storeTimestamp)
  forEachKey(keys, (key) => files.put(keyHash(hash, key), phyOffset, storeTimestamp))
}

/** Changes bytes of an index file as a damaged disk would. */
function edit({ backend }: Bench, at: number, change: (view: DataView) => void): void {
  const path = `/index/${backend.files.list('/index')![at]}`
  const descriptor = backend.files.open(path, 'write')
  const bytes = Buffer.alloc(backend.files.statusOf(descriptor).size)
  backend.files.read(descriptor, bytes, 0, bytes.length, 0)
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.length))
  backend.files.write(descriptor, bytes, 0, bytes.length, 0)
  backend.files.close(descriptor)
}

function contents(here: Bench): Buffer {
  let bytes: Buffer = Buffer.alloc(0)
  edit(here, 0, (view) => (bytes = Buffer.from(view.buffer)))
  return bytes
}

function header(here: Bench, at: number): Record<string, number> {
  const values: Record<string, number> = {}
  edit(here, at, (view) => {
    for (const [name, position] of Object.entries(HeaderPosition)) values[name] = position < 32 ? readLong(view, position) : view.getInt32(position)
  })
  return values
}

const noPause = async (): Promise<void> => {}

t.test('entries and header, byte by byte', async (test) => {
  const here = bench()
  const files = here.open()
  putKeys(files, 'unique', 'k1 k2', 100, START)
  putKeys(files, undefined, 'k1', 300, START + 2500)
  files.finish()
  const slotOf = (key: string): number => keyHash(hash, key) % geometry.slots
  edit(here, 0, (view) => {
    for (const { number, key, offset, diff } of [
      { number: 1, key: 'unique', offset: 100, diff: 0 },
      { number: 2, key: 'k1', offset: 100, diff: 0 },
      { number: 3, key: 'k2', offset: 100, diff: 0 },
      { number: 4, key: 'k1', offset: 300, diff: 2 },
    ]) {
      const at = entryPosition(geometry.slots, number)
      test.equal(view.getInt32(at + EntryPosition.keyHash), keyHash(hash, key), `entry ${number}: hash`)
      test.equal(readLong(view, at + EntryPosition.phyOffset), offset)
      test.equal(view.getInt32(at + EntryPosition.timeDiff), diff, 'seconds, cut off')
    }
    test.equal(view.getInt32(slotPosition(slotOf('k1'))), 4, 'the slot names the newest')
    test.equal(view.getInt32(entryPosition(geometry.slots, 4) + EntryPosition.previous) >= 2, true, 'which leads to the one before')
    test.equal(readLong(view, entryPosition(geometry.slots, 0)), 0, 'entry 0 is never used')
  })
  const slots = new Set(['unique', 'k1', 'k2'].map(slotOf)).size
  test.same(header(here, 0), {
    beginTimestamp: START, endTimestamp: START + 2500, beginPhyOffset: 100, endPhyOffset: 300, hashSlotCount: slots, indexCount: 5,
  })
  test.same(find(files, 'k1'), [300, 100])
  test.same(find(files, 'unique'), [100])
  files.close()
  test.same(find(here.open(), 'k1'), [300, 100], 'and again from the file')
})

t.test('entries that the disk had no room for are found, and go to the file once there is some', async (test) => {
  const roomy = bench()
  let lacksRoom = false
  const full = bench((backend) => withFiles(backend, {
    write(...place) {
      if (lacksRoom) throw new StoreError('ERR_DISK_FULL', 'no room')
      backend.files.write(...place)
    },
  }))
  const [written, refused] = [roomy, full].map((here) => here.open()) as [IndexFiles, IndexFiles]
  for (const [number, key] of ['first', 'second', 'third'].entries()) {
    lacksRoom = false
    written.put(keyHash(hash, key), 100 * number, START)
    refused.put(keyHash(hash, key), 100 * number, START)
    written.write()
    lacksRoom = true
    test.throws(() => refused.write(), { code: 'ERR_DISK_FULL' })
    test.same(find(refused, key), [100 * number])
    lacksRoom = number === 1
    if (!lacksRoom) refused.write()
    test.same(find(refused, key), [100 * number])
  }
  for (const opened of [written, refused]) opened.finish()
  test.same(contents(full), contents(roomy))
})

t.test('a full file rolls', async (test) => {
  const here = bench()
  const files = here.open()
  for (let at = 0; at < 20; at++) {
    here.clock.advance(1000)
    putKeys(files, undefined, 'k', at * 100, here.clock.now())
  }
  test.equal(files.length, 3, 'seven entries to a file of eight')
  test.same(find(files, 'k'), Array.from({ length: 20 }, (_, at) => (19 - at) * 100))
  test.same(find(files, 'k', { ...all, max: 9 }), Array.from({ length: 9 }, (_, at) => (19 - at) * 100), 'the newest')
  files.finish()
  const [first, second] = [header(here, 0), header(here, 1)]
  test.equal(first['indexCount'], 8)
  test.equal(second['beginPhyOffset'], 700, 'a file begins with its first message')
  edit(here, 1, (view) => {
    const diff = view.getInt32(entryPosition(geometry.slots, 1) + EntryPosition.timeDiff)
    test.equal(diff, 1, 'whose time counts from the end of the file before, as in the engine')
  })
  test.equal(await files.sync(), second['endTimestamp'], 'the last completed file that is durable')
  test.equal(await files.sync(), 0, 'told once')
})

t.test('names ascend, also when the clock does not', (test) => {
  const here = bench()
  const files = here.open()
  for (let at = 0; at < 15; at++) putKeys(files, undefined, 'k', at, START)
  here.clock.advance(-60_000)
  for (let at = 15; at < 30; at++) putKeys(files, undefined, 'k', at, START)
  test.same(here.backend.files.list('/index'), [0, 1, 2, 3, 4].map((later) => indexFileName(START + later)))
  test.end()
})

t.test('room is made before it is needed', (test) => {
  const here = bench()
  const files = here.open()
  for (let at = 0; at < 7; at++) putKeys(files, undefined, 'k', at, START)
  test.equal(files.length, 1)
  files.makeRoom()
  test.equal(files.length, 2, 'as the engine does, also for a message without keys (asked of 4.9.7 and 5.3.3)')
  files.makeRoom()
  test.equal(files.length, 2)
  files.finish()
  test.same(
    header(here, 1),
    { beginTimestamp: START, endTimestamp: START, beginPhyOffset: 6, endPhyOffset: 6, hashSlotCount: 0, indexCount: 0 },
    'whose header says where the one before ended, as the engine writes it',
  )
  files.close()
  const again = here.open()
  test.equal(again.coveredOffset, 6, 'so that nothing is put twice after closing and opening')
  putKeys(again, undefined, 'k', 7, START)
  test.same(find(again, 'k'), [7, 6, 5, 4, 3, 2, 1, 0])
  test.end()
})

t.test('times of a query', (test) => {
  const here = bench()
  const files = here.open()
  for (let second = 0; second < 30; second++) putKeys(files, undefined, 'k', second, START + second * 1000)
  const within = (begin: number, end: number): number[] => find(files, 'k', { begin: START + begin, end: START + end, max: 100 })
  test.same(within(2000, 4000), [4, 3, 2])
  test.same(within(2001, 4999), [4, 3], 'to the second')
  test.same(within(27_000, 27_999), [27])
  test.same(within(30_000, 99_000), [])
  test.same(within(-9000, -1), [])
  test.same([within(7000, 7999), within(8000, 8999)], [[], [8, 7]], 'the first of a file counts as later: the quirk of the engine')
  test.end()
})

t.test('what is not an index file, and what is of another size', (test) => {
  const here = bench()
  const make = (name: string, size: number): void => {
    const descriptor = here.backend.files.open(`/index/${name}`, 'create')
    here.backend.files.truncate(descriptor, size)
    here.backend.files.close(descriptor)
  }
  make('notes.txt', 10)
  make(indexFileName(START), 0)
  test.equal(here.open().length, 0)
  test.match(here.warnings, ['/index/notes.txt: not an index file: ignored'])
  test.same(here.backend.files.list('/index'), ['notes.txt'], 'an empty one is what a crash leaves')
  make(indexFileName(START), 40 + 4 * 5 + 20 * 9)
  test.throws(() => here.open(), { code: 'ERR_INVALID_OPTION', message: /240 bytes, but maxHashSlotNum 5 and maxIndexNum 8 make 220/ })
  here.warnings.length = 0
  test.equal(here.open(true).length, 0, 'read-only goes on without it')
  test.match(here.warnings[0], /240 bytes where the options make 220/)
  test.equal(here.backend.files.list('/index')!.length, 2, 'and leaves it')
  test.end()
})

/** 12 messages, 7 entries in the first file and 5 in the second; keys in turns. */
async function filled(): Promise<Bench> {
  const here = bench()
  const files = here.open()
  for (let at = 0; at < 12; at++) putKeys(files, undefined, `k${at % 3}`, at * 100, START + at * 1000)
  await files.sync()
  files.close()
  return here
}

async function assertEnds(test: Test, here: Bench, name: string): Promise<void> {
  const files = here.open(true)
  let visited = 0
  for (let key = 0; key < 3; key++) {
    files.query(hash, `k${key}`, all, () => {
      visited++
      return visited < 10_000
    })
  }
  test.ok(visited <= 3 * 12, `${name}: ${visited} entries looked at`)
  files.close()
}

const damages: { name: string; change(view: DataView): void }[] = [
  { name: 'a chain that leads to itself', change: (view) => view.setInt32(entryPosition(5, 5) + EntryPosition.previous, 5) },
  { name: 'a loop of two', change: (view) => view.setInt32(entryPosition(5, 1) + EntryPosition.previous, 5) },
  { name: 'a chain that leads out of the file', change: (view) => view.setInt32(entryPosition(5, 5) + EntryPosition.previous, 0x7fffffff) },
  { name: 'a chain that leads to a negative entry', change: (view) => view.setInt32(entryPosition(5, 5) + EntryPosition.previous, -7) },
  { name: 'a chain that leads to what was never written', change: (view) => view.setInt32(entryPosition(5, 5) + EntryPosition.previous, 7) },
  ...[0, 1, 2, 3, 4].flatMap((slot) => [
    { name: `slot ${slot} out of the file`, change: (view: DataView) => view.setInt32(slotPosition(slot), 0x7fffffff) },
    { name: `slot ${slot} negative`, change: (view: DataView) => view.setInt32(slotPosition(slot), -1) },
    { name: `slot ${slot} at what was never written`, change: (view: DataView) => view.setInt32(slotPosition(slot), 7) },
  ]),
  { name: 'a negative time', change: (view) => view.setInt32(entryPosition(5, 5) + EntryPosition.timeDiff, -1) },
  { name: 'a negative hash', change: (view) => view.setInt32(entryPosition(5, 3) + EntryPosition.keyHash, -5) },
  { name: 'an offset that goes back', change: (view) => writeLong(view, entryPosition(5, 4) + EntryPosition.phyOffset, 5) },
  { name: 'a count beyond the file', change: (view) => view.setInt32(HeaderPosition.indexCount, 0x7fffffff) },
  { name: 'a negative count', change: (view) => view.setInt32(HeaderPosition.indexCount, -1) },
  {
    name: 'a header that was never written', change: (view) => {
      for (let at = 0; at < 40; at += 4) view.setInt32(at, 0)
    },
  },
  { name: 'a count of what was never written', change: (view) => view.setInt32(HeaderPosition.indexCount, 8) },
  {
    name: 'zeros for all entries', change: (view) => {
      for (let at = entryPosition(5, 0); at < entryPosition(5, 8); at += 4) view.setInt32(at, 0)
    },
  },
  {
    name: 'noise', change: (view) => {
      for (let at = 0; at < view.byteLength; at++) view.setUint8(at, (at * 167 + 13) & 0xff)
    },
  },
]

for (const { name, change } of damages) {
  t.test(`damage: ${name}`, async (test) => {
    for (const file of [0, 1]) {
      const here = await filled()
      edit(here, file, change)
      await assertEnds(test, here, `file ${file}`)

      // What recovery does: keep what is sound, and put the rest again from the log.
      const interrupted = here.open()
      const lostFrom = await interrupted.cutFrom(1000, true, noPause)
      interrupted.close()
      const files = here.open()
      const from = await files.cutFrom(1000, true, noPause)
      test.equal(from, lostFrom, 'who did not come to putting them has left the damage to be seen')
      test.ok(from <= 1000, `messages from ${from} on are to be put again`)
      for (let at = 0; at < 12; at++) if (at * 100 >= from && at * 100 > files.coveredOffset) putKeys(files, undefined, `k${at % 3}`, at * 100, START + at * 1000)
      if (file === 1) {
        for (let key = 0; key < 3; key++) {
          test.same(find(files, `k${key}`), [3, 2, 1, 0].map((round) => (round * 3 + key) * 100), `k${key} is whole again`)
        }
      }
      files.finish()
      files.close()
      await assertEnds(test, here, `file ${file}, afterwards`)
    }
  })
}

t.test('a message whose keys were half written', async (test) => {
  const here = bench()
  const files = here.open()
  putKeys(files, undefined, 'a b', 100, START)
  putKeys(files, undefined, 'c d e', 200, START)
  putKeys(files, undefined, 'f', 300, START)
  files.finish()
  files.close()
  edit(here, 0, (view) => {
    for (let at = entryPosition(geometry.slots, 4); at < entryPosition(geometry.slots, 6); at += 4) view.setInt32(at, 0)
  })
  const again = here.open()
  const from = await again.cutFrom(300, true, noPause)
  test.ok(from <= 200, `put again from ${from}`)
  for (const { offset, keys } of [{ offset: 100, keys: 'a b' }, { offset: 200, keys: 'c d e' }, { offset: 300, keys: 'f' }]) {
    if (offset >= from && offset > again.coveredOffset) putKeys(again, undefined, keys, offset, START)
  }
  test.same(['a', 'b', 'c', 'd', 'e', 'f'].map((key) => find(again, key)), [[100], [100], [200], [200], [200], [300]], 'every key is found, once')
})

t.test('files that others say are to be made again stay as they are until they are', async (test) => {
  const here = await filled()
  const interrupted = here.open()
  test.equal(await interrupted.cutFrom(0, false, noPause), 0)
  putKeys(interrupted, undefined, 'k0', 0, START)
  interrupted.close()
  const files = here.open()
  test.equal(files.length, 2)
  test.equal(await files.cutFrom(1200, true, noPause), 1200)
  test.same(find(files, 'k0'), [900, 600, 300, 0])
  await files.cutFrom(0, false, noPause)
  putKeys(files, undefined, 'k0', 0, START)
  files.finish()
  await files.sync()
  files.close()
  const again = here.open()
  test.equal(again.length, 1, 'now they are gone')
  test.same(find(again, 'k0'), [0])
})

t.test('files go from the newest to the oldest, each for good before the next', async (test) => {
  const here = await filled()
  const calls: string[] = []
  const { files: port } = here.backend
  const remove = port.remove.bind(port)
  port.remove = (path) => {
    calls.push(`remove ${path}`)
    remove(path)
  }
  port.syncDirectory = async (path) => void calls.push(`sync ${path}`)
  const more = here.open()
  for (let at = 12; at < 20; at++) putKeys(more, undefined, 'k0', at * 100, START + at * 1000)
  await more.sync()
  const [, second, third] = more.names
  const expected = [`remove /index/${third}`, 'sync /index', `remove /index/${second}`, 'sync /index']
  more.close()

  const planned = here.open()
  calls.length = 0
  await planned.cutFrom(300, true, noPause)
  test.same(calls, expected)
  planned.close()
})

t.test('cutting', async (test) => {
  for (const { from, files: left, k0 } of [
    { from: 1200, files: 2, k0: [900, 600, 300, 0] },
    { from: 900, files: 2, k0: [600, 300, 0] },
    { from: 700, files: 1, k0: [600, 300, 0] },
    { from: 300, files: 1, k0: [0] },
    { from: 0, files: 1, k0: [] },
  ]) {
    const here = await filled()
    const files = here.open()
    test.equal(await files.cutFrom(from, true, noPause), from, `from ${from}: nothing else is lost`)
    test.equal(files.length, left, 'files left')
    test.same(find(files, 'k0'), k0)
    putKeys(files, undefined, 'k0', from + 50, START + 99_000)
    test.same(find(files, 'k0'), [from + 50, ...k0], 'and on')
    files.finish()
    files.close()
    test.same(find(here.open(), 'k0'), [from + 50, ...k0], 'as in the file')
  }
})
