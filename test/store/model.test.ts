import fc from 'fast-check'
import { join } from 'node:path'
import t from 'tap'
import { MessageStore, type Message, type OpenOptions, type StoreOptions } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { selectBackend } from '../../lib/storage/backend'
import type { Backend } from '../../lib/storage/ports'
import { Model, type ModelInput } from './model'
import { START, StillClock, smallFiles } from './support'

/*
 * The story: nobody thinks of all the ways in which puts, gets, closes and crashes follow each other. So they are
 * drawn at random, in stores so small that every few messages roll a segment, a queue file or an index file, and
 * after each step the store is held against a model that keeps everything in arrays.
 *
 * A failure prints the seed and path of fast-check: give them to fc.assert as { seed, path } to see it again.
 * MODEL_RUNS=5000 in the environment looks longer.
 *
 * Not proved here: what a power cut leaves (the copy of a live directory is what a kill leaves), sizes of real
 * stores, clocks that go back, and 4.9's offset by time.
 */

const RUNS_IN_MEMORY = Number(process.env['MODEL_RUNS'] ?? 300)
const RUNS_ON_DISK = Number(process.env['MODEL_RUNS'] ?? 40)

t.setTimeout(120_000)

const topics = ['a', 'orders', '%RETRY%group', 't'.repeat(100)]
const queueIds = [0, 1, 7]
const tags = [undefined, 'TagA', 'Aa', 'BB', '标签']
const keys = ['k1', 'k2', 'k3', 'k1 k2', ' k3  k1', '']

const place = { topic: fc.constantFrom(...topics), queueId: fc.constantFrom(...queueIds) }
const content = fc.record({
  bodyLength: fc.oneof({ weight: 5, arbitrary: fc.nat({ max: 60 }) }, { weight: 1, arbitrary: fc.nat({ max: 600 }) }),
  tag: fc.constantFrom(...tags),
  key: fc.constantFrom(...keys),
  hasUniqueKey: fc.boolean(),
})
type Content = typeof content extends fc.Arbitrary<infer Value> ? Value : never

const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('append' as const), ...place, content, sysFlag: fc.constantFrom(0, 0, 0, 4, 8, 12), waits: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('batch' as const), ...place, contents: fc.array(content, { minLength: 1, maxLength: 5 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('get' as const), ...place, offset: fc.integer({ min: -1, max: 40 }), maxMessages: fc.integer({ min: 1, max: 40 }),
      maxBytes: fc.constantFrom(undefined, 1, 300, 1000), tag: fc.constantFrom(...tags),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('query' as const), topic: place.topic, key: fc.constantFrom('k1', 'k2', 'k3', 'u1', 'u5', 'none'), max: fc.integer({ min: 1, max: 70 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const), ...place, seconds: fc.integer({ min: -1, max: 60 }), boundary: fc.constantFrom('lower' as const, 'upper' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lookup' as const), at: fc.nat({ max: 1000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), segments: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compare' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

/** A failure is made smaller, but not for minutes: a smaller one may still be found by its seed and path. */
const steps = fc.limitShrink(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), 150)

function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${what}: ${left} instead of ${right}`)
}

/** A store and its model, which go through the same steps. */
class Pair {
  readonly #backend: Backend
  readonly #options: StoreOptions
  readonly #model: Model
  readonly #clock = new StillClock()
  #directory: string
  #store!: MessageStore
  #uniqueKeys = 0
  #copies = 0

  constructor(backend: Backend, directory: string, options: StoreOptions) {
    this.#backend = backend
    this.#directory = directory
    this.#options = { ...smallFiles, maxTransferCountOnMessageInMemory: 9, maxTransferBytesOnMessageInMemory: 2000, maxIndexNum: 12, ...options }
    this.#model = new Model({
      compatibility: options.compatibility ?? '5.3', segmentSize: smallFiles.mappedFileSizeCommitLog,
      entriesPerFile: smallFiles.mappedFileSizeConsumeQueue / 20, transferCountMax: 9, transferBytesMax: 2000,
    })
  }

  async open(): Promise<void> {
    const more = { clock: this.#clock, ports: { backend: this.#backend } }
    this.#store = await MessageStore.open(this.#directory, { ...this.#options, ...more } as OpenOptions)
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async run(step: Step): Promise<void> {
    const store = this.#store
    switch (step.do) {
      case 'append': {
        const input = this.#input(step, step.content, step.sysFlag)
        const [expected] = this.#model.append([input], this.#clock.now())
        const message: Message = { ...input, body: Buffer.from(input.body) }
        const result = step.waits ? await store.put(message) : store.append(message)
        const { status, offset, bytes, queueOffset, storeTimestamp } = result
        expectEqual(
          { status, offset, bytes, queueOffset, storeTimestamp },
          { status: 'PUT_OK', offset: expected.offset, bytes: expected.size, queueOffset: Math.max(0, expected.queueOffset), storeTimestamp: expected.storeTimestamp },
          'append',
        )
        return
      }
      case 'batch': {
        const inputs = step.contents.map((content) => this.#input(step, content, 0))
        const expected = this.#model.append(inputs, this.#clock.now())
        const messages = inputs.map(({ body, properties }) => ({ body: Buffer.from(body), properties }))
        const { status, offset, queueOffset, messageCount } = store.appendBatch({ topic: step.topic, queueId: step.queueId, messages })
        expectEqual(
          { status, offset, queueOffset, messageCount },
          { status: 'PUT_OK', offset: expected[0].offset, queueOffset: expected[0].queueOffset, messageCount: inputs.length }, 'batch',
        )
        return
      }
      case 'get': {
        await this.#show()
        const { topic, queueId, offset, maxMessages, maxBytes, tag } = step
        const result = store.get({ topic, queueId, offset, maxMessages, maxBytes, filter: tag })
        const { status, nextBeginOffset, minOffset, maxOffset, commitLogOffsets: offsets } = result
        const expected = this.#model.get(topic, queueId, offset, maxMessages, maxBytes ?? 128 << 20, tag)
        expectEqual({ status, nextBeginOffset, minOffset, maxOffset, offsets }, expected, 'get')
        return
      }
      case 'query': {
        await this.#show()
        const { commitLogOffsets, messages } = store.query({ topic: step.topic, key: step.key, max: step.max })
        expectEqual(commitLogOffsets, this.#model.query(step.topic, step.key, Math.min(64, step.max)), `query ${step.topic}#${step.key}`)
        expectEqual(messages.map(({ commitLogOffset }) => commitLogOffset), commitLogOffsets, 'messages of the query')
        return
      }
      case 'time': {
        if (this.#options.compatibility === '4.9') return
        await this.#show()
        const { topic, queueId, seconds, boundary } = step
        const timestamp = START + seconds * 1000
        const expected = this.#model.offsetByTime(topic, queueId, timestamp, boundary)
        expectEqual(store.offsetByTime({ topic, queueId, timestamp, boundary }), Math.max(0, expected), 'offset by time')
        return
      }
      case 'lookup': {
        await this.#show()
        const expected = this.#model.messages[step.at % Math.max(1, this.#model.messages.length)]
        if (expected === undefined) return
        const found = store.lookup(expected.offset)
        expectEqual(found?.body.toString(), expected.offset < this.#model.minPhyOffset ? undefined : expected.body, `lookup ${expected.offset}`)
        return
      }
      case 'wait': return this.#clock.advance(step.seconds * 1000)
      case 'flush': return store.flush()
      case 'reopen': {
        await store.close()
        return this.open()
      }
      case 'kill': {
        // The copy is made while the store is open, as a kill would leave it.
        const copy = `${this.#directory.replace(/-\d+$/, '')}-${this.#copies++}`
        copyTree(this.#backend, this.#directory, copy)
        await store.close()
        this.#directory = copy
        return this.open()
      }
      case 'expire': return this.#expire(step.segments)
      case 'compare': return this.compare()
    }
  }

  /** Everything that can be read is what the model holds. */
  async compare(): Promise<void> {
    await this.#show()
    const store = this.#store
    expectEqual([store.minPhyOffset, store.maxPhyOffset], [this.#model.minPhyOffset, this.#model.maxPhyOffset], 'bounds of the log')
    const sorted = <Queue extends { topic: string; queueId: number }>(queues: Queue[]): Queue[] =>
      queues.sort((left, right) => (left.topic < right.topic ? -1 : left.topic > right.topic ? 1 : left.queueId - right.queueId))
    const queues = sorted(this.#model.queues())
    expectEqual(sorted(store.queues().filter(({ maxOffset }) => maxOffset > 0)), queues, 'queues')
    for (const { topic, queueId, minOffset } of queues) {
      const read: string[] = []
      for await (const message of store.read({ topic, queueId, offset: minOffset, follow: false })) {
        read.push(`${message.queueOffset} ${message.commitLogOffset} ${message.tags} ${message.storeTimestamp} ${message.body.toString()}`)
      }
      const expected = this.#model.queue(topic, queueId).slice(minOffset)
      expectEqual(
        read, expected.map((one) => `${one.queueOffset} ${one.offset} ${one.tags} ${one.storeTimestamp} ${one.body}`), `${topic}/${queueId}`,
      )
    }
    for (const name of this.#model.index.keys()) {
      const at = name.indexOf('#')
      const [topic, key] = [name.slice(0, at), name.slice(at + 1)]
      expectEqual(store.query({ topic, key, max: 64 }).commitLogOffsets, this.#model.query(topic, key, 64), `query ${name}`)
    }
  }

  /** Under SYNC_FLUSH a message is seen once it is flushed. */
  async #show(): Promise<void> {
    if (this.#store.visibleOffset < this.#store.maxPhyOffset) await this.#store.flush()
    expectEqual(this.#store.visibleOffset, this.#model.maxPhyOffset, 'visible')
  }

  #input({ topic, queueId }: { topic: string; queueId: number }, { bodyLength, tag, key, hasUniqueKey }: Content, sysFlag: number): ModelInput {
    const properties: Record<string, string> = {}
    if (tag !== undefined) properties['TAGS'] = tag
    if (key !== '') properties['KEYS'] = key
    if (hasUniqueKey) properties['UNIQ_KEY'] = `u${this.#uniqueKeys++}`
    return { topic, queueId, sysFlag, properties, body: 'b'.repeat(bodyLength) }
  }

  async #expire(segments: number): Promise<void> {
    await this.#store.close()
    const { files } = this.#backend
    const log = join(this.#directory, 'commitlog')
    const names = (files.list(log) ?? []).slice(0, -1).slice(0, segments)
    for (const name of names) files.remove(join(log, name))
    if (names.length > 0) this.#model.dropBefore(Number(names[names.length - 1]) + smallFiles.mappedFileSizeCommitLog)
    await this.open()
  }
}

function copyTree({ files }: Backend, from: string, to: string): void {
  files.makeDirectory(to)
  for (const name of files.list(from) ?? []) {
    const [source, target] = [join(from, name), join(to, name)]
    const status = files.status(source)!
    if (status.isDirectory) {
      copyTree({ files } as Backend, source, target)
      continue
    }
    const bytes = Buffer.alloc(status.size)
    const input = files.open(source, 'read')
    files.read(input, bytes, 0, bytes.length, 0)
    files.close(input)
    const output = files.open(target, 'create')
    files.write(output, bytes, 0, bytes.length, 0)
    files.close(output)
    files.setModifiedTime(target, status.modifiedTime)
  }
}

const variants: StoreOptions[] = [
  { compatibility: '5.3' },
  { compatibility: '4.9' },
  { compatibility: '5.3', flushDiskType: 'SYNC_FLUSH' },
]

for (const options of variants) {
  for (const { where, runs } of [{ where: 'memory', runs: RUNS_IN_MEMORY }, { where: 'disk', runs: RUNS_ON_DISK }]) {
    t.test(`${Object.values(options).join(', ')}: ${runs} runs in ${where}`, async (test) => {
      const root = where === 'disk' ? test.testdir() : '/'
      let run = 0
      await fc.assert(fc.asyncProperty(steps, async (drawn) => {
        const backend = where === 'disk' ? selectBackend('auto') : createMemoryBackend()
        const pair = new Pair(backend, join(root, `run${run++}`), options)
        await pair.open()
        try {
          for (const each of drawn) await pair.run(each)
          await pair.compare()
          await pair.run({ do: 'kill' })
          await pair.compare()
          await pair.run({ do: 'reopen' })
          await pair.compare()
        } finally {
          await pair.close().catch(() => {})
        }
      }), { numRuns: runs, includeErrorInReport: true })
      test.pass(`${run} stores were as the model`)
    })
  }
}
