import type { CommitLog } from '../commit-log/commit-log'
import type { Checkpoint } from './checkpoint'
import type { Flushable } from './group-commit'

export interface LogFlushContext {
  log: CommitLog
  checkpoint: Checkpoint
  /** @throws ERR_FILE_REPLACED where another program has taken the directory over */
  abortMarker: { assertOurs(): void }
}

/** A flush of the log: what it says is on the disk is there, in files that are still the store's. */
export class LogFlush implements Flushable {
  readonly #context: LogFlushContext

  constructor(context: LogFlushContext) {
    this.#context = context
  }

  get maxOffset(): number {
    return this.#context.log.maxOffset
  }

  async flush(from: number, to: number): Promise<void> {
    const { log, checkpoint, abortMarker } = this.#context
    const timestamp = log.lastStoreTimestamp
    await log.flush(from, to)
    log.assertIntact(from, to)
    abortMarker.assertOurs()
    checkpoint.fields.physicMsgTimestamp = timestamp
    checkpoint.fields.confirmPhyOffset = to
  }
}
