import { join } from 'node:path'
import t from 'tap'
import type { ConsumeQueue } from '../../lib/consume-queue/consume-queue'
import { ConsumeQueues } from '../../lib/consume-queue/consume-queues'
import { segmentName } from '../../lib/format/file-name'
import { DescriptorCache } from '../../lib/storage/descriptor-cache'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { FileSystem } from '../../lib/storage/ports'
import { StoreError } from '../../lib/errors'

/*
 * The story: a queue is an array in files: message n is at place n, whatever was lost before it. All of it can be had
 * from the log again, but a place that shifts by one shows each consumer the wrong message from there on.
 *
 * Not proved here: what real file systems do with sparse files, and durability.
 */

const ENTRIES = 10

function bench(entriesPerFile = ENTRIES, logIsOnDisk?: () => boolean) {
  const files = createMemoryBackend().files
  const warnings: string[] = []
  let queues: ConsumeQueues
  const load = async (): Promise<{ queue: ConsumeQueue; isDamaged: boolean }> => {
    queues = new ConsumeQueues({
      files, directory: '/consumequeue', fileSize: entriesPerFile * 20, readOnly: false, ...(logIsOnDisk && { logIsOnDisk }),
      warn: (message, file) => warnings.push(`${file}: ${message}`),
    })
    const isDamaged = await queues.load(async () => {})
    return { queue: queues.findOrCreate(queues.topics.findOrAdd('q'), 0), isDamaged }
  }
  return { files, warnings, load, failure: () => queues.failure, path: (name: string) => join(QUEUE, name) }
}

const QUEUE = '/consumequeue/q/0'

/** Messages of 100 bytes each, `from` and on. */
function fill(queue: ConsumeQueue, from: number, to: number): void {
  for (let at = from; at < to; at++) queue.append(at * 100, 100, at)
}

function offsets(queue: ConsumeQueue, from = 0): number[] {
  return Array.from({ length: queue.maxOffset - from }, (_, at) => queue.offsetAt(from + at))
}

const hundreds = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => (from + at) * 100)

t.test('in memory and in files it reads the same', async (test) => {
  const here = bench(ENTRIES, () => false)
  const { queue } = await here.load()
  fill(queue, 0, 25)
  const check = (name: string, from: ConsumeQueue): void => {
    test.equal(from.maxOffset, 25, name)
    test.equal(from.logEnd, 2500)
    test.same(offsets(from), hundreds(0, 25))
    test.equal(from.tagsCodeAt(13), 13)
    test.equal(from.sizeAt(13), 100)
  }
  check('in memory', queue)
  test.equal(here.files.list(QUEUE), undefined)
  queue.flush()
  check('flushed', queue)
  check('loaded', (await here.load()).queue)
  test.same(here.files.list(QUEUE), [0, 200, 400].map(segmentName))
  fill(queue, 25, 31)
  queue.flush()
  test.same(offsets((await here.load()).queue), hundreds(0, 31))
  test.ok(here.files.list(QUEUE)!.every((name) => here.files.status(`${QUEUE}/${name}`)!.size === 200), 'files have their full size at once')
})

t.test('what makes way in memory ends where pages of the disk end, or a file', async (test) => {
  const here = bench(3000)
  const first = await here.load()
  fill(first.queue, 0, 10)
  first.queue.flush()
  const { queue } = await here.load()
  const { write } = here.files
  const ends: number[] = []
  here.files.write = (descriptor, source, sourceOffset, length, position) => {
    ends.push(position + length)
    return write.call(here.files, descriptor, source, sourceOffset, length, position)
  }
  fill(queue, 10, 3500)
  test.same(ends, [5 * 4096, 10 * 4096, 3000 * 20])
  test.same(offsets(queue), hundreds(0, 3500))
})

t.test('entries are at hand no further than a file or the memory', async (test) => {
  const here = bench()
  const { queue } = await here.load()
  fill(queue, 0, 12)
  test.equal(queue.entriesFrom(0).count, 12, 'all of it in memory')
  test.equal(queue.entriesFrom(11).count, 1)
  test.equal(queue.entriesFrom(12).count, 0)
  queue.flush()
  const again = (await here.load()).queue
  fill(again, 12, 14)
  test.equal(again.entriesFrom(0).count, 10, 'one file')
  test.equal(again.entriesFrom(3).count, 7, 'what of it is left')
  test.equal(again.entriesFrom(10).count, 2, 'what the file has, without what is in memory')
  const { view, position, count } = again.entriesFrom(12)
  test.equal(count, 2)
  test.equal(view.getBigInt64(position), 1200n)
  const block = again.entriesFrom(10)
  test.equal(block.view.getBigInt64(block.position), 1000n)
  again.mend(10, 1001, 100, 7)
  const mended = again.entriesFrom(10)
  test.equal(mended.view.getBigInt64(mended.position), 1001n, 'what was written since it was read')
})

t.test('a long tail', async (test) => {
  const here = bench(5000)
  const { queue } = await here.load()
  for (let at = 0; at < 3000; at++) {
    queue.append(at * 100, 100, at)
    if (at === 1500) queue.flush()
  }
  test.same(offsets(queue), hundreds(0, 3000), 'some in files, some in memory')
  test.ok(here.files.list(QUEUE) !== undefined, 'what is too much for the memory goes to the file')
  queue.flush()
  test.same(offsets((await here.load()).queue), hundreds(0, 3000))
})

t.test('a tail whose file cannot be written grows', async (test) => {
  const here = bench(5000)
  const { queue } = await here.load()
  const { write } = here.files
  here.files.write = () => { throw new StoreError('ERR_DISK_FULL', 'no room') }
  fill(queue, 0, 5000)
  test.same(offsets(queue), hundreds(0, 5000), 'nothing is lost')
  test.match(here.failure(), { code: 'ERR_DISK_FULL' }, 'and the owner knows')
  test.throws(() => queue.flush(), { code: 'ERR_DISK_FULL' })
  here.files.write = write
  queue.flush()
  test.same(offsets((await here.load()).queue), hundreds(0, 5000), 'once there is room')
})

for (const { start, name, prefilled } of [
  { start: 7, name: segmentName(0), prefilled: 7 },
  { start: 10, name: segmentName(200), prefilled: 0 },
  { start: 35, name: segmentName(600), prefilled: 5 },
]) {
  t.test(`a queue that begins at ${start}`, async (test) => {
    const here = bench()
    const { queue } = await here.load()
    queue.skipTo(start)
    test.equal(queue.maxOffset, start)
    test.equal(queue.logEnd, 0, 'pre-fill is no message')
    fill(queue, start, start + 2)
    test.equal(queue.minOffset(0), start, 'the first message, though the log begins at 0')
    queue.flush()
    test.same(here.files.list(QUEUE), [name], 'named by its first place')
    const descriptor = here.files.open(`${QUEUE}/${name}`, 'read')
    const bytes = Buffer.alloc(200)
    here.files.read(descriptor, bytes, 0, 200, 0)
    const unit = '0000000000000000' + '7fffffff' + '0000000000000000'
    test.equal(bytes.toString('hex', 0, prefilled * 20), unit.repeat(prefilled), 'the places before it as the engine fills them')
    test.equal(bytes.readBigInt64BE(prefilled * 20), BigInt(start * 100))
    const again = (await here.load()).queue
    test.same([again.minOffset(0), again.minOffset(start * 100), again.maxOffset], [start, start, start + 2], 'and from the file')
    test.same(offsets(again, start), hundreds(start, start + 2))
  })
}

t.test('a gap keeps the places of what is missing', async (test) => {
  const here = bench()
  const { queue } = await here.load()
  fill(queue, 0, 3)
  queue.skipTo(24)
  test.equal(queue.logEnd, 300, 'the last message ends where it did')
  fill(queue, 24, 26)
  for (const each of [queue, (queue.flush(), (await here.load()).queue)]) {
    test.equal(each.maxOffset, 26)
    test.same([each.offsetAt(2), each.offsetAt(24), each.offsetAt(25)], [200, 2400, 2500])
    test.same([each.sizeAt(3), each.offsetAt(3), each.sizeAt(23)], [0x7fffffff, 0, 0x7fffffff])
    test.same([each.firstAtOrBehind(250), each.firstAtOrBehind(2400), each.firstAtOrBehind(2401), each.firstAtOrBehind(9999)].map((at) => (at > 2 && at < 25 ? 24 : at)), [24, 24, 25, 26])
    test.equal(each.minOffset(0), 0)
    test.same([each.minOffset(200), each.minOffset(2500)], [2, 25])
  }
})

t.test('the first message that is left', async (test) => {
  const here = bench()
  fill((await here.load()).queue, 0, 0)
  const { queue } = await here.load()
  fill(queue, 0, 25)
  for (const { logMin, min } of [{ logMin: 0, min: 0 }, { logMin: 1, min: 1 }, { logMin: 1200, min: 12 }, { logMin: 1201, min: 13 }, { logMin: 99_999, min: 25 }]) {
    test.equal(queue.minOffset(logMin), min, `log from ${logMin}`)
  }
  fill(queue, 25, 26)
  test.equal(queue.minOffset(2500), 25, 'and goes on')
})

t.test('searching', async (test) => {
  const here = bench()
  const { queue } = await here.load()
  fill(queue, 0, 40)
  queue.flush()
  const again = (await here.load()).queue
  fill(again, 40, 55)
  for (const each of [again]) {
    for (let offset = 0; offset <= 5600; offset += 50) {
      const expected = Math.min(55, Math.ceil(offset / 100))
      if (each.firstAtOrBehind(offset) !== expected) test.fail(`at ${offset}: ${each.firstAtOrBehind(offset)} instead of ${expected}`)
    }
  }
  test.pass('every place, in files and in memory')
})

t.test('truncating', async (test) => {
  for (const flushed of [0, 12, 25]) {
    for (const to of [30, 25, 24, 20, 19, 12, 11, 10, 1, 0]) {
      const here = bench()
      const { queue } = await here.load()
      fill(queue, 0, flushed)
      queue.flush()
      fill(queue, flushed, 25)
      queue.truncate(to)
      const left = Math.min(to, 25)
      test.same([queue.maxOffset, queue.logEnd], [left, left * 100], `${flushed} of 25 in files, cut at ${to}`)
      queue.finishTruncation()
      test.same(offsets((await here.load()).queue), hundreds(0, left), 'nothing comes back')
      for (let at = left; at < left + 15; at++) queue.append(at * 100 + 7, 50, 0)
      queue.flush()
      test.same(offsets((await here.load()).queue, left), hundreds(left, left + 15).map((offset) => offset + 7), 'and on')
    }
  }
})

t.test('a queue that was cut to nothing can begin late', async (test) => {
  const here = bench()
  const { queue } = await here.load()
  fill(queue, 0, 25)
  queue.flush()
  queue.truncate(0)
  queue.finishTruncation()
  test.same(here.files.list(QUEUE), [])
  queue.skipTo(33)
  queue.append(9900, 100, 0)
  queue.flush()
  test.same(here.files.list(QUEUE), [segmentName(600)])
  test.same([(await here.load()).queue.minOffset(0), (await here.load()).queue.maxOffset], [33, 34])
})

t.test('files that are not as they should be', async (test) => {
  for (const { name, spoil, left, isDamaged, says } of [
    { name: 'short', spoil: { file: 200, size: 100 }, left: 10, isDamaged: true, says: /100 bytes/ },
    { name: 'long', spoil: { file: 200, size: 220 }, left: 10, isDamaged: true, says: /220 bytes/ },
    { name: 'the first one short', spoil: { file: 0, size: 199 }, left: 0, isDamaged: true, says: /199 bytes/ },
    { name: 'the last one empty', spoil: { file: 400, size: 0 }, left: 20, isDamaged: false, says: /0 bytes/ },
  ]) {
    const here = bench()
    const { queue } = await here.load()
    fill(queue, 0, 25)
    queue.flush()
    const descriptor = here.files.open(`${QUEUE}/${segmentName(spoil.file)}`, 'write')
    here.files.truncate(descriptor, spoil.size)
    const again = await here.load()
    test.equal(again.isDamaged, isDamaged, name)
    test.same(offsets(again.queue), hundreds(0, left), 'what lies before it stays')
    test.match(here.warnings[0], says)
    fill(again.queue, left, 25)
    again.queue.flush()
    test.same(offsets((await here.load()).queue), hundreds(0, 25), 'and the rest can be put again')
  }
  const here = bench()
  here.files.makeDirectory(QUEUE)
  here.files.close(here.files.open(QUEUE + '/notes', 'create'))
  here.files.close(here.files.open(QUEUE + '/7', 'create'))
  test.equal((await here.load()).queue.maxOffset, 0)
  test.match(here.warnings, [/q\/0\/7: not a consume queue file/, /q\/0\/notes: not a consume queue file/])
  test.same(here.files.list(QUEUE), ['7', 'notes'], 'what is not ours stays')
})

t.test('one damaged file does not change the size of all others', async (test) => {
  const files = createMemoryBackend().files
  const open = async () => {
    const queues = new ConsumeQueues({ files, directory: '/consumequeue', fileSize: 200, readOnly: false, warn: () => {} })
    await queues.load(async () => {})
    return queues
  }
  const queues = await open()
  for (const topic of ['a', 'b', 'c']) fill(queues.findOrCreate(queues.topics.findOrAdd(topic), 0), 0, 15)
  queues.write()
  queues.close()
  files.truncate(files.open(`/consumequeue/a/0/${segmentName(0)}`, 'write'), 40)
  const again = await open()
  test.equal(again.find('b', 0)?.maxOffset, 15, 'the file that is short is not the measure of the others')
  test.equal(again.find('c', 0)?.maxOffset, 15)
  test.equal(again.find('b', 0)?.files.entriesPerFile, 10)
})

t.test('which directories are queues', async (test) => {
  const files = createMemoryBackend().files
  for (const directory of ['topic/0', 'topic/12', 'topic/-1', 'topic/007', 'topic/x', 'topic/1.5', 'empty']) files.makeDirectory(`/consumequeue/${directory}`)
  const queues = new ConsumeQueues({ files, directory: '/consumequeue', fileSize: 200, readOnly: false, warn: () => {} })
  test.equal(await queues.load(async () => {}), false, 'nothing is damaged')
  test.same([...queues].map(({ topic, queueId }) => `${topic}/${queueId}`).sort(), ['topic/0', 'topic/12'])
  test.equal(queues.logEnd, -1, 'and no message is in any of them')
})

/** A file system of a process that may hold only so many files open. */
function limited(limit: number) {
  const { files } = createMemoryBackend()
  const open = new Set<number>()
  let most = 0
  const counted: FileSystem = Object.create(files) as FileSystem
  counted.open = (path, mode) => {
    if (open.size >= limit) {
      throw new StoreError('ERR_IO', `cannot open ${path}: EMFILE`, { file: path }, Object.assign(new Error('EMFILE'), { code: 'EMFILE' }))
    }
    const descriptor = files.open(path, mode)
    open.add(descriptor)
    most = Math.max(most, open.size)
    return descriptor
  }
  counted.close = (descriptor) => {
    open.delete(descriptor)
    files.close(descriptor)
  }
  // The rest are methods of the one they were made for.
  for (const name of ['status', 'statusOf', 'list', 'makeDirectory', 'truncate', 'reserve', 'reserveAsync', 'read', 'write', 'sync', 'syncDirectory', 'remove', 'dataRanges'] as const) {
    counted[name] = (files[name] as (...args: unknown[]) => never).bind(files)
  }
  return { files: counted, open, most: () => most }
}

t.test('no more files are open than the cache holds', (test) => {
  const { files, open, most } = limited(1000)
  for (let at = 0; at < 10; at++) files.close(files.open(`/${at}`, 'create'))
  const cache = new DescriptorCache(files, 'write', 4)
  for (const at of [0, 1, 2, 3]) cache.get(`/${at}`)
  const kept = cache.get('/0')
  cache.get('/4')
  test.equal(cache.get('/0'), kept, 'the one used last stays')
  test.equal(open.size, 4)
  test.ok(most() <= 5, 'at no time more than one beyond')
  cache.forget('/0')
  test.equal(open.size, 3)
  cache.forget('/never')
  cache.close()
  test.equal(open.size, 0)
  test.end()
})

t.test('a process that may open fewer', (test) => {
  const { files, open } = limited(6)
  for (let at = 0; at < 20; at++) files.close(files.open(`/${at}`, 'create'))
  const cache = new DescriptorCache(files, 'read', 100)
  for (let round = 0; round < 3; round++) for (let at = 0; at < 20; at++) test.ok(cache.get(`/${at}`) >= 0)
  test.ok(open.size <= 6)
  cache.close()
  test.throws(() => cache.get('/missing'), { code: 'ERR_IO' }, 'other errors are told')
  test.end()
})

t.test('new queues in a process that may open fewer', async (test) => {
  const { files } = limited(12)
  const queues = new ConsumeQueues({ files, directory: '/consumequeue', fileSize: 200, readOnly: false, warn: () => {} })
  for (let at = 0; at < 40; at++) fill(queues.findOrCreate(queues.topics.findOrAdd(`topic${at}`), 0), 0, 3)
  test.doesNotThrow(() => queues.write(), 'room is made for files that are created, too')
  test.ok([...queues].every((queue) => queue.offsetAt(2) === 200))
  await queues.sync()
  queues.close()
})

t.test('a queue whose first messages are lost begins at the first that is there, whatever is lost behind that', async (test) => {
  const { queue } = await bench().load()
  fill(queue, 0, 3)
  queue.truncate(0)
  queue.skipTo(2)
  fill(queue, 2, 3)
  queue.skipTo(9)
  fill(queue, 9, 12)
  test.equal(queue.minOffset(0), 2)
})

t.test('an entry that leads to the removed start of the log does not hide those before it', async (test) => {
  for (let wrong = 21; wrong < 64; wrong++) {
    const { queue } = await bench().load()
    fill(queue, 0, 64)
    queue.mend(wrong, 5, 100, 0)
    test.equal(queue.minOffset(2000), 20, `entry ${wrong}`)
    test.equal(queue.firstAtOrBehind(2000), 20)
  }
})
