/** What a scan has the disk read before it comes there. That this is fast is for bench/ to show. */
import t from 'tap'
import { ReadAhead } from '../../lib/recovery/read-ahead'
import type { Backend } from '../../lib/storage/ports'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { Segment } from '../../lib/storage/segment'
import { SegmentList } from '../../lib/storage/segment-list'

const MEGABYTE = 1 << 20

interface Asked {
  from: number
  to: number
  finish(): void
}

/** Segments that are nothing but their size, of which all from `dataTo` on is a hole. */
function segmentsOf(sizes: readonly number[], dataTo = Infinity): { segments: SegmentList; asked: Asked[]; calls: string[] } {
  const asked: Asked[] = []
  const calls: string[] = []
  const memory = createMemoryBackend()
  const files = Object.create(memory.files) as Backend['files']
  files.open = () => 3
  files.dataRanges = (_descriptor, from, size) => (from < dataTo ? [{ from, to: Math.min(dataTo, size) }] : [])
  files.dropCache = () => void calls.push('drop')
  const mapper: Backend['mapper'] = {
    map: () => {
      calls.push('map')
      const readAhead = (from: number, to: number): Promise<void> => new Promise((finish) => asked.push({ from, to, finish }))
      return { readAhead, unmap: () => void calls.push('unmap') } as ReturnType<Backend['mapper']['map']>
    },
  }
  const segments = new SegmentList()
  let fromOffset = 0
  for (const size of sizes) {
    segments.push(new Segment({ ...memory, files, mapper }, { path: `/${fromOffset}`, fromOffset, size }, 'read'))
    fromOffset += size
  }
  return { segments, asked, calls }
}

/** Lets all reads end, one after the other, until nothing more is asked for. */
async function finishAll(asked: readonly Asked[]): Promise<[number, number][]> {
  for (let at = 0; at < asked.length; at++) {
    asked[at]!.finish()
    await new Promise(setImmediate)
  }
  return asked.map(({ from, to }) => [from, to])
}

t.test('it asks for what comes within 64 MiB, for more as the scan goes on, and never twice', async (t) => {
  const { segments, asked } = segmentsOf([1024 * MEGABYTE])
  const readAhead = new ReadAhead(segments, 0)
  readAhead.advance(0)
  t.equal(asked.length, 1, 'one at a time')
  t.same(await finishAll(asked), [0, 8, 16, 24, 32, 40, 48, 56].map((from) => [from * MEGABYTE, (from + 8) * MEGABYTE]))
  for (let done = 16 * MEGABYTE; done <= 512 * MEGABYTE; done += 16 * MEGABYTE) readAhead.advance(done)
  await finishAll(asked)
  asked.forEach(({ from }, at) => t.equal(from, at === 0 ? 0 : asked[at - 1]!.to))
  t.equal(asked.at(-1)!.to, (512 + 64) * MEGABYTE)
})

t.test('it goes on into the next segment, and stops at the last', async (t) => {
  const { segments, asked } = segmentsOf([10 * MEGABYTE, 10 * MEGABYTE, 3 * MEGABYTE])
  const readAhead = new ReadAhead(segments, 1)
  readAhead.advance(10 * MEGABYTE)
  t.same(await finishAll(asked), [[0, 8 * MEGABYTE], [8 * MEGABYTE, 10 * MEGABYTE], [0, 3 * MEGABYTE]])
})

t.test('holes are not read', async (t) => {
  const { segments, asked } = segmentsOf([1024 * MEGABYTE], MEGABYTE)
  const readAhead = new ReadAhead(segments, 0)
  readAhead.advance(0)
  t.same(await finishAll(asked), [[0, MEGABYTE]])
})

t.test('it is over when the last read is', async (t) => {
  const { segments, asked } = segmentsOf([64 * MEGABYTE])
  const readAhead = new ReadAhead(segments, 0)
  readAhead.advance(0)
  t.equal(asked.length, 1)
  let isOver = false
  const over = readAhead.settle().then(() => (isOver = true))
  await new Promise(setImmediate)
  t.notOk(isOver)
  asked[0]!.finish()
  await over
  t.ok(isOver)
  t.equal(asked.length, 1, 'and nothing more was asked for')
})

t.test('a read that fails is nobody’s concern: whoever touches the page meets the error', async (t) => {
  const { segments } = segmentsOf([MEGABYTE])
  const failing = segments.at(0)!
  failing.readAhead = () => Promise.reject(new Error('EIO'))
  const readAhead = new ReadAhead(segments, 0)
  readAhead.advance(0)
  await readAhead.settle()
  t.pass('nothing was thrown')
})

t.test('pages are dropped when they are no longer mapped: the kernel keeps those that are', async (t) => {
  const { segments, calls } = segmentsOf([MEGABYTE])
  const segment = segments.at(0)!
  t.ok(segment.mapping)
  segment.dropCache()
  t.ok(segment.mapping)
  t.same(calls, ['map', 'unmap', 'drop', 'map'])
})
