import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore, type PutResult } from '../../lib/index'
import type { OpenOptions } from '../../lib/types'
import { SettableClock } from '../support/settable-clock'

/** Small files, so that a few messages fill several of each. */
export const smallFiles = {
  mappedFileSizeCommitLog: 16_384,
  mappedFileSizeConsumeQueue: 400,
  maxHashSlotNum: 50,
  maxIndexNum: 100,
}

/** The same, as words of a command. */
export const smallFilesWords = Object.entries(smallFiles).flatMap(([key, value]) => ['--set', `${key}=${value}`])

export const topics = ['orders', 'payments']

/**
 * Opens a store with small files and puts `count` messages into four queues.
 * @param before called before each message with its number
 */
export async function fillStore(
  directory: string, count: number, options: OpenOptions = {}, before?: (number: number) => void,
): Promise<{ store: MessageStore; results: PutResult[] }> {
  const store = await MessageStore.open(directory, { ...smallFiles, ...options })
  const results: PutResult[] = []
  for (let number = 0; number < count; number++) {
    before?.(number)
    results.push(store.append({
      topic: topics[number % 2]!,
      queueId: (number >> 1) % 2,
      body: Buffer.from(`message ${number} `.repeat(8)),
      properties: { TAGS: `tag${number % 3}`, KEYS: `k${number} group${number % 7}`, UNIQ_KEY: `unique${number}` },
      bornTimestamp: 1_700_000_000_000 + number,
    }))
  }
  return { store, results }
}

/** Makes a store with `count` messages that has been closed in order. */
export async function makeStore(directory: string, count: number, options: OpenOptions = {}): Promise<PutResult[]> {
  const { store, results } = await fillStore(directory, count, options)
  await store.close()
  return results
}

/** As {@link makeStore}, with messages that are stored every `step` milliseconds from `from` on. */
export async function makeStoreInTime(directory: string, count: number, from: number, step: number): Promise<PutResult[]> {
  const clock = new SettableClock(from)
  const { store, results } = await fillStore(directory, count, { clock }, (number) => clock.set(from + number * step))
  await store.close()
  return results
}

/** Writes what groups have read as a broker keeps it: by `topic@group` and queue id. */
export function writeConsumerOffsets(directory: string, offsetTable: Record<string, Record<number, number>>): void {
  mkdirSync(join(directory, 'config'), { recursive: true })
  writeFileSync(join(directory, 'config', 'consumerOffset.json'), JSON.stringify({ offsetTable }))
}
