import t from 'tap'
import { StoreError, type MessageStore } from '../../lib/index'
import { segmentName } from '../../lib/format/file-name'
import { selectBackend } from '../../lib/storage/backend'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Backend } from '../../lib/storage/ports'
import { codeOf, message, messageOfSize, names, openStore, recordLength, withFiles } from '../store/support'

/*
 * The story: where a segment ends is part of the format. A record may leave exactly the eight bytes of the blank
 * record, never seven; one that does not fit goes to the next file, and a batch goes there whole. A reader that
 * meets anything else takes the log for damaged.
 *
 * Not proved here: that the next segment is ready in time (test/storage), and full disks.
 */

const SEGMENT = 4096

interface Bench {
  store: MessageStore
  backend: Backend
  rolls: number[]
  bytes(offset: number, length: number): Buffer
}

async function openBench(test: Parameters<typeof openStore>[0], options = {}): Promise<Bench> {
  const backend = createMemoryBackend()
  const store = await openStore(test, '/store', { mappedFileSizeCommitLog: SEGMENT, ...options, ports: { backend } })
  const rolls: number[] = []
  store.on('roll', ({ file, fromOffset }) => {
    test.equal(file, `/store/commitlog/${segmentName(fromOffset)}`)
    rolls.push(fromOffset)
  })
  const bytes = (offset: number, length: number): Buffer => {
    const from = offset - (offset % SEGMENT)
    const descriptor = backend.files.open(`/store/commitlog/${segmentName(from)}`, 'read')
    const target = Buffer.alloc(length)
    backend.files.read(descriptor, target, 0, length, offset - from)
    backend.files.close(descriptor)
    return target
  }
  return { store, backend, rolls, bytes }
}

for (const compatibility of ['4.9', '5.3'] as const) {
  t.test(`${compatibility}: exactly eight bytes remain`, async (test) => {
    const { store, rolls, bytes } = await openBench(test, { compatibility })
    test.equal(store.append(messageOfSize(1000)).offset, 0)
    test.equal(store.append(messageOfSize(SEGMENT - 8 - 1000)).offset, 1000, 'it fits')
    test.equal(store.maxPhyOffset, SEGMENT - 8)
    test.same(rolls, [0])
    test.equal(store.append(messageOfSize(200)).offset, SEGMENT, 'the next one does not')
    test.same(rolls, [0, SEGMENT])
    test.equal(bytes(SEGMENT - 8, 8).toString('hex'), '00000008cbd43194', 'the blank record fills it')
  })

  t.test(`${compatibility}: seven bytes would remain`, async (test) => {
    const { store, bytes } = await openBench(test, { compatibility })
    store.append(messageOfSize(1000))
    test.equal(store.append(messageOfSize(SEGMENT - 7 - 1000)).offset, SEGMENT)
    test.equal(bytes(1000, 8).toString('hex'), '00000c18cbd43194', '4096 - 1000 bytes of blank')
    test.ok(bytes(1008, SEGMENT - 1008).every((byte) => byte === 0), 'and nothing behind it')
  })

  t.test(`${compatibility}: a record as large as a segment takes`, async (test) => {
    const { store } = await openBench(test, { compatibility })
    test.equal(store.append(messageOfSize(SEGMENT - 8)).offset, 0)
    test.equal(store.append(messageOfSize(SEGMENT - 8)).offset, SEGMENT)
    test.equal(store.append(messageOfSize(SEGMENT - 7)).status, 'MESSAGE_ILLEGAL')
    test.equal(store.maxPhyOffset, 2 * SEGMENT - 8, 'no empty segment is left behind, as the engine would')
  })

  t.test(`${compatibility}: a batch moves whole`, async (test) => {
    const { store, bytes } = await openBench(test, { compatibility })
    store.append(messageOfSize(SEGMENT - 8 - 3 * 300 + 1))
    const messages = [300, 300, 300].map((size) => ({ body: messageOfSize(size).body }))
    const result = store.appendBatch({ topic: 'orders', messages })
    test.equal(result.offset, SEGMENT, 'two would have fitted, the third not')
    test.equal(result.bytes, 900)
    test.equal(bytes(SEGMENT - 907, 8).toString('hex'), '0000038bcbd43194')
    test.same(store.get({ topic: 'orders', queueId: 0, offset: 1 }).commitLogOffsets, [SEGMENT, SEGMENT + 300, SEGMENT + 600])
  })

  t.test(`${compatibility}: a batch that just fits stays`, async (test) => {
    const { store } = await openBench(test, { compatibility })
    store.append(messageOfSize(SEGMENT - 8 - 900))
    const messages = [300, 300, 300].map((size) => ({ body: messageOfSize(size).body }))
    test.equal(store.appendBatch({ topic: 'orders', messages }).offset, SEGMENT - 908)
    test.equal(store.maxPhyOffset, SEGMENT - 8)
  })
}

t.test('the record as the format says, with what each version makes of the properties', async (test) => {
  for (const { compatibility, properties } of [
    { compatibility: '4.9', properties: 'TAGS\u0001a\u0002KEYS\u0001k' },
    { compatibility: '5.3', properties: 'TAGS\u0001a\u0002KEYS\u0001k\u0002' },
  ] as const) {
    const { store, bytes } = await openBench(test, { compatibility })
    const { bytes: length } = store.append(message({ properties: { TAGS: 'a', KEYS: 'k' } }))
    test.equal(length, recordLength('orders', 4, properties.length))
    test.equal(bytes(0, length).toString('utf8', length - properties.length), properties)
    test.equal(bytes(0, length).readInt16BE(length - properties.length - 2), properties.length)
  }
})

t.test('with a CRC over each record', async (test) => {
  const { store, backend } = await openBench(test, { enabledAppendPropCRC: true })
  const given: (Record<string, string> | undefined)[] = [undefined, { a: '1' }, { a: '1', '__CRC32#': 'forged' }]
  for (const properties of given) {
    const { offset } = store.append(message({ properties }))
    const stored = store.lookup(offset)!
    const digits = stored.properties['__CRC32#'].split('').reverse().join('')
    const covered = stored.bytes.subarray(0, stored.storeSize - 20)
    test.equal(Number(digits), backend.crc32(covered, 0, covered.length) & 0x7fffffff, JSON.stringify(properties))
    test.equal(stored.properties['a'], properties?.a)
  }
})

t.test('times and flags', async (test) => {
  const { store } = await openBench(test)
  const first = store.lookup(store.append(message()).offset)!
  test.equal(first.bornTimestamp, first.storeTimestamp, 'born now, when nobody says')
  test.same([first.bornHost, first.storeHost, first.flag, first.sysFlag, first.reconsumeTimes], ['127.0.0.1:0', '127.0.0.1:0', 0, 0, 0])
  const { offset } = store.append(message({ sysFlag: 0x31, bornHost: '10.0.0.1:2', storeHost: '[::1]:3' }))
  test.equal(store.lookup(offset)!.sysFlag, 0x21, 'the hosts say of which family they are')
})

t.test('a segment prepared ahead that can neither be finished nor removed', async (test) => {
  const directory = test.testdir()
  const real = selectBackend('auto')
  const busy = new StoreError('ERR_IO', 'the disk does not take it', { reason: 'EIO' })
  const isNext = (path: string): boolean => path.endsWith('4096')
  const backend = withFiles(real, {
    reserveAsync: () => Promise.reject(busy),
    remove: (path) => {
      if (isNext(path)) throw busy
      real.files.remove(path)
    },
  })
  const store = await openStore(test, directory, { ports: { backend } })
  const warnings: string[] = []
  store.on('warning', ({ message: text }) => warnings.push(text))
  store.append(messageOfSize(3000))
  await new Promise((resume) => setImmediate(resume))
  test.match(warnings, [/cannot be removed: the disk does not take it/, /cannot be prepared: the disk does not take it/], 'is a warning, not the end of the process')
  test.ok(store.append(message()).isStored(), 'what fits the segment in use is taken')
})

t.test('a segment that cannot be made leaves nothing behind', async (test) => {
  const directory = test.testdir()
  const real = selectBackend('auto')
  let isFull = false
  const backend = withFiles(real, {
    truncate: (descriptor, length) => {
      if (isFull) throw new StoreError('ERR_DISK_FULL', 'no room', {})
      real.files.truncate(descriptor, length)
    },
  })
  const store = await openStore(test, directory, { ports: { backend } })
  isFull = true
  test.equal(await codeOf(() => store.append(message())), 'ERR_DISK_FULL')
  test.same(names(directory, 'commitlog'), [])
  isFull = false
  test.ok(store.append(message()).isStored(), 'and writing goes on once there is room')
})
