/** A process of limits.test.ts: meets a limit in the directory it is given, and prints what it saw as JSON. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore, isStoreError, type OpenOptions } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import type { Backend } from '../../lib/storage/ports'
import { StillClock, messageOfSize, withFiles } from './support'

const MEBIBYTE = 1 << 20
const queue = { topic: 'orders', queueId: 0 }

const { becomes } = process.env
if (becomes !== undefined) {
  // Loads what it maps with, which may not be readable afterwards.
  selectBackend('auto')
  process.setgroups!([])
  process.setgid!(Number(becomes))
  process.setuid!(Number(becomes))
}

interface Failure {
  code: string
  reason?: string | undefined
  file?: string | undefined
  offset?: number | undefined
}

async function failureOf(call: () => unknown): Promise<Failure | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    if (!isStoreError(error)) return { code: String(error) }
    const { reason, file, offset } = error.details
    return { code: error.code, reason, file, offset }
  }
}

/** Puts messages of 1 KiB until one is refused. */
async function putUntilRefused(store: MessageStore): Promise<{ acknowledged: number; failure: Failure | undefined }> {
  for (let acknowledged = 0; ; acknowledged++) {
    const failure = await failureOf(async () => {
      const { status } = await store.put(messageOfSize(1024))
      if (status !== 'PUT_OK') throw new Error(status)
    })
    if (failure !== undefined) return { acknowledged, failure }
  }
}

function readable(store: MessageStore): number {
  let count = 0
  for (let offset = 0; offset < store.maxOffset('orders', 0);) {
    const result = store.get({ ...queue, offset, maxMessages: 1000 })
    count += result.messages.length
    offset = result.nextBeginOffset
  }
  return count
}

function fill(directory: string, size: number): string {
  const ballast = join(directory, 'ballast')
  writeFileSync(ballast, Buffer.alloc(size))
  return ballast
}

const small = { flushDiskType: 'SYNC_FLUSH', maxHashSlotNum: 100, maxIndexNum: 1000, clock: new StillClock() } satisfies OpenOptions

function withoutReservation(): Backend {
  return withFiles(selectBackend('auto'), { reserve: () => undefined, reserveAsync: async () => undefined })
}

const scenarios: Record<string, (directory: string) => Promise<object>> = {
  /** Segments stay sparse, as on a file system that lies about reserving, and the disk is too small for one. */
  async sparse(directory) {
    const ballast = fill(directory, MEBIBYTE / 2)
    const options = { ...small, mappedFileSizeCommitLog: 16 * MEBIBYTE, ports: { backend: withoutReservation() } }
    const store = await MessageStore.open(join(directory, 'store'), options as OpenOptions)
    const refused = await putUntilRefused(store)
    const later = await failureOf(() => store.append(messageOfSize(1024)))
    const found = readable(store)
    await store.close().catch(() => undefined)
    // Through a map, this kind of file system needs a page even to read what is a hole.
    rmSync(ballast)
    const reader = await MessageStore.open(join(directory, 'store'), { ...small, readOnly: true })
    const foundAgain = readable(reader)
    await reader.close()
    return { ...refused, later, found, foundAgain }
  },

  /** The disk takes some segments, and no more; then there is room again. */
  async full(directory) {
    const ballast = fill(directory, 2 * MEBIBYTE)
    const store = await MessageStore.open(join(directory, 'store'), { ...small, mappedFileSizeCommitLog: MEBIBYTE / 2 })
    const refused = await putUntilRefused(store)
    const stopped = store.failure?.code
    rmSync(ballast)
    const { status } = await store.put(messageOfSize(1024))
    const found = readable(store)
    await store.close()
    return { ...refused, stopped, status, found }
  },

  /** One segment is more address space than the process may have. */
  async memory(directory) {
    const huge = await failureOf(async () => {
      const store = await MessageStore.open(join(directory, 'huge'), { ...small, mappedFileSizeCommitLog: 2047 * MEBIBYTE })
      try {
        await store.put(messageOfSize(1024))
      } finally {
        await store.close().catch(() => undefined)
      }
    })
    const store = await MessageStore.open(join(directory, 'modest'), { ...small, mappedFileSizeCommitLog: MEBIBYTE })
    const { status } = await store.put(messageOfSize(1024))
    await store.close()
    return { huge, status }
  },

  /** The process runs out of descriptors while the log grows. */
  async descriptors(directory) {
    const options = { ...small, mappedFileSizeCommitLog: 4096 }
    const store = await MessageStore.open(join(directory, 'store'), options)
    const refused = await putUntilRefused(store)
    await store.close().catch(() => undefined)
    const again = await MessageStore.open(join(directory, 'store'), options).then((opened) => opened.close(), (error: unknown) => String(error))
    return { ...refused, again }
  },

  /** The directory cannot be written to. */
  async unwritable(directory) {
    const write = await failureOf(() => MessageStore.open(join(directory, 'store'), small))
    const reader = await MessageStore.open(join(directory, 'store'), { ...small, readOnly: true })
    const found = readable(reader)
    await reader.close()
    return { write, found }
  },

  /** What the others read: three messages, in a store that was closed. */
  async make(directory) {
    mkdirSync(directory, { recursive: true })
    const store = await MessageStore.open(join(directory, 'store'), { ...small, mappedFileSizeCommitLog: MEBIBYTE })
    for (let count = 0; count < 3; count++) await store.put(messageOfSize(1024))
    await store.close()
    return { found: 3 }
  },

  /** Messages 0 to 99 of 1 KiB, killed with all of them flushed. */
  async fill(directory) {
    const store = await MessageStore.open(join(directory, 'store'), { ...small, mappedFileSizeCommitLog: MEBIBYTE })
    for (let count = 0; count < 100; count++) await store.put(messageOfSize(1024))
    await store.flush()
    return { flushedOffset: store.flushedOffset }
  },

  /** Page 10 of the log and all behind it are on sectors that cannot be read. */
  async sectors(directory) {
    const opened = await failureOf(async () => {
      const store = await MessageStore.open(join(directory, 'store'), { ...small, readOnly: true })
      await store.close()
    })
    const backend = selectBackend('auto')
    const file = join(directory, 'store', 'commitlog', '0'.repeat(20))
    const descriptor = backend.files.open(file, 'read')
    const mapping = backend.mapper.map(descriptor, MEBIBYTE, 'read')
    const good = mapping.bytes[9 * 4096 + 100]
    const before = mapping.findFault?.(0, MEBIBYTE)
    const bad = mapping.bytes[10 * 4096 + 100]
    const after = mapping.findFault?.(0, MEBIBYTE)
    const read = await failureOf(() => backend.files.read(descriptor, Buffer.alloc(10), 0, 10, 10 * 4096))
    return { opened, good: good !== 0, before, bad, after, read }
  },
}

async function main(): Promise<void> {
  const [, , name, directory] = process.argv
  process.stdout.write(JSON.stringify(await scenarios[name!]!(directory!)))
  // Also where a store was left open.
  process.exit(0)
}

void main()
