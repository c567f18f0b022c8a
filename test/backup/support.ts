import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { MARKER_NAME } from '../../lib/backup/backup-marker'
import type { MessageStore } from '../../lib/index'
import { filesOf, message, names, openStore, type TestOptions } from '../store/support'

/** Files so small that some dozens of messages fill several of each. */
export const small = { mappedFileSizeCommitLog: 4096, mappedFileSizeConsumeQueue: 200, maxHashSlotNum: 16, maxIndexNum: 32 }

/** Opens a store in `directory` that is closed with the test. */
export function open(test: Test, directory: string, options: TestOptions = {}): Promise<MessageStore> {
  return openStore(test, directory, { ...small, ...options })
}

/** Puts messages number `from` to `to` into three queues; what is in them says which they are. */
export function append(store: MessageStore, from: number, to: number): void {
  for (let number = from; number < to; number++) {
    store.append(message({ queueId: number % 3, body: Buffer.from(`message ${number}`), properties: { KEYS: `k${number}`, TAGS: 'a' } }))
  }
}

/** The numbers of the messages that are read from all queues, ascending. */
export function numbersIn(store: MessageStore): number[] {
  const numbers: number[] = []
  for (const { topic, queueId, minOffset, maxOffset } of store.queues()) {
    for (let offset = minOffset; offset < maxOffset; ) {
      const result = store.get({ topic, queueId, offset, maxMessages: 100 })
      for (const { body } of result.messages) numbers.push(Number(body.toString().split(' ')[1]))
      result.release()
      if (result.nextBeginOffset <= offset) break
      offset = result.nextBeginOffset
    }
  }
  return numbers.sort((left, right) => left - right)
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

/** Opens a store or a copy without writing, and reads the numbers of its messages. */
export async function readNumbers(test: Test, directory: string): Promise<number[]> {
  const store = await open(test, directory, { readOnly: true })
  const numbers = numbersIn(store)
  await store.close()
  return numbers
}

/** What files of a store belong to a copy, with their content: all but what says who has it open, and that it is a backup. */
export function contentOf(directory: string): Map<string, Buffer> {
  const paths = filesOf(directory).filter((path) => !['lock', 'abort', MARKER_NAME].includes(path))
  return new Map(paths.map((path) => [path, readFileSync(join(directory, path))]))
}

/** Files of a folder that are the same file in both directories. */
export function sharedFiles(left: string, right: string, folder: string): string[] {
  return filesOf(join(left, folder)).filter((path) => {
    const other = statSync(join(right, folder, path), { throwIfNoEntry: false })
    return other?.ino === statSync(join(left, folder, path)).ino
  })
}

/** What lies beside a target, by its name. */
export function beside(target: string): string[] {
  return names(target, '..')
}
