import type { Refusal } from '../commit-log/message-encoder'
import { StoreError, type ErrorCode } from '../errors'

/** Why nothing is stored, or read. Those up to 16 are RocketMQ's bits; the first of the list is what is answered with. */
const flags = {
  CLOSED: 1024,
  READ_ONLY: 512,
  FAILED: 256,
  SLAVE: 128,
  NOT_READABLE: 1,
  NOT_WRITEABLE: 2,
  DISK_FULL: 16,
  WRITE_LOGICS_QUEUE_ERROR: 4,
  WRITE_INDEX_FILE_ERROR: 8,
} as const

/** A name of RocketMQ's RunningFlags, or of one that it has no flag for: CLOSED, READ_ONLY, FAILED, SLAVE. */
export type RunningFlag = keyof typeof flags

const names = Object.keys(flags) as readonly RunningFlag[]
const BLOCKS_READ = flags.CLOSED | flags.NOT_READABLE
const BLOCKS_CHANGE = flags.CLOSED | flags.READ_ONLY | flags.FAILED
const BLOCKS_WRITE = ~flags.NOT_READABLE

/**
 * Throws the error that says why, or returns RocketMQ's status where it has one. Returns undefined where it has turned out that
 * nothing is in the way any more.
 */
export type Objection = () => Refusal | undefined

/** Whether the store takes messages, and gives them; each flag that is up stands for a reason why not. */
export class RunningFlags {
  /** 0 where nothing is in the way: all that an append looks at. */
  #bits = 0
  readonly #objections = new Map<RunningFlag, Objection>()

  /** @internal */
  get bits(): number {
    return this.#bits
  }

  /** The flags that are up; none while all is well. */
  get names(): RunningFlag[] {
    return names.filter((name) => this.has(name))
  }

  /** Whether messages are taken. */
  get isWritable(): boolean {
    return (this.#bits & BLOCKS_WRITE) === 0
  }

  /** Whether messages are given. */
  get isReadable(): boolean {
    return (this.#bits & BLOCKS_READ) === 0
  }

  /**
   * Takes away the permission to store or to read, or gives it back; what is left out stays as it is. Without `write`, which is
   * what RocketMQ's wipeWritePerm takes, a store is emptied by its readers before it is shut down: `append` and `put` throw
   * ERR_NOT_WRITABLE. Without `read`, `get`, `read`, `lookup` and `query` throw ERR_NOT_READABLE. Not kept over a close.
   */
  permit({ read, write }: { read?: boolean; write?: boolean }): void {
    if (write !== undefined) this.#permit('NOT_WRITEABLE', write, 'ERR_NOT_WRITABLE', 'nothing is stored: write')
    if (read !== undefined) this.#permit('NOT_READABLE', read, 'ERR_NOT_READABLE', 'nothing is read: read')
  }

  /** @internal */
  has(name: RunningFlag): boolean {
    return (this.#bits & flags[name]) !== 0
  }

  /** @internal */
  raise(name: RunningFlag, objection: Objection): void {
    this.#bits |= flags[name]
    this.#objections.set(name, objection)
  }

  /** @internal */
  clear(name: RunningFlag): void {
    this.#bits &= ~flags[name]
    this.#objections.delete(name)
  }

  /** @internal Why nothing is stored, with {@link bits} not 0. */
  objectionToWrite(): Refusal | undefined {
    return this.#objection(BLOCKS_WRITE)
  }

  /** @internal Throws where nothing may be changed, however much room there is. */
  assertChangeable(): void {
    if ((this.#bits & BLOCKS_CHANGE) !== 0) this.#objection(BLOCKS_CHANGE)
  }

  /** @internal Throws where nothing may be read. */
  assertReadable(): void {
    if ((this.#bits & BLOCKS_READ) !== 0) this.#objection(BLOCKS_READ)
  }

  #permit(name: RunningFlag, isPermitted: boolean, code: ErrorCode, what: string): void {
    if (isPermitted) {
      this.clear(name)
      return
    }
    this.raise(name, () => {
      throw new StoreError(code, `${what} permission was taken away; running.permit gives it back`)
    })
  }

  #objection(mask: number): Refusal | undefined {
    for (const name of names) {
      if ((this.#bits & flags[name] & mask) === 0) continue
      const refusal = this.#objections.get(name)!()
      if (refusal !== undefined) return refusal
    }
    return undefined
  }
}
