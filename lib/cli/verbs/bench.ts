import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { MessageStore } from '../../store'
import type { OpenOptions } from '../../types'
import { ExitCode } from '../exit-code'
import type { Verb } from '../verb'

/** Milliseconds that each measurement takes. */
const DURATION = 1000
/** What one measurement writes at most, in bytes. */
const BYTES_MAX = 256 << 20
/** Messages between two turns of the event loop, which flushes need. */
const TURN = 1000
const PULLED = 32
const QUEUES = 4
const TOPIC = 'bench'

interface Rate {
  name: string
  /** What is counted. */
  unit: string
  count: number
  perSecond: number
}

export const bench: Verb = {
  name: 'bench',
  operands: '[DIR]',
  summary:
    'Measures append, synchronous put, pull and query on this machine. Works in a directory of its own beside DIR, or among the ' +
    'temporary ones, and removes it; never touches a store.',
  options: [{ name: 'json', description: 'prints NDJSON, one line a measurement' }],
  example: 'mqstore bench /data/store',
  async run({ terminal, output, arguments: given, openOptions }) {
    const interrupt = terminal.catchInterrupt()
    const beside = given.positionals[0]
    const directory = await mkdtemp(join(beside === undefined ? tmpdir() : dirname(resolve(beside)), 'mqstore-bench-'))
    try {
      if (!given.has('json')) await output.line(`${'measured'.padEnd(28)}${'per second'.padStart(12)}`)
      for await (const rate of measureAll(directory, openOptions, interrupt)) {
        if (given.has('json')) await output.json({ ...rate, perSecond: Math.round(rate.perSecond) })
        else await output.line(`${rate.name.padEnd(28)}${Math.round(rate.perSecond).toLocaleString('en').padStart(12)} ${rate.unit}`)
        await output.flush()
      }
      return interrupt.aborted ? ExitCode.findings : ExitCode.fine
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
}

async function* measureAll(directory: string, open: OpenOptions, interrupt: AbortSignal): AsyncGenerator<Rate> {
  const shared: OpenOptions = { mappedFileSizeCommitLog: 64 << 20, maxHashSlotNum: 500_000, maxIndexNum: 2_000_000, ...open, readOnly: false }
  const inStore = async (name: string, options: OpenOptions, measure: (store: MessageStore) => Promise<Rate[]>): Promise<Rate[]> => {
    if (interrupt.aborted) return []
    const store = await MessageStore.open(join(directory, name), { ...shared, ...options })
    try {
      return await measure(store)
    } finally {
      await store.close()
    }
  }
  const append = (bytes: number) => async (store: MessageStore) => [await measureAppend(store, bytes, interrupt)]
  yield* await inStore('append-128', { flushDiskType: 'ASYNC_FLUSH' }, append(128))
  yield* await inStore('append-1024', { flushDiskType: 'ASYNC_FLUSH' }, append(1024))
  for (const inFlight of [1, 64]) {
    yield* await inStore(`put-${inFlight}`, { flushDiskType: 'SYNC_FLUSH' }, async (store) => [await measurePut(store, inFlight, interrupt)])
  }
  yield* await inStore('read', { flushDiskType: 'ASYNC_FLUSH' }, async (store) => {
    const keys = await fill(store)
    return [await measurePull(store, interrupt), await measureQuery(store, keys, interrupt)]
  })
}

async function measureAppend(store: MessageStore, bytes: number, interrupt: AbortSignal): Promise<Rate> {
  const body = Buffer.alloc(bytes, 'x')
  return measure(`append, ${bytes} bytes`, 'messages', interrupt, (count) => {
    store.append({ topic: TOPIC, queueId: count % QUEUES, body })
    return (count + 1) * bytes < BYTES_MAX ? 1 : -1
  })
}

async function measurePut(store: MessageStore, inFlight: number, interrupt: AbortSignal): Promise<Rate> {
  const body = Buffer.alloc(128, 'x')
  const started = performance.now()
  let count = 0
  const putAll = async (): Promise<void> => {
    while (performance.now() - started < DURATION && !interrupt.aborted) {
      await store.put({ topic: TOPIC, queueId: count % QUEUES, body })
      count++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, putAll))
  return rateOf(`sync put, ${inFlight} in flight`, 'messages', count, started)
}

/** @returns how many messages, each with a key that is its number */
async function fill(store: MessageStore): Promise<number> {
  const body = Buffer.alloc(1024, 'x')
  const messages = 100_000
  for (let count = 0; count < messages; count++) {
    store.append({ topic: TOPIC, queueId: count % QUEUES, body, properties: { KEYS: String(count) } })
    if (count % TURN === 0) await nextTurn()
  }
  await store.flush()
  return messages
}

async function measurePull(store: MessageStore, interrupt: AbortSignal): Promise<Rate> {
  let offset = 0
  return measure(`pull ${PULLED}, 1024 bytes`, 'messages', interrupt, () => {
    const result = store.get({ topic: TOPIC, queueId: 0, offset, maxMessages: PULLED })
    const { length } = result.buffers
    result.release()
    offset = result.nextBeginOffset < result.maxOffset ? result.nextBeginOffset : 0
    return length
  })
}

async function measureQuery(store: MessageStore, keys: number, interrupt: AbortSignal): Promise<Rate> {
  return measure('query by key', 'queries', interrupt, () => {
    store.query({ topic: TOPIC, key: String(Math.floor(Math.random() * keys)), max: 1 })
    return 1
  })
}

/** Calls `work` over and over; it gets the count so far, and returns how much it did, or -1 when it is at an end. */
async function measure(name: string, unit: string, interrupt: AbortSignal, work: (count: number) => number): Promise<Rate> {
  const started = performance.now()
  let count = 0
  for (let calls = 1; performance.now() - started < DURATION && !interrupt.aborted; calls++) {
    const done = work(count)
    if (done < 0) break
    count += done
    if (calls % TURN === 0) await nextTurn()
  }
  return rateOf(name, unit, count, started)
}

function rateOf(name: string, unit: string, count: number, started: number): Rate {
  return { name, unit, count, perSecond: (count * 1000) / (performance.now() - started) }
}

function nextTurn(): Promise<void> {
  return new Promise((resume) => setImmediate(resume))
}
