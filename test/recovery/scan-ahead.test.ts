/** What recovery does with the records that are looked for ahead of it. */
import assert from 'node:assert'
import t from 'tap'
import { ScanAhead } from '../../lib/recovery/scan-ahead'
import type { RecordScan } from '../../lib/storage/ports'
import type { RecordRows } from '../../lib/storage/record-rows'
import type { Segment } from '../../lib/storage/segment'

const SIZE = 100

/** Of a segment that is full of records of ten bytes: at most `most` of them are found at a time. */
function scanOf(most: number): { scan: RecordScan; asked: number[] } {
  const asked: number[] = []
  const scan: RecordScan = {
    async scan(_mapping, from, to) {
      asked.push(from)
      const count = Math.min(most, Math.max(0, Math.ceil((to - from) / 10)))
      return { count, position: (row: number) => from + 10 * row, size: () => 10 } as unknown as RecordRows
    },
    scanNow() {
      throw new Error('nothing is looked for on the main thread')
    },
  }
  return { scan, asked }
}

function segmentWith(findFault: (from: number, to: number) => number | undefined): Segment {
  return { size: SIZE, fromOffset: 1000, mapping: {}, findFault } as unknown as Segment
}

t.test('while one block is worked on the next is looked for, never the same twice', async (t) => {
  const { scan, asked } = scanOf(4)
  const ahead = new ScanAhead(scan)
  const segment = segmentWith(() => undefined)
  t.equal((await ahead.blockAt(segment, 0)).count, 4)
  t.same(asked, [0, 40])
  t.equal((await ahead.blockAt(segment, 40)).count, 4)
  t.equal((await ahead.blockAt(segment, 80)).count, 2)
  t.same(asked, [0, 40, 80], 'and nothing behind the end')
  await ahead.settle()
})

t.test('who goes on elsewhere is asked where', async (t) => {
  const { scan, asked } = scanOf(4)
  const ahead = new ScanAhead(scan)
  const segment = segmentWith(() => undefined)
  await ahead.blockAt(segment, 0)
  const { rows, count } = await ahead.blockAt(segment, 55)
  t.equal(count, 4)
  t.equal(rows.position(0), 55)
  t.same(asked, [0, 40, 55, 95])
  await ahead.settle()
})

t.test('records from the first page on that could not be had are left to who looks at each', async (t) => {
  const { scan } = scanOf(10)
  const asked: [number, number][] = []
  const segment = segmentWith((from, to) => {
    asked.push([from, to])
    return 35
  })
  const ahead = new ScanAhead(scan)
  t.equal((await ahead.blockAt(segment, 0)).count, 3)
  t.same(asked, [[0, 100]])
  t.equal((await ahead.blockAt(segment, 30)).count, 0)
  await ahead.settle()
})

t.test('nothing is found where no record stands', async (t) => {
  const { scan, asked } = scanOf(0)
  const ahead = new ScanAhead(scan)
  t.equal((await ahead.blockAt(segmentWith(() => assert.fail('nothing was read')), 0)).count, 0)
  t.same(asked, [0])
  await ahead.settle()
})
