import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from '../../errors'
import type { SharedLong } from '../../format/long'
import { DescriptorCache } from '../../storage/descriptor-cache'
import type { FileSystem } from '../../storage/ports'
import type { ReplicatedLog } from '../replicated-log'
import type { SentLog } from './context'
import type { LogFilesChange } from './thread-messages'

/** Those of a few replicas that are at different places. */
const OPEN_FILES_MAX = 8

export interface LogFilesContext extends Pick<ReplicatedLog, 'acknowledge' | 'leave'> {
  files: FileSystem
  fileSize: number
  /** Where the log ends. */
  end: SharedLong
  /** Milliseconds between two looks at the end; 0 for one with every turn. */
  pace: number
}

/**
 * A log as another thread reads it, from its files: what is stored through a map can be read from the file at once. A call of its
 * own has the advantage that a page which the disk does not give is an error, and never zeros.
 */
export class LogFiles implements SentLog {
  readonly fileSize: number
  minOffset = 0
  readonly #context: LogFilesContext
  readonly #paths = new Map<number, string>()
  readonly #descriptors: DescriptorCache
  readonly #listeners = new Set<() => void>()
  /** The end of the last file that is known: the log may have grown beyond it already. */
  #knownTo = 0

  constructor(context: LogFilesContext, change: LogFilesChange) {
    this.#context = context
    this.fileSize = context.fileSize
    this.#descriptors = new DescriptorCache(context.files, 'read', OPEN_FILES_MAX)
    this.change(change)
    void this.#follow()
  }

  get maxOffset(): number {
    return Math.min(this.#context.end.value, this.#knownTo)
  }

  /** A file that is deleted is closed as well, so that its room is free. */
  change({ minOffset, added }: LogFilesChange): void {
    this.minOffset = minOffset
    this.#knownTo = Math.max(this.#knownTo, minOffset)
    for (const { path, fromOffset } of added) {
      this.#paths.set(fromOffset, path)
      this.#knownTo = fromOffset + this.fileSize
    }
    for (const [fromOffset, path] of this.#paths) {
      if (fromOffset >= minOffset) break
      this.#paths.delete(fromOffset)
      this.#descriptors.forget(path)
    }
    this.#tell()
  }

  read(offset: number, target: Uint8Array): number {
    const { minOffset, maxOffset, fileSize } = this
    if (offset === maxOffset && offset >= minOffset) return 0
    const fromOffset = offset - (offset % fileSize)
    const path = offset < minOffset || offset > maxOffset ? undefined : this.#paths.get(fromOffset)
    if (path === undefined) throw this.#unavailable(offset)
    const length = Math.min(target.length, fromOffset + fileSize - offset, maxOffset - offset)
    const count = this.#context.files.read(this.#descriptorOf(path, offset), target, 0, length, offset - fromOffset)
    if (count === length) return length
    const message = `${path} was cut short while the store was open: another program has changed it. Stop that, then open the store again`
    throw new StoreError('ERR_FILE_REPLACED', message, { file: path, offset: offset + count })
  }

  onGrowth(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  acknowledge(replica: string, offset: number): void {
    this.#context.acknowledge(replica, offset)
  }

  leave(replica: string, reason: string): void {
    this.#context.leave(replica, reason)
  }

  /** A file may be deleted before this thread is told. */
  #descriptorOf(path: string, offset: number): number {
    try {
      return this.#descriptors.get(path)
    } catch (error) {
      throw this.#context.files.status(path) === undefined ? this.#unavailable(offset) : error
    }
  }

  #unavailable(offset: number): StoreError {
    return new StoreError('ERR_OFFSET_UNAVAILABLE', `offset ${offset} is not in the log, which has ${this.minOffset} to ${this.maxOffset}`, { offset })
  }

  async #follow(): Promise<void> {
    const { end, pace } = this.#context
    for (;;) {
      const known = end.value
      this.#tell()
      await (pace === 0 ? nextTurn() : sleep(pace))
      await end.changedFrom(known)
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
