import { closeSync, copyFileSync, cpSync, mkdirSync, openSync, readdirSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Test } from 'tap'
import { MessageStore, type Message, type OpenOptions, type StoredMessage } from '../../lib/index'
import type { Backend, Clock, DiskMeter } from '../../lib/storage/ports'

/** What the tests of one open store share. */

/** A whole second, so that the index, which knows seconds only, loses nothing. */
export const START = Date.UTC(2024, 0, 2, 3, 4, 5)

/** A clock that stands still, and whose timers never fire: nothing is flushed behind a test's back. */
export class StillClock implements Clock {
  constructor(private milliseconds = START) {}

  now(): number {
    return this.milliseconds
  }

  advance(milliseconds: number): void {
    this.milliseconds += milliseconds
  }

  startTimer(): () => void {
    return () => {}
  }
}

/** Files so small that a handful of messages fills them. */
export const smallFiles = {
  mappedFileSizeCommitLog: 4096,
  mappedFileSizeConsumeQueue: 200,
  maxHashSlotNum: 16,
  maxIndexNum: 1000,
} satisfies OpenOptions

/** `ports` is how a test puts a backend, or a disk meter, of its own in place. */
export type TestOptions = OpenOptions & { ports?: { backend?: Backend; disk?: DiskMeter; memoryBytes?: number } }

/** Opens a store that is closed with the test. */
export async function openStore(test: Test, directory: string, options: TestOptions = {}): Promise<MessageStore> {
  const store = await MessageStore.open(directory, { clock: new StillClock(), ...smallFiles, ...options } as OpenOptions)
  test.teardown(() => store.close().catch(() => {}))
  return store
}

export function message(overrides: Partial<Message> = {}): Message {
  return { topic: 'orders', body: Buffer.from('body'), ...overrides }
}

/** Bytes of a record with IPv4 hosts and a topic of at most 127 bytes, by the table of the format. */
export function recordLength(topic: string, bodyLength: number, propertiesLength: number): number {
  return 91 + Buffer.byteLength(topic) + bodyLength + propertiesLength
}

/** A message whose record has `size` bytes. */
export function messageOfSize(size: number, topic = 'orders'): Message {
  return { topic, body: Buffer.alloc(size - recordLength(topic, 0, 0), 'x') }
}

export function bodies(messages: Iterable<StoredMessage>): string[] {
  return [...messages].map((stored) => stored.body.toString())
}

/** What a kill of the process would leave: the files as they are while the store is open. */
export function copyAsIfKilled(from: string, to: string): string {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
  return to
}

/** Names in a folder of the store, ascending; none where it is not there. */
export function names(...path: string[]): string[] {
  try {
    return readdirSync(join(...path)).sort()
  } catch {
    return []
  }
}

export function overwrite(file: string, position: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, position)
  closeSync(descriptor)
}

/** Makes a closed store look like one that was killed. */
export function markUnclean(directory: string): void {
  mkdirSync(directory, { recursive: true })
  closeSync(openSync(join(directory, 'abort'), 'w'))
}

export { copyFileSync as copyFile, rmSync as removeFile, truncateSync as cutFile }

/** The code of what a call throws or a promise rejects with; undefined when it does not. */
export async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    return (error as { code?: string }).code ?? `no code: ${String(error)}`
  }
}

/** A backend of which some calls are other ones. */
export function withFiles(backend: Backend, changes: Partial<Backend['files']>): Backend {
  const files = new Proxy(backend.files, {
    get(target, name) {
      const changed = changes[name as keyof typeof changes]
      if (changed !== undefined) return changed
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
    },
  })
  return { name: backend.name, capabilities: backend.capabilities, files, mapper: backend.mapper, crc32: backend.crc32.bind(backend) }
}

/** A backend whose maps are flushed when the test says so. */
export function withGatedFlush(backend: Backend): { backend: Backend; open(): void; close(): void } {
  let waiting: (() => void)[] = []
  let isOpen = true
  const gate = (): Promise<void> => (isOpen ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)))
  const mapper: Backend['mapper'] = {
    map(descriptor, length, access) {
      const mapping = backend.mapper.map(descriptor, length, access)
      return {
        get bytes() { return mapping.bytes },
        get view() { return mapping.view },
        flush: async (from, to) => {
          await gate()
          await mapping.flush(from, to)
        },
        populate: (from, to, inSinglePages) => mapping.populate(from, to, inSinglePages),
        unmap: () => mapping.unmap(),
      }
    },
  }
  return {
    backend: { name: backend.name, capabilities: backend.capabilities, files: backend.files, mapper, crc32: backend.crc32.bind(backend) },
    close() {
      isOpen = false
    },
    open() {
      isOpen = true
      for (const resume of waiting) resume()
      waiting = []
    },
  }
}

/** The files below a directory, by their path in it. */
export function filesOf(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort()
}
