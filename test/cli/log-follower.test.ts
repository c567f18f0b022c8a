import { closeSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LogFollower } from '../../lib/cli/log-follower'
import { readLong } from '../../lib/format/long'
import { Position } from '../../lib/format/record'
import { selectBackend } from '../../lib/storage/backend'
import { makeStore } from './store-of-messages'

/* The story: a log is read while others write to it, and it is not always whole. */

function follow(store: string, from = 0): { follower: LogFollower; offsets: number[]; warnings: string[] } {
  const offsets: number[] = []
  const warnings: string[] = []
  const follower = new LogFollower({
    backend: selectBackend('auto'),
    directories: [join(store, 'commitlog')],
    from,
    visit: (_bytes, view, position) => void offsets.push(readLong(view, position + Position.physicalOffset)),
    warn: (message) => void warnings.push(message),
  })
  return { follower, offsets, warnings }
}

function overwrite(store: string, segment: number, position: number, bytes: Buffer): void {
  const descriptor = openSync(join(store, 'commitlog', String(segment * 16_384).padStart(20, '0')), 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, position)
  closeSync(descriptor)
}

t.test('all of a log, piece by piece', async (t) => {
  const store = join(t.testdir(), 'store')
  const results = await makeStore(store, 6000)
  const { follower, offsets } = follow(store)
  t.equal(follower.poll(), 'more')
  t.ok(offsets.length < results.length)
  t.equal(follower.poll(), 'end')
  t.strictSame(offsets, results.map(({ offset }) => offset))
  follower.close()
})

t.test('damage is stepped over', async (t) => {
  const store = join(t.testdir(), 'store')
  const results = await makeStore(store, 300)
  overwrite(store, 0, results[5].offset + 100, Buffer.from([255]))
  const { follower, offsets, warnings } = follow(store)
  t.equal(follower.poll(), 'end')
  t.strictSame(offsets, results.map(({ offset }) => offset).filter((offset) => offset !== results[5].offset))
  t.strictSame(warnings, [`${results[5].bytes} bytes at ${results[5].offset} cannot be read: going on behind them`])
  follower.close()
})

t.test('zeros with a segment behind them are damage, too', async (t) => {
  const store = join(t.testdir(), 'store')
  const results = await makeStore(store, 300)
  overwrite(store, 0, results[5].offset, Buffer.alloc(16_384 - results[5].offset))
  const { follower, offsets, warnings } = follow(store)
  follower.poll()
  t.strictSame(offsets, results.map(({ offset }) => offset).filter((offset) => offset < results[5].offset || offset >= 16_384))
  t.equal(warnings.length, 1)
  follower.close()
})

t.test('segments that are gone', async (t) => {
  const store = join(t.testdir(), 'store')
  const results = await makeStore(store, 300)
  rmSync(join(store, 'commitlog', '00000000000000016384'))
  const { follower, offsets, warnings } = follow(store)
  follower.poll()
  t.strictSame(offsets, results.map(({ offset }) => offset).filter((offset) => offset < 16_384 || offset >= 32_768))
  t.strictSame(warnings, ['segments between 16384 and 32768 are gone: going on behind them'])
  follower.close()
})

t.test('a segment that is still being made', async (t) => {
  const store = join(t.testdir(), 'store')
  const results = await makeStore(store, 300)
  const last = join(store, 'commitlog', '00000000000000065536')
  truncateSync(last, 65_536 / 16)
  const { follower, offsets } = follow(store, 65_536)
  follower.poll()
  const before = offsets.length
  t.ok(before < results.filter(({ offset }) => offset >= 65_536).length)
  truncateSync(last, 16_384)
  t.equal(follower.poll(), 'end', 'what it has grown by is looked at')
  t.equal(offsets.length, before)
  follower.close()
})

t.test('a log that is cut', async (t) => {
  const store = join(t.testdir(), 'store')
  const results = await makeStore(store, 20)
  const { follower } = follow(store)
  follower.poll()
  overwrite(store, 0, results[15].offset, Buffer.alloc(2000))
  t.equal(follower.poll(), 'cut')
  follower.close()
})

t.test('no log at all', (t) => {
  const { follower, offsets } = follow(join(t.testdir(), 'store'))
  t.equal(follower.poll(), 'end')
  t.strictSame(offsets, [])
  follower.close()
  t.end()
})

t.test('a record that still has zeros in its properties is looked at twice, one that ends in them until it no longer does', async (t) => {
  const store = join(t.testdir(), 'store')
  const results = await makeStore(store, 20)
  const { offset, bytes } = results[19]
  const end = readFileSync(join(store, 'commitlog', '00000000000000000000')).subarray(offset + bytes - 4, offset + bytes)
  const { follower, offsets } = follow(store)
  overwrite(store, 0, offset + bytes - 4, Buffer.alloc(4))
  for (let look = 0; look < 3; look++) follower.poll()
  t.equal(offsets.length, 19)
  overwrite(store, 0, offset + bytes - 2, end.subarray(2))
  follower.poll()
  t.equal(offsets.length, 19)
  follower.poll()
  t.equal(offsets.length, 20)
  follower.close()
})
