import { MessageStore, type OpenOptions } from '../../lib/index'
import { Position, RecordParts, locate } from '../../lib/format/record'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Backend, Clock } from '../../lib/storage/ports'
import { join } from 'node:path'
import { Ledger } from './ledger'
import { makeMessage } from './messages'

/** Small stores as bytes: made once, then copied for each case, damaged, and opened, all in memory. */

export const STORE = '/store'
export const SEGMENT_SIZE = 4096
export const BODY_MAX = 120
/** Messages that a checkpoint vouches for, and those behind it. */
const VOUCHED = 48
const BEHIND = 12

/** The files of a store by their path. */
export type Files = Map<string, Buffer>

export interface ImageKind {
  name: string
  options: OpenOptions
  /** How the process ended: closed in order, killed after a flush of everything, killed with messages behind it. */
  end: 'closed' | 'killed' | 'killed-behind'
}

const sizes = {
  mappedFileSizeCommitLog: SEGMENT_SIZE, mappedFileSizeConsumeQueue: 200, maxHashSlotNum: 16, maxIndexNum: 64, flushDiskType: 'SYNC_FLUSH',
} satisfies OpenOptions
const withCrc = { ...sizes, enabledAppendPropCRC: true, forceVerifyPropCRC: true } satisfies OpenOptions

export const imageKinds: readonly ImageKind[] = [
  { name: 'closed', options: sizes, end: 'closed' },
  { name: 'killed', options: sizes, end: 'killed' },
  { name: 'killed-behind', options: sizes, end: 'killed-behind' },
  { name: 'closed-4.9', options: { ...sizes, compatibility: '4.9' }, end: 'closed' },
  { name: 'killed-4.9', options: { ...sizes, compatibility: '4.9' }, end: 'killed' },
  { name: 'closed-crc', options: withCrc, end: 'closed' },
  { name: 'killed-crc', options: withCrc, end: 'killed' },
]

/** Where the record of a message stands. */
export interface RecordPlace {
  number: number
  topic: string
  queueId: number
  queueOffset: number
  offset: number
  size: number
}

export interface Image {
  kind: ImageKind
  files: Files
  ledger: Ledger
  /** In the order of the log. */
  records: RecordPlace[]
  /** Below this nothing is taken for a torn tail. */
  vouchedTo: number
  logEnd: number
}

/** A second for each message, so that the checkpoint's times mean something; nothing happens by itself. */
class SteppingClock implements Clock {
  #milliseconds: number

  constructor(hour: number) {
    this.#milliseconds = Date.UTC(2024, 0, 2, hour)
  }

  now(): number {
    return this.#milliseconds
  }

  step(): void {
    this.#milliseconds += 1000
  }

  startTimer(): () => void {
    return () => {}
  }
}

export async function makeImage(seed: number, kind: ImageKind): Promise<Image> {
  const clock = new SteppingClock(3)
  const backend = createMemoryBackend(clock)
  const store = await openImage(backend, kind.options, clock)
  const ledger = new Ledger(seed)
  const records: RecordPlace[] = []
  const put = async (count: number): Promise<void> => {
    for (; count > 0; count--) {
      clock.step()
      const number = ledger.sent++
      const message = makeMessage(seed, number, { bodyMax: BODY_MAX })
      const { queueOffset, offset, bytes } = await store.put(message)
      ledger.acknowledge(number, { queueOffset, offset })
      records.push({ number, topic: message.topic, queueId: message.queueId, queueOffset, offset, size: bytes })
    }
  }
  await put(VOUCHED)
  await store.flush()
  const vouchedTo = store.maxPhyOffset
  await put(BEHIND)
  if (kind.end === 'killed') await store.flush()
  const logEnd = store.maxPhyOffset
  if (kind.end === 'closed') await store.close()
  const files = readFiles(backend)
  await store.close()
  return { kind, files, ledger, records, vouchedTo: kind.end === 'killed-behind' ? vouchedTo : logEnd, logEnd }
}

/** Opens what is in `backend`. */
export function openImage(backend: Backend, options: OpenOptions, clock: Clock = new SteppingClock(4)): Promise<MessageStore> {
  return MessageStore.open(STORE, { clock, ...options, ports: { backend } } as OpenOptions)
}

export function readFiles({ files }: Backend): Files {
  const found: Files = new Map()
  const walk = (directory: string): void => {
    for (const name of files.list(directory) ?? []) {
      const path = join(directory, name)
      const status = files.status(path)!
      if (status.isDirectory) {
        walk(path)
        continue
      }
      const bytes = Buffer.alloc(status.size)
      const descriptor = files.open(path, 'read')
      files.read(descriptor, bytes, 0, bytes.length, 0)
      files.close(descriptor)
      found.set(path, bytes)
    }
  }
  walk(STORE)
  return found
}

export function backendWith(content: Files): Backend {
  const backend = createMemoryBackend(new SteppingClock(4))
  const { files } = backend
  for (const [path, bytes] of content) {
    files.makeDirectory(join(path, '..'))
    const descriptor = files.open(path, 'create')
    files.write(descriptor, bytes, 0, bytes.length, 0)
    files.close(descriptor)
  }
  return backend
}

export function copyFiles(files: Files): Files {
  return new Map([...files].map(([path, bytes]) => [path, Buffer.from(bytes)]))
}

export function segmentPath(offset: number): string {
  return join(STORE, 'commitlog', String(offset - (offset % SEGMENT_SIZE)).padStart(20, '0'))
}

/** The bytes of a record, shared with the image. */
export function bytesOf(files: Files, { offset, size }: Pick<RecordPlace, 'offset' | 'size'>): Buffer {
  const from = offset % SEGMENT_SIZE
  return files.get(segmentPath(offset))!.subarray(from, from + size)
}

/** Where the parts of a record lie. */
export function partsOf(record: Buffer): RecordParts & { storeHostLength: number } {
  const parts = new RecordParts()
  const wrong = locate(new DataView(record.buffer, record.byteOffset, record.length), 0, record.length, parts)
  if (wrong !== undefined) throw new Error(wrong)
  return Object.assign(parts, { storeHostLength: parts.bodyAt - 16 - parts.storeHostAt })
}

/** The queue place that the header of a record claims. */
export function claimOf(record: Buffer): { queueId: number; queueOffset: number } {
  return { queueId: record.readInt32BE(Position.queueId), queueOffset: Number(record.readBigInt64BE(Position.queueOffset)) }
}
