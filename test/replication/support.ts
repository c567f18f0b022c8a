import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { MessageStore } from '../../lib/index'
import type { ReplicatedLog } from '../../lib/replication/replicated-log'
import type { Backend } from '../../lib/storage/ports'
import type { Damage } from '../../lib/types'
import { firstDifference, firstFileDifference } from '../support/compare'
import { dumpStore } from '../support/dump'
import { filesBelow } from '../support/files'
import { openStore, smallFiles, type TestOptions } from '../store/support'

/** What the tests of one log that is copied to another store share. */

export function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-replication-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export function openMaster(t: Test, directory: string, options: TestOptions = {}): Promise<MessageStore> {
  return openStore(t, directory, { brokerRole: 'ASYNC_MASTER', ...options })
}

export function openSlave(t: Test, directory: string, options: TestOptions = {}): Promise<MessageStore> {
  return openStore(t, directory, { brokerRole: 'SLAVE', ...options })
}

export const FILE = smallFiles.mappedFileSizeCommitLog

/** What a log has of [from, to). */
export function bytesOf(log: ReplicatedLog, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from)
  for (let at = 0; at < bytes.length;) {
    const count = log.read(from + at, bytes.subarray(at))
    if (count === 0) throw new Error(`the log ends at ${from + at}`)
    at += count
  }
  return bytes
}

/** Hands over `bytes`, which lie at `offset` of their log, in pieces of the sizes that `nextSize` says. */
export function deliver(log: ReplicatedLog, offset: number, bytes: Buffer, nextSize: () => number): Damage[] {
  const damage: Damage[] = []
  for (let at = 0; at < bytes.length;) {
    const size = Math.min(nextSize(), bytes.length - at)
    damage.push(...log.append(offset + at, Buffer.from(bytes.subarray(at, at + size))).damage)
    at += size
  }
  return damage
}

/** Brings a slave up to the end of its master, from where it asks for; one that has nothing from the start. */
export function catchUp(slave: ReplicatedLog, master: ReplicatedLog, nextSize = (): number => FILE): Damage[] {
  const from = slave.maxOffset === 0 ? master.minOffset : slave.resumeOffset
  return deliver(slave, from, bytesOf(master, from, master.maxOffset), nextSize)
}

/** As a connection does that finds damage: it begins again, and takes the same as it is. */
export function catchUpOverDamage(slave: ReplicatedLog, master: ReplicatedLog, nextSize?: () => number): Damage[] {
  for (let attempts = 0; ; attempts++) {
    try {
      return catchUp(slave, master, nextSize)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_CORRUPT' || attempts > 100) throw error
      slave.cutBack()
    }
  }
}

/** What readers find in one store and not, or otherwise, in the other one; undefined where both are the same. */
export function firstReadDifference(master: MessageStore, slave: MessageStore, keys: Iterable<{ topic: string; key: string }> = []): string | undefined {
  const difference = firstDifference(linesOf(master), linesOf(slave))
  if (difference !== undefined) return difference
  for (const { topic, key } of keys) {
    const [own, other] = [master, slave].map((store) => store.query({ topic, key, max: 64 }).messages.map((message) => message.commitLogOffset).join())
    if (own !== other) return `${topic} ${key}: ${other} instead of ${own}`
  }
  return undefined
}

/** A queue that only had messages that are not consumed, such as prepared ones, is known to its master while that is open, and to nobody else. */
function linesOf(store: MessageStore): object[] {
  return [...dumpStore(store)].filter((line) => (line as { maxOffset?: number }).maxOffset !== 0)
}

/** Logs and queues of two stores that are closed, byte for byte. */
export function firstStoredDifference(master: string, slave: string): string | undefined {
  return firstDifferenceIn(['commitlog', 'consumequeue'], (folder) => [filesBelow(master, folder), filesBelow(slave, folder)])
}

/** The same for stores in memory, each in `/store` of a backend of its own. */
export function firstDifferenceInMemory(master: Backend, slave: Backend): string | undefined {
  return firstDifferenceIn(['/store/commitlog', '/store/consumequeue'], (folder) => [filesIn(master.files, folder), filesIn(slave.files, folder)])
}

function firstDifferenceIn(folders: string[], read: (folder: string) => [Map<string, Buffer>, Map<string, Buffer>]): string | undefined {
  for (const folder of folders) {
    const difference = firstFileDifference(...read(folder))
    if (difference !== undefined) return difference
  }
  return undefined
}

function filesIn(files: Backend['files'], directory: string, found = new Map<string, Buffer>()): Map<string, Buffer> {
  for (const name of files.list(directory) ?? []) {
    const path = join(directory, name)
    const { isDirectory, size } = files.status(path)!
    if (isDirectory) {
      filesIn(files, path, found)
      continue
    }
    const bytes = Buffer.alloc(size)
    const descriptor = files.open(path, 'read')
    files.read(descriptor, bytes, 0, size, 0)
    files.close(descriptor)
    found.set(path, bytes)
  }
  return found
}
