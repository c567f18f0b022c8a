import fc from 'fast-check'
import { join } from 'node:path'
import t from 'tap'
import { ConsumeQueues } from '../../lib/consume-queue/consume-queues'
import { RecordFinder } from '../../lib/dispatch/found-record'
import { RecordDispatch } from '../../lib/dispatch/record-dispatch'
import { encodeHost } from '../../lib/format/host'
import { MAGIC_V1 } from '../../lib/format/record'
import { IndexFiles } from '../../lib/index-file/index-files'
import { selectBackend } from '../../lib/storage/backend'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Backend, Mapping, RecordScan } from '../../lib/storage/ports'
import type { RecordRows } from '../../lib/storage/record-rows'
import { makeRecord } from '../support/encoded-record'
import { withMapped } from '../support/mapped-file'

/*
 * The story: recovery gives the records of a block their places all at once where each follows the one before it in its queue. Queues and
 * index are then what they are when the same records come one by one, whatever stands between them and whatever was there before.
 */

const native = selectBackend('auto')
const skip = native.recordScan === undefined && 'this backend looks at each record by itself'

const queues = [['orders', 0], ['orders', 1], ['主题', 0], ['Aa', 7], ['BB', 7], ['a/b', 0]] as const
const properties = ['TAGS\u0001TagA\u0002', 'KEYS\u0001k1\u0002', 'UNIQ_KEY\u0001u\u0002', 'TAGS\u0001a\u0002KEYS\u0001k1\u0002UNIQ_KEY\u0001u2\u0002', '']
const oddProperties = ['KEYS\u0001k1 k2\u0002', 'DELAY\u00013\u0002', 'TAGS\u0001标签\u0002', 'KEYS\u0001\u0002']
const mostly = <Value>(usual: fc.Arbitrary<Value>, odd: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 100, arbitrary: usual }, { weight: 1, arbitrary: odd })

const log = fc.record({
  records: fc.array(fc.record({
    queue: mostly(fc.nat(1), fc.integer({ min: 2, max: queues.length - 1 })),
    // Beside the number that its queue counts on.
    surplus: mostly(fc.constant(0), fc.integer({ min: -3, max: 3 })),
    sysFlag: mostly(fc.constantFrom(0, 8), fc.constantFrom(4, 12)),
    properties: mostly(fc.constantFrom(...properties), fc.constantFrom(...oddProperties)),
  }), { minLength: 1, maxLength: 60, size: 'max' }),
  logOffset: fc.constantFrom(0, 2 ** 40),
  /** Bytes of a block. */
  block: fc.integer({ min: 100, max: 2000 }),
  /** Who has the records of the first block already. */
  known: fc.constantFrom('nobody', 'all', 'index'),
  /** A queue has an entry that leads behind all of them. */
  isAhead: mostly(fc.constant(false), fc.constant(true)),
  deletedUpTo: mostly(fc.constant(0), fc.nat(3000)),
  mayBegin: fc.boolean(),
  entries: fc.constantFrom(6, 1000, 1000),
})
type RandomLog = typeof log extends fc.Arbitrary<infer Value> ? Value : never

const host = encodeHost('10.0.0.1:1')

function encode({ records, logOffset }: RandomLog): Buffer {
  const next = queues.map(() => 0)
  const parts: Buffer[] = []
  let position = 0
  for (const [number, { queue, surplus, sysFlag, properties: encoded }] of records.entries()) {
    const [topic, queueId] = queues[queue]!
    const isQueued = sysFlag === 0 || sysFlag === 8
    const bytes = makeRecord({
      topic: Buffer.from(topic), queueId, sysFlag, magic: MAGIC_V1, body: Buffer.alloc(0), bornHost: host, storeHost: host, storeTimestamp: 1000 + number * 700,
      queueOffset: isQueued ? next[queue]! + surplus : 0, physicalOffset: logOffset + position, properties: Buffer.from(encoded),
    })
    if (isQueued) next[queue]! += surplus === 0 ? 1 : 0
    parts.push(bytes)
    position += bytes.length
  }
  return Buffer.concat(parts)
}

const delayLevels = [1000, 2000, 3000]

function queuesOn({ files }: Backend): ConsumeQueues {
  return new ConsumeQueues({ files, directory: '/consumequeue', fileSize: 400, readOnly: false, warn: () => undefined })
}

/** Queues and index of a store that is being recovered. */
class Derived {
  readonly queues: ConsumeQueues
  readonly index: IndexFiles
  readonly dispatch: RecordDispatch
  readonly finder: RecordFinder
  readonly backend: Backend = { ...createMemoryBackend(), ...(native.chainEntries && { chainEntries: native.chainEntries }) }

  constructor({ entries, deletedUpTo, logOffset, isAhead }: RandomLog) {
    const { backend } = this
    this.queues = queuesOn(backend)
    if (isAhead) this.queues.findOrCreate(this.queues.topics.findOrAdd('orders'), 0).append(logOffset + 2 ** 20, 100, 0)
    if (deletedUpTo > 0) this.queues.setDeleted({ topic: 'orders', queueId: 1, upTo: logOffset + deletedUpTo })
    let now = 0
    const clock = { now: () => ++now, startTimer: () => () => undefined }
    this.index = new IndexFiles({ backend, clock, directory: '/index', geometry: { slots: 5, entries }, readOnly: false, warn: () => undefined })
    this.dispatch = new RecordDispatch(this.queues, this.index, delayLevels)
    this.finder = new RecordFinder(this.queues)
  }

  /** As if the queues had been lost since. */
  putInIndex(rows: RecordRows, mapping: Mapping, { logOffset }: RandomLog): void {
    const queues = queuesOn(createMemoryBackend())
    const dispatch = new RecordDispatch(queues, this.index, delayLevels)
    const finder = new RecordFinder(queues)
    for (let row = 0; row < rows.count; row++) dispatch.found(finder.inRows(rows, row, mapping, logOffset), true)
  }

  /** @returns false where the scan ends */
  oneByOne(rows: RecordRows, mapping: Mapping, { logOffset, mayBegin }: RandomLog): boolean {
    for (let row = 0; row < rows.count; row++) {
      if (!this.dispatch.found(this.finder.inRows(rows, row, mapping, logOffset), mayBegin)) return false
    }
    return true
  }

  allAtOnce(rows: RecordRows, mapping: Mapping): boolean {
    return this.dispatch.foundAll(rows.runs, (run) => this.finder.placeOf(rows, rows.runs.row(run), mapping))
  }

  /** Everything that can be seen, and all bytes of the files. */
  facts(): unknown {
    const places = [...this.queues].map((queue) => {
      const { topic, queueId, maxOffset, logEnd, madeFrom, logBegin, isBegunAnew } = queue
      const entries = Array.from({ length: maxOffset }, (_, index) => [queue.entryAt(index), queue.tagsCodeAt(index)])
      return { topic, queueId, maxOffset, logEnd, madeFrom, logBegin, isBegunAnew, entries }
    })
    const deleted = [...this.queues.deletedQueues()]
    this.queues.write()
    this.index.finish()
    const paths = ['/index', ...places.map(({ topic, queueId }) => `/consumequeue/${topic}/${queueId}`)]
    return { places, deleted, covered: this.index.coveredOffset, files: paths.flatMap((path) => this.contents(path)) }
  }

  private contents(directory: string): unknown[] {
    const { files } = this.backend
    return (files.list(directory) ?? []).map((name) => {
      const descriptor = files.open(join(directory, name), 'read')
      const bytes = Buffer.alloc(files.statusOf(descriptor).size)
      files.read(descriptor, bytes, 0, bytes.length, 0)
      files.close(descriptor)
      return [name, bytes.toString('hex')]
    })
  }
}

t.test('records of a block all at once, and one by one', { skip }, async (t) => {
  const directory = t.testdir()
  let atOnce = 0
  let refused = 0
  await fc.assert(fc.asyncProperty(log, async (random) => {
    const content = encode(random)
    await withMapped(native, directory, content, async (mapping) => {
      const scan: RecordScan = native.recordScan!(true)
      const [some, each] = [new Derived(random), new Derived(random)]
      let goOn = true
      for (let position = 0; goOn && position < content.length; ) {
        const rows = await scan.scan(mapping, position, Math.min(position + random.block, content.length), random.logOffset)
        const last = rows.count - 1
        for (const derived of position === 0 ? [some, each] : []) {
          if (random.known === 'all') derived.oneByOne(rows, mapping, random)
          if (random.known === 'index') derived.putInIndex(rows, mapping, random)
        }
        const isDone = some.allAtOnce(rows, mapping)
        if (isDone) atOnce += rows.count
        else refused++
        goOn = each.oneByOne(rows, mapping, random)
        if (isDone && !goOn) throw new Error('a record that needs earlier ones was taken')
        if (!isDone) some.oneByOne(rows, mapping, random)
        position = rows.position(last) + rows.size(last)
      }
      const [left, right] = [JSON.stringify(some.facts()), JSON.stringify(each.facts())]
      if (left !== right) throw new Error(`all at once ${left}\none by one ${right}`)
    })
  }), { numRuns: 1000 })
  t.ok(atOnce > 5000, `${atOnce} records at once`)
  t.ok(refused > 1000, `${refused} blocks one by one`)
})

t.test('more queues in a block than there is room for', { skip }, async (t) => {
  const directory = t.testdir()
  for (const [count, isGathered] of [[4096, true], [4097, false]] as const) {
    let position = 0
    const content = Buffer.concat(Array.from({ length: count }, (_, queueId) => {
      const bytes = makeRecord({ topic: Buffer.from('orders'), queueId, magic: MAGIC_V1, bornHost: host, storeHost: host, storeTimestamp: 1, physicalOffset: position })
      position += bytes.length
      return bytes
    }))
    await withMapped(native, directory, content, async (mapping) => {
      const rows = await native.recordScan!(true).scan(mapping, 0, content.length, 0)
      t.equal(rows.count, count)
      t.equal(rows.runs.count, isGathered ? count : 0, `${count} queues`)
    })
  }
})
