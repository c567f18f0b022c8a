import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'
import { PackedRows } from './packed-rows'
import { ROW_LENGTH, RecordRows } from './record-rows'
import { KEY_LENGTH, RUN_LENGTH, RecordRuns } from './record-runs'

/** The layout of `Block` in native/napi/record_scan.cc: a head as long as a row, rows, runs, keys and entries. */
const ROWS = 16_384
const RUNS = 4096
const KEYS = 2 * ROWS
const RUNS_AT = (1 + ROWS) * ROW_LENGTH
const KEYS_AT = RUNS_AT + RUNS * RUN_LENGTH
const ENTRIES_AT = KEYS_AT + KEYS * KEY_LENGTH

/** The rows in a block of a scan's memory, which begins at `from`. */
export function recordRowsIn(memory: ArrayBuffer, from: number): RecordRows {
  const head = new PackedRows(memory, from, ROW_LENGTH, 1)
  const runs = new PackedRows(memory, from + RUNS_AT, RUN_LENGTH, RUNS)
  const keys = new PackedRows(memory, from + KEYS_AT, KEY_LENGTH, KEYS)
  const entries = new Uint8Array(memory, from + ENTRIES_AT, ROWS * QUEUE_ENTRY_LENGTH)
  return new RecordRows(memory, from, ROWS, new RecordRuns(head, runs, keys, entries))
}
