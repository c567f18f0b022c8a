import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'
import type { PackedRows } from './packed-rows'

/** The layouts of `QueueRun` and `KeyOfRecord` in native/core/record_runs.h, which both begin with doubles. */
export const RUN_LENGTH = 40
const Run = { queueOffset: 0, logBegin: 1, logEnd: 2, row: 7, entriesFrom: 8, count: 9 } as const
export const KEY_LENGTH = 24
const Key = { logOffset: 0, storeTimestamp: 1, hash: 4 } as const
/** In the head of the block, behind the number of its rows. */
const Head = { runs: 1, keys: 2 } as const

/**
 * Records by the queues that they follow each other in, and what the index gets of them: for a block in which none needs to be looked
 * at by itself.
 */
export class RecordRuns {
  readonly #head: PackedRows
  readonly #runs: PackedRows
  readonly #keys: PackedRows
  readonly #entries: Uint8Array

  constructor(head: PackedRows, runs: PackedRows, keys: PackedRows, entries: Uint8Array) {
    this.#head = head
    this.#runs = runs
    this.#keys = keys
    this.#entries = entries
  }

  /** 0 where the rows of the block are to be looked at one by one. */
  get count(): number {
    return this.#head.integer(0, Head.runs)
  }

  /** The row of the first record. */
  row(run: number): number {
    return this.#runs.integer(run, Run.row)
  }

  /** The number that the first one says it has. */
  queueOffset(run: number): number {
    return this.#runs.double(run, Run.queueOffset)
  }

  /** Where the first one lies in the log. */
  logBegin(run: number): number {
    return this.#runs.double(run, Run.logBegin)
  }

  /** Where the last one ends. */
  logEnd(run: number): number {
    return this.#runs.double(run, Run.logEnd)
  }

  /** Their queue entries. */
  entries(run: number): Uint8Array {
    const from = this.#runs.integer(run, Run.entriesFrom)
    return this.#entries.subarray(from, from + this.#runs.integer(run, Run.count) * QUEUE_ENTRY_LENGTH)
  }

  get keyCount(): number {
    return this.#head.integer(0, Head.keys)
  }

  /** What the index stores of a key. */
  keyHash(key: number): number {
    return this.#keys.integer(key, Key.hash)
  }

  keyLogOffset(key: number): number {
    return this.#keys.double(key, Key.logOffset)
  }

  keyStoreTimestamp(key: number): number {
    return this.#keys.double(key, Key.storeTimestamp)
  }
}
