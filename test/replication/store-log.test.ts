import t from 'tap'
import { segmentName } from '../../lib/format/file-name'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { selectBackend } from '../../lib/storage/backend'
import { withBadPages } from '../support/bad-pages'
import { codeOf, copyAsIfKilled, message, messageOfSize, names, openStore, withFiles } from '../store/support'
import { StoreError, type MessageStore } from '../../lib/index'
import { FILE, bytesOf, catchUp, deliver, firstDifferenceInMemory, firstReadDifference, openMaster, openSlave, temporaryDirectory } from './support'

/*
 * The story: what whoever replicates a store sees of it. A reader gets the bytes of the log, or an error, never something that looks
 * like them; a slave takes what continues its log, knows what does not, and forgets nothing and adds nothing when it is cut off.
 */

const inMemory = (): { ports: { backend: ReturnType<typeof createMemoryBackend> } } => ({ ports: { backend: createMemoryBackend() } })

function fill(store: MessageStore, count: number, from = 0): void {
  for (let number = from; number < from + count; number++) {
    const queueId = number % 3
    store.append(message({ queueId, body: Buffer.alloc(20 + ((number * 131) % 700), `${number} `), properties: { KEYS: `key${number}` } }))
  }
}

async function pair(test: Parameters<typeof openStore>[0], options = {}): Promise<{ master: MessageStore; slave: MessageStore }> {
  const master = await openMaster(test, '/store', { ...inMemory(), ...options })
  const slave = await openSlave(test, '/store', { ...inMemory(), ...options })
  return { master, slave }
}

t.test('reading', async (test) => {
  const master = await openMaster(test, '/store', inMemory())
  const { log } = master.replication
  const target = Buffer.alloc(FILE)
  test.equal(log.read(0, target), 0, 'an empty log')
  test.equal(log.resumeOffset, 0)
  fill(master, 30)
  test.equal(log.read(0, target.subarray(0, 100)), 100, 'as much as fits')
  test.equal(log.read(0, target), FILE, 'up to the end of a file, its blank included')
  test.equal(log.read(FILE - 3, target), 3)
  test.equal(log.read(log.maxOffset, target), 0)
  test.equal(log.read(log.maxOffset - 5, target), 5, 'up to the end of the log')
  for (const offset of [-1, log.maxOffset + 1, 2 ** 52]) {
    test.equal(await codeOf(() => log.read(offset, target)), 'ERR_OFFSET_UNAVAILABLE', `${offset}`)
  }
  test.equal(log.fileSize, FILE)
})

t.test('a page that the disk does not give is never sent', { skip: selectBackend('auto').capabilities.has('guard') ? false : 'no guard' }, async (test) => {
  const directory = temporaryDirectory(test)
  const first = await openStore(test, directory)
  fill(first, 40)
  await first.close()
  const badPages = new Map<string, number[]>()
  const master = await openMaster(test, directory, { ports: { backend: withBadPages(selectBackend('auto'), badPages) } })
  badPages.set(`${directory}/commitlog/${names(directory, 'commitlog')[0]}`, [0])
  test.equal(await codeOf(() => bytesOf(master.replication.log, 0, 100)), 'ERR_IO')
})

t.test('whoever waits for more hears of it', async (test) => {
  const { master, slave } = await pair(test)
  let [grown, taken] = [0, 0]
  master.replication.log.onGrowth(() => grown++)
  slave.replication.log.onGrowth(() => taken++)
  fill(master, 5)
  test.equal(grown, 0, 'not from within a put')
  await new Promise((resolve) => setImmediate(resolve))
  test.equal(grown, 1)
  catchUp(slave.replication.log, master.replication.log, () => 100)
  await new Promise((resolve) => setImmediate(resolve))
  test.equal(taken, 1, 'a slave has readers too')
})

t.test('readers of a slave hear of messages', async (test) => {
  const { master, slave } = await pair(test)
  const arrivals: object[] = []
  slave.on('arrival', ({ topic, queueId, maxOffset }) => arrivals.push({ topic, queueId, maxOffset }))
  const following = (async () => {
    for await (const found of slave.read({ topic: 'orders', queueId: 0, offset: 0 })) return found.body.toString()
    return undefined
  })()
  master.append(message({ body: Buffer.from('first') }))
  catchUp(slave.replication.log, master.replication.log)
  test.equal(await following, 'first')
  test.same(arrivals, [{ topic: 'orders', queueId: 0, maxOffset: 1 }])
})

t.test('dispatchers of a slave get each record once', async (test) => {
  const seen: number[] = []
  const master = await openMaster(test, '/store', inMemory())
  const slave = await openSlave(test, '/store', {
    ...inMemory(), dispatchers: [{ name: 'offsets', dispatch: ({ commitLogOffset, tagsCode, message: { properties } }) => seen.push(commitLogOffset, tagsCode, Number(properties.KEYS)) }],
  })
  const offsets: number[] = []
  for (let number = 0; number < 12; number++) {
    const result = master.append(message({ body: Buffer.alloc(500), properties: { TAGS: 'a', KEYS: `${number}` } }))
    if (result.isStored()) offsets.push(result.offset, 97, number)
  }
  catchUp(slave.replication.log, master.replication.log, () => 77)
  catchUp(slave.replication.log, master.replication.log, () => 77)
  test.same(seen, offsets)
})

t.test('a slave that has nothing begins at any file', async (test) => {
  const { master, slave } = await pair(test)
  fill(master, 60)
  const { log } = slave.replication
  const last = master.maxPhyOffset - (master.maxPhyOffset % FILE)
  test.ok(last >= 2 * FILE)
  test.equal(log.resumeOffset, 0)
  test.equal(await codeOf(() => log.append(last + 100, Buffer.alloc(10))), 'ERR_SEGMENT_SIZE', 'and nowhere else')
  deliver(log, last, bytesOf(master.replication.log, last, master.maxPhyOffset), () => 1000)
  test.equal(log.minOffset, last)
  test.equal(log.maxOffset, master.maxPhyOffset)
  await slave.flush()
  test.equal(log.flushedOffset, log.maxOffset)
  for (const { topic, queueId, minOffset, maxOffset } of slave.queues()) {
    test.equal(maxOffset, master.maxOffset(topic, queueId))
    const { messages } = slave.get({ topic, queueId, offset: minOffset, maxMessages: 100 })
    test.equal(messages.length, maxOffset - minOffset, `queue ${queueId} from ${minOffset} on`)
    test.ok(messages.every(({ commitLogOffset }) => commitLogOffset >= last))
  }
})

t.test('a slave that was cut off before it had a record begins elsewhere', async (test) => {
  const { master, slave } = await pair(test)
  fill(master, 60)
  const { log } = slave.replication
  deliver(log, 0, bytesOf(master.replication.log, 0, 50), () => 50)
  log.cutBack()
  test.equal(log.resumeOffset, 0)
  deliver(log, FILE, bytesOf(master.replication.log, FILE, FILE + 50), () => 50)
  log.cutBack()
  test.equal(log.minOffset, FILE)
  test.equal(log.resumeOffset, 0, 'there is nothing yet')
  deliver(log, 2 * FILE, bytesOf(master.replication.log, 2 * FILE, master.maxPhyOffset), () => 999)
  test.equal(log.minOffset, 2 * FILE)
  test.equal(log.maxOffset, master.maxPhyOffset)
})

t.test('where a slave resumes', async (test) => {
  const { master, slave } = await pair(test)
  const { log } = slave.replication
  const first = master.append(messageOfSize(1000))
  const second = master.append(messageOfSize(1500))
  catchUp(log, master.replication.log)
  test.equal(log.resumeOffset, 0, 'at the start of the last file')
  const to = second.isStored() ? second.offset + 700 : 0
  deliver(log, second.isStored() ? second.offset : 0, bytesOf(master.replication.log, 1000, to), () => 100)
  test.equal(log.maxOffset, 2500, 'what is there is compared, and nothing is taken')
  master.append(messageOfSize(3000))
  const { maxPhyOffset } = master
  catchUp(log, master.replication.log)
  test.equal(log.maxOffset, maxPhyOffset)
  test.ok(first.isStored())
})

t.test('a blank comes before the next file does', async (test) => {
  const { master, slave } = await pair(test)
  const { log } = slave.replication
  master.append(messageOfSize(3000))
  master.append(messageOfSize(3000))
  const bytes = bytesOf(master.replication.log, 0, master.maxPhyOffset)
  deliver(log, 0, bytes.subarray(0, FILE - 1), () => 500)
  test.equal(log.maxOffset, 3000)
  deliver(log, FILE - 1, bytes.subarray(FILE - 1, FILE), () => 1)
  test.equal(log.maxOffset, FILE, 'the file is full')
  test.equal(log.resumeOffset, 0, 'at the start of the last file, which is compared')
  test.equal(log.read(0, Buffer.alloc(2 * FILE)), FILE)
  log.cutBack()
  deliver(log, FILE, bytes.subarray(FILE), () => 500)
  test.equal(log.maxOffset, master.maxPhyOffset)
  test.equal(firstReadDifference(master, slave), undefined)
})

t.test('cutting back leaves nothing of what was no record yet', async (test) => {
  const backend = createMemoryBackend()
  const master = await openMaster(test, '/store', inMemory())
  const slave = await openSlave(test, '/store', { ports: { backend } })
  const { log } = slave.replication
  fill(master, 3)
  catchUp(log, master.replication.log)
  const end = log.maxOffset
  master.append(messageOfSize(800))
  deliver(log, end, bytesOf(master.replication.log, end, end + 799), () => 100)
  test.equal(log.maxOffset, end)
  log.cutBack()
  log.cutBack()
  const file = Buffer.alloc(FILE)
  const descriptor = backend.files.open(`/store/commitlog/${segmentName(0)}`, 'read')
  backend.files.read(descriptor, file, 0, FILE, 0)
  test.ok(file.subarray(end).every((byte) => byte === 0))
  catchUp(log, master.replication.log, () => 13)
  test.equal(firstReadDifference(master, slave), undefined)
})

t.test('a master that lost a message in the middle, and gives its number to another', async (test) => {
  const { master, slave } = await pair(test)
  const other = await openMaster(test, '/store', inMemory())
  const { log } = slave.replication
  const put = (store: MessageStore, queueId: number): number => {
    const result = store.append(message({ queueId, body: Buffer.from('as long as the others') }))
    return result.isStored() ? result.offset : -1
  }
  for (const queueId of [0, 1, 0]) put(master, queueId)
  const from = put(master, 1)
  catchUp(log, master.replication.log)
  // What the other one has where the third of these was is of no queue that the slave looks at here.
  for (const queueId of [0, 1, 2, 1]) put(other, queueId)
  const [ownOffset, otherOffset] = [log.maxOffset, put(other, 0)]
  // So far behind that it is not compared.
  const bytes = bytesOf(other.replication.log, from, other.maxPhyOffset)
  await test.rejects(async () => deliver(log, from, bytes, () => FILE), { code: 'ERR_DIVERGED', details: { ownOffset, otherOffset } })
  test.equal(log.maxOffset, ownOffset, 'it is no part of the log')
  log.cutBack()
  test.equal(firstReadDifference(master, slave), undefined)
})

t.test('two logs that are not one', async (test) => {
  const { master, slave } = await pair(test)
  const { log } = slave.replication
  fill(master, 12)
  catchUp(log, master.replication.log)
  const other = await openMaster(test, '/store', inMemory())
  fill(other, 11)
  other.append(message({ queueId: 2, body: Buffer.from('another one') }))
  fill(other, 20, 12)
  const from = log.resumeOffset
  const before = firstReadDifference(master, slave)
  const ownOffset = log.maxOffset
  let error: StoreError | undefined
  try {
    deliver(log, from, bytesOf(other.replication.log, from, other.maxPhyOffset), () => 60)
  } catch (caught) {
    error = caught as StoreError
  }
  test.equal(error?.code, 'ERR_DIVERGED')
  test.equal(error?.details.ownOffset, ownOffset)
  test.ok(error!.details.otherOffset! >= from && error!.details.otherOffset! < ownOffset, 'the first byte that differs')
  test.equal(log.maxOffset, ownOffset, 'nothing was cut')
  test.equal(firstReadDifference(master, slave), before)
  test.equal(await codeOf(() => log.append(log.maxOffset + 1, Buffer.alloc(1))), 'ERR_DIVERGED', 'nor is a gap left')
})

t.test('only a slave takes bytes, and only while it is open', async (test) => {
  const { master, slave } = await pair(test)
  test.equal(await codeOf(() => master.replication.log.append(0, Buffer.alloc(1))), 'ERR_NOT_A_SLAVE')
  const { log } = slave.replication
  await slave.close()
  test.equal(await codeOf(() => log.append(0, Buffer.alloc(1))), 'ERR_STORE_CLOSED')
})

t.test('a slave that lacks room goes on once there is some', async (test) => {
  const backend = createMemoryBackend()
  let isFull = false
  const full = (): never => {
    throw new StoreError('ERR_DISK_FULL', 'no room', { file: 'next' })
  }
  const limited = withFiles(backend, {
    reserve: (descriptor, length) => (isFull ? full() : backend.files.reserve(descriptor, length)),
    reserveAsync: async (descriptor, length) => (isFull ? full() : backend.files.reserveAsync(descriptor, length)),
  })
  const own = createMemoryBackend()
  const master = await openMaster(test, '/store', { ports: { backend: own } })
  const slave = await openSlave(test, '/store', { ports: { backend: limited } })
  fill(master, 30)
  const { log } = slave.replication
  deliver(log, 0, bytesOf(master.replication.log, 0, 1000), () => 1000)
  isFull = true
  test.equal(await codeOf(() => catchUp(log, master.replication.log)), 'ERR_DISK_FULL')
  test.equal(log.maxOffset, FILE, 'what there was room for is there')
  test.equal(await codeOf(() => catchUp(log, master.replication.log)), 'ERR_DISK_FULL')
  test.equal(slave.failure, undefined)
  isFull = false
  test.same(catchUp(log, master.replication.log), [])
  test.equal(firstReadDifference(master, slave), undefined)
  await master.close()
  await slave.close()
  test.equal(firstDifferenceInMemory(own, backend), undefined)
})

t.test('what was taken is flushed, and survives a kill', async (test) => {
  const directory = temporaryDirectory(test)
  const master = await openMaster(test, '/store', inMemory())
  const slave = await openSlave(test, `${directory}/slave`)
  fill(master, 25)
  const { log } = slave.replication
  catchUp(log, master.replication.log, () => 600)
  const { maxOffset } = log
  await log.flush(maxOffset)
  test.equal(log.flushedOffset, maxOffset)
  master.append(messageOfSize(900))
  deliver(log, maxOffset, bytesOf(master.replication.log, maxOffset, maxOffset + 500), () => 500)
  const again = await openSlave(test, copyAsIfKilled(`${directory}/slave`, `${directory}/killed`))
  test.equal(again.maxPhyOffset, maxOffset, 'but for what was no record yet')
  test.same(again.recovery.damage, [])
  catchUp(again.replication.log, master.replication.log)
  test.equal(firstReadDifference(master, again), undefined)
})

