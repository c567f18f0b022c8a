import { StoreError } from '../errors'
import type { Checkpoint } from '../flush/checkpoint'
import type { GroupCommit } from '../flush/group-commit'
import type { CheckpointFields } from '../format/checkpoint-layout'
import type { Damage } from '../types'
import { Growth } from './growth'
import { LogIntake, type LogIntakeParts } from './log-intake'
import type { Intake, ReplicatedLog } from './replicated-log'

/**
 * How much of its log a slave compares before it takes anything: enough for what a master may have lost by a crash, and little enough for a
 * slow line that is often cut. Not from the file before, which the master may have deleted.
 */
const OVERLAP = 1 << 20

export interface StoreLogParts extends Omit<LogIntakeParts, 'onDamage'> {
  checkpoint: Checkpoint
  group: GroupCommit
  /** Who counts what replicas have. */
  acknowledgements: Pick<ReplicatedLog, 'acknowledge' | 'leave'>
  epoch(): number
  isSlave(): boolean
  /** @throws ERR_STORE_CLOSED; once the store has stopped, the code with which it did */
  assertRunning(): void
  /** The log has grown: it is to be flushed as the options say. */
  onWritten(): void
  /** There was no room. @returns what the caller is told */
  lacked(error: StoreError): StoreError
  /** The store is to stop. @returns what the caller is told */
  failed(error: Error): StoreError
}

/** The log of a store, for those who replicate it. */
export class StoreLog implements ReplicatedLog {
  /** The store notes what it writes itself. */
  readonly growth = new Growth()
  readonly #parts: StoreLogParts
  readonly #intake: LogIntake
  /** Stepped over, and not told yet to whoever appends. */
  #damage: Damage[] = []
  /** Stepped over, and an open after a crash would not know yet that the log goes on behind it: it would cut the log there. */
  #unvouched: { offset: number; lastStoreTimestamp: number }[] = []
  #isVouching = false

  constructor(parts: StoreLogParts) {
    this.#parts = parts
    this.#intake = new LogIntake({ ...parts, onDamage: (damage, lastStoreTimestamp) => this.#onDamage(damage, lastStoreTimestamp) })
  }

  get minOffset(): number {
    return this.#parts.log.minOffset
  }

  /** Nobody is told of more than an open after a crash would find. */
  get maxOffset(): number {
    return this.#unvouched[0]?.offset ?? this.#parts.log.maxOffset
  }

  get flushedOffset(): number {
    return Math.min(this.#parts.group.flushedOffset, this.maxOffset)
  }

  get fileSize(): number {
    return this.#parts.log.segmentSize
  }

  get epoch(): number {
    return this.#parts.epoch()
  }

  read(offset: number, target: Uint8Array): number {
    const { log } = this.#parts
    const { maxOffset } = this
    const segment = offset < log.minOffset || offset > maxOffset ? undefined : log.segments.find(offset)
    if (offset === maxOffset && offset >= log.minOffset) return 0
    if (segment === undefined) throw this.#unavailable(offset)
    const from = offset - segment.fromOffset
    const length = Math.min(target.length, segment.toOffset - offset, maxOffset - offset)
    segment.mapping.bytes.copy(target, 0, from, from + length)
    segment.assertIntact(from, from + length)
    return length
  }

  onGrowth(listener: () => void): () => void {
    return this.growth.on(listener)
  }

  get resumeOffset(): number {
    const { log } = this.#parts
    const { maxOffset } = log
    const last = log.segments.find(maxOffset - 1)
    return last === undefined ? 0 : Math.max(last.fromOffset, maxOffset - OVERLAP)
  }

  append(offset: number, bytes: Uint8Array): Intake {
    const { log, group } = this.#parts
    this.#assertSlave()
    const before = log.maxOffset
    try {
      this.#intake.take(offset, bytes)
    } catch (error) {
      throw this.#explain(error as Error)
    } finally {
      // The log has begun somewhere else, and there is nothing before that to flush.
      if (group.flushedOffset < log.minOffset || group.flushedOffset > log.maxOffset) group.flushedOffset = log.minOffset
      if (log.maxOffset > before) this.#onGrown()
    }
    if (this.#unvouched.length > 0) void this.#vouch()
    const damage = this.#damage
    if (damage.length > 0) this.#damage = []
    return { verifiedOffset: this.maxOffset, damage }
  }

  cutBack(): void {
    try {
      this.#intake.cutBack()
    } catch (error) {
      throw this.#explain(error as Error)
    }
  }

  async flush(offset: number): Promise<void> {
    const { group } = this.#parts
    if (group.flushedOffset < offset) await group.flush()
  }

  acknowledge(replica: string, offset: number): void {
    this.#parts.acknowledgements.acknowledge(replica, offset)
  }

  leave(replica: string, reason: string): void {
    this.#parts.acknowledgements.leave(replica, reason)
  }

  #assertSlave(): void {
    this.#parts.assertRunning()
    if (this.#parts.isSlave()) return
    throw new StoreError('ERR_NOT_A_SLAVE', 'only a slave takes the log of another store: open the store with brokerRole SLAVE, or demote it')
  }

  #unavailable(offset: number): StoreError {
    const { log } = this.#parts
    const message = `offset ${offset} is not in the log, which has ${log.minOffset} to ${this.maxOffset}${
      offset > log.minOffset && offset < this.maxOffset ? ', and lacks the file that would hold it' : ''}`
    return new StoreError('ERR_OFFSET_UNAVAILABLE', message, { offset })
  }

  #onGrown(): void {
    this.#parts.onWritten()
    this.growth.note()
  }

  /** What says something of the bytes is the sender's matter; anything else leaves the store in a state that only an open can mend. */
  #explain(error: Error): StoreError {
    const code = error instanceof StoreError ? error.code : undefined
    if (code === 'ERR_DISK_FULL') return this.#parts.lacked(error as StoreError)
    if (code === 'ERR_DIVERGED' || code === 'ERR_CORRUPT' || code === 'ERR_SEGMENT_SIZE') return error as StoreError
    return this.#parts.failed(error)
  }

  #onDamage(damage: Damage, lastStoreTimestamp: number): void {
    this.#unvouched.push({ offset: damage.offset, lastStoreTimestamp })
    this.#damage.push(damage)
  }

  /** Has the checkpoint say that the log goes on behind damage. What it does not say yet, it may with the next bytes. */
  async #vouch(): Promise<void> {
    if (this.#isVouching) return
    this.#isVouching = true
    const { group, checkpoint } = this.#parts
    try {
      for (let before = Infinity; this.#unvouched.length > 0 && this.#unvouched.length < before;) {
        before = this.#unvouched.length
        await group.flush()
        const fields = { ...checkpoint.fields }
        await checkpoint.write()
        this.#unvouched = this.#unvouched.filter((damage) => !this.#isVouchedFor(damage, fields))
      }
      this.growth.note()
    } catch (error) {
      this.#explain(error as Error)
    } finally {
      this.#isVouching = false
    }
  }

  /** Of 4.9 the checkpoint has no offset, but the store time of the last message that was flushed. */
  #isVouchedFor({ offset, lastStoreTimestamp }: { offset: number; lastStoreTimestamp: number }, fields: CheckpointFields): boolean {
    const { compatibility } = this.#parts.options
    return compatibility === '4.9' ? lastStoreTimestamp < fields.physicMsgTimestamp : offset < fields.confirmPhyOffset
  }
}
