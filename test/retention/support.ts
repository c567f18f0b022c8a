import { join } from 'node:path'
import type { Test } from 'tap'
import { MessageStore, type Deletion, type OpenOptions } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Backend, DiskMeter, DiskUsage } from '../../lib/storage/ports'
import { SteppedClock } from '../torture/stepped-clock'

/** Noon, local time: no hour of deletion by default. */
export const NOON = new Date(2024, 0, 2, 12).getTime()
export const HOUR = 3_600_000
export const SEGMENT = 4096
/** Ten messages of this size fill a segment. */
export const BODY = 290
let nextKey = 10_000

/** A disk that is as full as the test says. */
export class SetMeter implements DiskMeter {
  usedPercent = 10

  usage(): DiskUsage {
    return { totalBytes: 1e11, freeBytes: 1e9 * (100 - this.usedPercent), device: 1 }
  }
}

/** Files so small that a few messages fill them, and no pauses. */
export const small: OpenOptions = {
  mappedFileSizeCommitLog: SEGMENT,
  mappedFileSizeConsumeQueue: 100,
  maxHashSlotNum: 16,
  maxIndexNum: 20,
  deleteCommitLogFilesInterval: 0,
  deleteConsumeQueueFilesInterval: 0,
}

export interface Surroundings {
  store: MessageStore
  clock: SteppedClock
  meter: SetMeter
  backend: Backend
  directory: string
  deletions: Deletion[]
}

/** Opens a store in memory, or on `backend`, whose time and disk the test sets. */
export async function openRetained(
  test: Test, options: OpenOptions = {}, { clock = new SteppedClock(NOON), meter = new SetMeter(), backend = createMemoryBackend(clock), directory = '/data/store' } = {},
): Promise<Surroundings> {
  const ports: { backend: Backend; disk: DiskMeter } = { backend, disk: meter }
  const store = await MessageStore.open(directory, { ...small, clock, ...options, ports } as OpenOptions)
  test.teardown(() => store.close().catch(() => {}))
  const deletions: Deletion[] = []
  store.on('deletion', (deletion) => deletions.push(deletion))
  return { store, clock, meter, backend, directory, deletions }
}

/** Fills `count` segments, each with ten messages of two queues, one hour after the other; each message has a key of its own. */
export function fillSegments({ store, clock }: { store: MessageStore; clock: SteppedClock }, count: number, { everyHours = 1 } = {}): void {
  for (let segment = 0; segment < count; segment++) {
    for (let number = 0; number < 10; number++) {
      store.append({ topic: 'orders', queueId: number % 2, body: Buffer.alloc(BODY, 'x'), properties: { KEYS: `key${nextKey++}` } })
    }
    clock.advance(everyHours * HOUR)
  }
}

/** Names of the segments that are files. */
export function segmentNames({ backend, directory }: { backend: Backend; directory: string }): string[] {
  return backend.files.list(join(directory, 'commitlog')) ?? []
}

export function nameOf(offset: number): string {
  return String(offset).padStart(20, '0')
}

/** Lets what is under way come to its end. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resume) => setImmediate(resume))
}
