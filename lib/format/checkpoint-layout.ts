/** The checkpoint: five 64-bit numbers (three before 5.x), the rest of the page zero. Wire format: never change. */
export const CHECKPOINT_LENGTH = 4096

export interface CheckpointFields {
  /** Store time of the last flushed record of the commit log. */
  physicMsgTimestamp: number
  /** Store time of the last record whose queue entry is flushed. */
  logicsMsgTimestamp: number
  /** End time of the last completed, flushed index file. */
  indexMsgTimestamp: number
  /** 5.x: for a master that restarts with a slave ahead. */
  masterFlushedOffset: number
  /** 5.x: everything below this commit log offset is on disk. */
  confirmPhyOffset: number
}

const fieldOrder = [
  'physicMsgTimestamp',
  'logicsMsgTimestamp',
  'indexMsgTimestamp',
  'masterFlushedOffset',
  'confirmPhyOffset',
] as const satisfies readonly (keyof CheckpointFields)[]

/** The engine goes back this many milliseconds before what the checkpoint claims. */
const SLACK = 3000

/** @param fieldCount 3 for 4.9, 5 for 5.3 */
export function encodeCheckpoint(fields: CheckpointFields, fieldCount: number): Buffer {
  const bytes = Buffer.alloc(CHECKPOINT_LENGTH)
  for (let field = 0; field < fieldCount; field++) {
    bytes.writeBigInt64BE(BigInt(fields[fieldOrder[field]!]), field * 8)
  }
  return bytes
}

/** A short or missing file reads as zeros; numbers that cannot be times or offsets count as 0. */
export function decodeCheckpoint(bytes: Uint8Array): CheckpointFields {
  const page = Buffer.alloc(CHECKPOINT_LENGTH)
  page.set(bytes.subarray(0, CHECKPOINT_LENGTH))
  const read = (position: number): number => {
    const value = Number(page.readBigInt64BE(position))
    return Number.isSafeInteger(value) && value > 0 ? value : 0
  }
  return {
    physicMsgTimestamp: read(0),
    logicsMsgTimestamp: read(8),
    indexMsgTimestamp: read(16),
    masterFlushedOffset: read(24),
    confirmPhyOffset: read(32),
  }
}

/** Records stored up to this time are in the log and in the queues. */
export function minTimestamp(fields: CheckpointFields): number {
  return Math.max(0, Math.min(fields.physicMsgTimestamp, fields.logicsMsgTimestamp) - SLACK)
}
