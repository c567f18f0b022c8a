/** What a scan does with the memory of what it has read. That it opens sooner for it is for bench/ to show. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MessageStore } from '../../lib/index'
import { GiveBack } from '../../lib/recovery/give-back'
import { selectBackend } from '../../lib/storage/backend'
import type { Segment } from '../../lib/storage/segment'
import { SegmentList } from '../../lib/storage/segment-list'
import { temporaryDirectory } from './support'

const MEGABYTE = 1 << 20

/** Segments that only remember what they are told to give back, in megabytes. */
function segmentsOf(sizes: readonly number[]): { segments: SegmentList; given: [string, number, number][] } {
  const given: [string, number, number][] = []
  const segments = new SegmentList()
  let fromOffset = 0
  for (const [index, size] of sizes.entries()) {
    const giveBack = (from: number, to: number): void => void given.push([`segment ${index}`, from / MEGABYTE, to / MEGABYTE])
    segments.push({ fromOffset, size: size * MEGABYTE, giveBack } as unknown as Segment)
    fromOffset += size * MEGABYTE
  }
  return { segments, given }
}

t.test('nothing is given back of the last 32 MiB before the scan, and what is goes in whole pieces, once', async (t) => {
  const { segments, given } = segmentsOf([1024])
  const giveBack = new GiveBack(segments, 0)
  giveBack.advance(32 * MEGABYTE)
  giveBack.advance(40 * MEGABYTE - 1)
  t.same(given, [])
  giveBack.advance(40 * MEGABYTE)
  giveBack.advance(54 * MEGABYTE)
  giveBack.advance(65 * MEGABYTE)
  t.same(given, [['segment 0', 0, 8], ['segment 0', 8, 16], ['segment 0', 16, 32]])
})

t.test('it goes on from segment to segment, the end of each included, and begins where the scan does', async (t) => {
  const { segments, given } = segmentsOf([100, 20, 20, 100])
  const giveBack = new GiveBack(segments, 1)
  giveBack.advance((32 + 113) * MEGABYTE)
  t.same(given, [['segment 1', 0, 8]])
  giveBack.advance((32 + 152) * MEGABYTE)
  t.same(given.slice(1), [['segment 1', 8, 20], ['segment 2', 0, 20], ['segment 3', 0, 8]])
})

t.test('an open after a crash keeps the end of the log in memory and not the rest, and every message is there', {
  skip: !selectBackend('auto').capabilities.has('populate') && 'this backend cannot give memory back',
}, async (t) => {
  const directory = temporaryDirectory(t)
  const options = { mappedFileSizeCommitLog: 16 * MEGABYTE }
  const count = 24
  const bodyOf = (number: number): Buffer => Buffer.alloc(4_000_000, `message ${number} `)
  const before = await MessageStore.open(directory, options)
  for (let number = 0; number < count; number++) before.append({ topic: 'large', queueId: 0, body: bodyOf(number) })
  await before.close()
  writeFileSync(join(directory, 'abort'), '')
  writeFileSync(join(directory, 'checkpoint'), Buffer.alloc(4096))

  const store = await MessageStore.open(directory, options)
  const inMemory = mappedKilobytes(join(directory, 'commitlog'))
  t.ok([...inMemory.values()].reduce((sum, kilobytes) => sum + kilobytes, 0) > 32 * 1024, 'the end of the log is in memory')
  t.equal(inMemory.get('00000000000016777216'), 0, 'the second segment is not, which nobody has looked at again')
  const result = store.get({ topic: 'large', queueId: 0, offset: 0, maxMessages: 1 })
  t.ok(result.messages[0]!.body.equals(bodyOf(0)))
  result.release()
  let number = 0
  for await (const message of store.read({ topic: 'large', queueId: 0, offset: 0, follow: false })) {
    if (!message.body.equals(bodyOf(number++))) t.fail(`message ${number - 1} is another one`)
  }
  t.equal(number, count)
  await store.close()
})

/** What of the files in `directory` this process has in its maps, by their names. */
function mappedKilobytes(directory: string): Map<string, number> {
  const found = new Map<string, number>()
  let name: string | undefined
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) name = line.includes(directory) ? line.slice(line.lastIndexOf('/') + 1) : undefined
    else if (name !== undefined && line.startsWith('Rss:')) found.set(name, (found.get(name) ?? 0) + Number(/\d+/.exec(line)![0]))
  }
  return found
}
