import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { MessageStore, type OpenOptions, type StoredMessage } from '../../lib/index'

export const SEGMENT = 16_384

/** Small files, so that a few messages make many of them. */
export const small: OpenOptions = {
  mappedFileSizeCommitLog: SEGMENT,
  mappedFileSizeConsumeQueue: 400,
  maxHashSlotNum: 50,
  maxIndexNum: 100,
  flushDiskType: 'ASYNC_FLUSH',
}

export function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-recovery-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'store')
}

export const TOPICS = ['orders', 'payments']

/** Appends messages number [from, to), over two topics with two queues each. */
export function appendMessages(store: MessageStore, from: number, to: number): void {
  for (let number = from; number < to; number++) {
    const result = store.append({
      topic: TOPICS[number % 2]!,
      queueId: Math.floor(number / 2) % 2,
      body: Buffer.from(`message ${number} ${'x'.repeat((number * 37) % 400)}`),
      properties: { TAGS: `tag${number % 3}`, KEYS: `key${number}`, UNIQ_KEY: `unique${number}` },
      bornTimestamp: number,
    })
    if (!result.isStored()) throw new Error(result.reason)
  }
}

/** The numbers of the messages that can be read, by queue and in order, as the body tells them. */
export async function readNumbers(store: MessageStore): Promise<number[]> {
  const numbers: number[] = []
  for (const { topic, queueId, minOffset } of store.queues()) {
    let expected = minOffset
    for await (const message of store.read({ topic, queueId, offset: minOffset, follow: false })) {
      if (message.queueOffset !== expected++) throw new Error(`queue offset ${message.queueOffset} instead of ${expected - 1}`)
      numbers.push(numberOf(message))
    }
  }
  return numbers.sort((left, right) => left - right)
}

export function numberOf(message: StoredMessage): number {
  return Number(message.body.toString().split(' ')[1])
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

/** A store with messages [0, count), closed. */
export async function makeStore(t: Test, count: number, options: OpenOptions = small): Promise<string> {
  const directory = temporaryDirectory(t)
  const store = await MessageStore.open(directory, options)
  appendMessages(store, 0, count)
  await store.close()
  return directory
}

/** The same, left as a crash of the process leaves it: everything written is there, nothing was closed. */
export async function makeCrashedStore(t: Test, count: number, options: OpenOptions = small): Promise<string> {
  const directory = temporaryDirectory(t)
  const live = `${directory}-live`
  const store = await MessageStore.open(live, options)
  appendMessages(store, 0, count)
  cpSync(live, directory, { recursive: true })
  await store.close()
  return directory
}

export function segmentFiles(directory: string): string[] {
  return readdirSync(join(directory, 'commitlog')).sort().map((name) => join(directory, 'commitlog', name))
}
