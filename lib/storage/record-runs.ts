import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'

/** The layouts of `QueueRun` and `KeyOfRecord` in native/core/record_runs.h, which both begin with doubles. */
export const RUN_LENGTH = 40
const Run = { queueOffset: 0, logBegin: 1, logEnd: 2, row: 7, entriesFrom: 8, count: 9 } as const
export const KEY_LENGTH = 24
const Key = { logOffset: 0, storeTimestamp: 1, hash: 4 } as const

/** Where they are in the memory of a block of rows, see `Block` in native/napi/record_scan.cc. */
export interface RunsPlaces {
  countsAt: number
  runsAt: number
  keysAt: number
  entriesAt: number
  length: number
}

/**
 * Records by the queues that they follow each other in, and what the index gets of them: for a block in which none needs to be looked
 * at by itself.
 */
export class RecordRuns {
  readonly #counts: Int32Array
  readonly #integers: Int32Array
  readonly #doubles: Float64Array
  readonly #keyIntegers: Int32Array
  readonly #keyDoubles: Float64Array
  readonly #entries: Uint8Array

  constructor(memory: ArrayBuffer, from: number, { countsAt, runsAt, keysAt, entriesAt, length }: RunsPlaces) {
    this.#counts = new Int32Array(memory, from + countsAt, 2)
    const integers = (begin: number, end: number): Int32Array => new Int32Array(memory, from + begin, (end - begin) / Int32Array.BYTES_PER_ELEMENT)
    const doubles = (begin: number, end: number): Float64Array => new Float64Array(memory, from + begin, (end - begin) / Float64Array.BYTES_PER_ELEMENT)
    this.#integers = integers(runsAt, keysAt)
    this.#doubles = doubles(runsAt, keysAt)
    this.#keyIntegers = integers(keysAt, entriesAt)
    this.#keyDoubles = doubles(keysAt, entriesAt)
    this.#entries = new Uint8Array(memory, from + entriesAt, length - entriesAt)
  }

  /** 0 where the rows of the block are to be looked at one by one. */
  get count(): number {
    return this.#counts[0]!
  }

  /** The row of the first record. */
  row(run: number): number {
    return this.#integer(run, Run.row)
  }

  /** The number that the first one says it has. */
  queueOffset(run: number): number {
    return this.#double(run, Run.queueOffset)
  }

  /** Where the first one lies in the log. */
  logBegin(run: number): number {
    return this.#double(run, Run.logBegin)
  }

  /** Where the last one ends. */
  logEnd(run: number): number {
    return this.#double(run, Run.logEnd)
  }

  /** Their queue entries. */
  entries(run: number): Uint8Array {
    const from = this.#integer(run, Run.entriesFrom)
    return this.#entries.subarray(from, from + this.#integer(run, Run.count) * QUEUE_ENTRY_LENGTH)
  }

  get keyCount(): number {
    return this.#counts[1]!
  }

  /** What the index stores of a key. */
  keyHash(key: number): number {
    return this.#keyIntegers[(key * KEY_LENGTH) / Int32Array.BYTES_PER_ELEMENT + Key.hash]!
  }

  keyLogOffset(key: number): number {
    return this.#keyDoubles[(key * KEY_LENGTH) / Float64Array.BYTES_PER_ELEMENT + Key.logOffset]!
  }

  keyStoreTimestamp(key: number): number {
    return this.#keyDoubles[(key * KEY_LENGTH) / Float64Array.BYTES_PER_ELEMENT + Key.storeTimestamp]!
  }

  #integer(run: number, field: number): number {
    return this.#integers[(run * RUN_LENGTH) / Int32Array.BYTES_PER_ELEMENT + field]!
  }

  #double(run: number, field: number): number {
    return this.#doubles[(run * RUN_LENGTH) / Float64Array.BYTES_PER_ELEMENT + field]!
  }
}
