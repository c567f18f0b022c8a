import type { Refusal } from '../commit-log/message-encoder'
import { StoreError, type Pressure } from '../errors'
import type { GroupCommit } from '../flush/group-commit'
import { Waiters } from '../flush/waiters'
import type { ResolvedOptions } from '../options/options'
import type { PutResult } from '../put-result'
import type { Clock } from '../storage/ports'
import type { Replicas } from './replicas'

/** Replicas that lag are worth a word from here on. In milliseconds. */
const SLOW = 1000

export interface AcknowledgementsContext {
  log: { readonly maxOffset: number; readonly segmentSize: number }
  replicas: Replicas
  group: GroupCommit
  clock: Clock
  /** Read anew each time: the role changes. */
  options: ResolvedOptions
  /** Calls back after the log has grown. @returns what ends that */
  onGrowth(listener: () => void): () => void
  /** What holds up messages, for whoever did not get his answer in time. */
  pressure(): Pressure[]
  /** More of the log is on enough replicas than before. */
  onReplicated(): void
}

/**
 * What `put` waits for, the disk and the replicas, and the status that comes of it; that of the replicas wins where both have
 * failed. By the rules of the engine's two versions, with one difference: where these take the furthest offset that any replica
 * has ever reported, here it counts what those have reported that are connected.
 */
export class Acknowledgements {
  readonly #context: AcknowledgementsContext
  readonly #waiters: Waiters
  /** Everything below has been on enough replicas, or was in the log before any were waited for. */
  #replicated: number
  #failure: StoreError | undefined
  #isClosed = false
  #inFlight = 0
  #onIdle: (() => void) | undefined
  #endWatch: (() => void) | undefined

  constructor(context: AcknowledgementsContext) {
    this.#context = context
    this.#waiters = new Waiters(context.clock)
    this.#replicated = context.log.maxOffset
  }

  /** Whether a message has to be on other stores as well before it is acknowledged. */
  get waitsForReplicas(): boolean {
    const { brokerRole, compatibility, inSyncReplicas, minInSyncReplicas, allAckInSyncStateSet, enableAutoInSyncReplicas } = this.#context.options
    if (brokerRole !== 'SYNC_MASTER') return false
    return compatibility === '4.9' || inSyncReplicas > 1 || allAckInSyncStateSet || (enableAutoInSyncReplicas && minInSyncReplicas > 1)
  }

  /** Commit log offset: everything below is on as many replicas as `put` waits for. Never goes down. */
  get replicatedOffset(): number {
    return this.#quorum === Infinity ? this.#context.log.maxOffset : this.#replicated
  }

  /** Stores in sync, this one among them. */
  get inSyncReplicas(): number {
    return 1 + this.#context.replicas.inSyncCount
  }

  /** What keeps messages from their acknowledgement. */
  get pressure(): Pressure | undefined {
    const { log, replicas, clock } = this.#context
    const replicated = this.replicatedOffset
    const milliseconds = replicated < log.maxOffset ? replicas.behind(replicated) : 0
    if (milliseconds < SLOW) return undefined
    const bytes = log.maxOffset - replicated
    const message = `replicas are behind: ${bytes} bytes are on too few of them, the first for ${milliseconds} ms or more; replicas connected: ${replicas.count}`
    return { reason: 'replicaBehind', message, since: clock.now() - milliseconds, bytes }
  }

  /** Why a message that is to be on replicas is not even stored: `minInSyncReplicas`. */
  objection(): Refusal | undefined {
    const { replicas, options: { brokerRole, minInSyncReplicas } } = this.#context
    if (minInSyncReplicas <= 1 || brokerRole !== 'SYNC_MASTER') return undefined
    replicas.look()
    if (this.inSyncReplicas >= minInSyncReplicas) return undefined
    return {
      status: 'IN_SYNC_REPLICAS_NOT_ENOUGH',
      reason: `${this.inSyncReplicas} of the stores are in sync, this one among them, and minInSyncReplicas is ${minInSyncReplicas}`,
    }
  }

  /** Waits until a message that is stored is as safe as the options say; not at all, where it is. @throws ERR_FLUSH_FAILED, ERR_FILE_REPLACED */
  waitFor(result: PutResult): PutResult | Promise<PutResult> {
    const isSync = this.#context.options.flushDiskType === 'SYNC_FLUSH'
    const waits = this.waitsForReplicas
    return isSync || waits ? this.#waitFor(result, isSync, waits) : result
  }

  async #waitFor(result: PutResult, isSync: boolean, waits: boolean): Promise<PutResult> {
    const { options, group } = this.#context
    const end = result.offset + result.bytes
    const flushing = isSync ? group.waitFor(end, options.syncFlushTimeout) : undefined
    if (!waits) return (await flushing!) ? result : this.#notFlushed(result)
    this.#inFlight++
    try {
      const refusal = this.#slaveObjection(end)
      const replicating = refusal === undefined ? this.#waitForReplicas(end) : false
      const isReplicated = flushing === undefined ? await replicating : (await Promise.all([replicating, flushing]))[0]
      if (refusal !== undefined) return result.with(refusal.status, refusal.reason)
      if (!isReplicated) return this.#notReplicated(result)
      return flushing === undefined || (await flushing) ? result : this.#notFlushed(result)
    } finally {
      this.#inFlight--
      if (this.#inFlight === 0) this.#onIdle?.()
    }
  }

  /** A replica has everything below `offset`. @throws ERR_OFFSET_UNAVAILABLE beyond the end of the log, ERR_STORE_CLOSED */
  acknowledge(replica: string, offset: number): void {
    const { log, replicas } = this.#context
    if (this.#isClosed) throw new StoreError('ERR_STORE_CLOSED', `the store is closed: what the replica ${replica} has does not matter to it any more`)
    if (!(offset <= log.maxOffset)) {
      const message = `the replica ${replica} says that it has the log up to offset ${offset}, and it ends at ${log.maxOffset}: it follows another one`
      throw new StoreError('ERR_OFFSET_UNAVAILABLE', message, { offset })
    }
    // Where none was waited for so far, all there is counts as replicated, whatever this one lacks.
    this.#replicated = this.replicatedOffset
    const count = replicas.count
    replicas.acknowledge(replica, offset)
    if (offset === 0 && replicas.count > count) this.#beginWithLastFile()
    this.#watchGrowth()
    this.#settle()
  }

  /** A replica is there no more. */
  leave(replica: string, reason: string): void {
    this.#context.replicas.leave(replica, reason)
    this.#watchGrowth()
    this.#settle()
  }

  /** Looks who is in sync, now and then. */
  look(): void {
    this.#context.replicas.look()
    this.#settle()
  }

  /** The store has begun with a role: what is in the log now is not waited for. */
  beginAnew(): void {
    this.#replicated = this.#context.log.maxOffset
    this.#watchGrowth()
  }

  /** Resolves once nobody waits any more, which takes no longer than the timeouts. */
  async settled(): Promise<void> {
    if (this.#inFlight === 0) return
    await new Promise<void>((resolve) => (this.#onIdle = resolve))
    this.#onIdle = undefined
  }

  /** Nothing is acknowledged any more. */
  fail(error: StoreError): void {
    this.#failure ??= error
    this.#waiters.fail(this.#failure)
  }

  /** Whoever still waits is told that his time is over. */
  close(): void {
    this.#isClosed = true
    this.#waiters.giveUp()
  }

  /** What enough replicas have that are connected; Infinity where none has to, and less than 0 where there are too few. */
  get #quorum(): number {
    if (!this.waitsForReplicas) return Infinity
    const { replicas, options: { compatibility, inSyncReplicas, minInSyncReplicas, allAckInSyncStateSet, enableAutoInSyncReplicas } } = this.#context
    if (compatibility === '4.9') return replicas.offsetOf(1)
    if (allAckInSyncStateSet) return this.inSyncReplicas < minInSyncReplicas ? -1 : replicas.offsetOfAllInSync
    const wanted = enableAutoInSyncReplicas ? Math.max(minInSyncReplicas, Math.min(inSyncReplicas, this.inSyncReplicas)) : inSyncReplicas
    return wanted <= 1 ? Infinity : replicas.offsetOf(wanted - 1)
  }

  /** Keeps a record of when the log had come how far while that is to be told of somebody. */
  #watchGrowth(): void {
    const { replicas, onGrowth } = this.#context
    const isWanted = this.waitsForReplicas || replicas.count > 0
    if (isWanted) this.#endWatch ??= onGrowth(() => replicas.grew(() => this.replicatedOffset))
    else this.#endWatch?.()
    if (!isWanted) this.#endWatch = undefined
  }

  /** A replica that has nothing gets what the last file has: what it says later is no word about the messages before. */
  #beginWithLastFile(): void {
    const { log: { maxOffset, segmentSize } } = this.#context
    this.#waiters.giveUp(maxOffset - (maxOffset % segmentSize))
  }

  /** 4.9 does not wait for a slave that is not there, or too far behind. */
  #slaveObjection(end: number): Refusal | undefined {
    const { replicas, options: { compatibility, haMaxGapNotInSync } } = this.#context
    if (compatibility !== '4.9') return undefined
    if (replicas.count === 0) return { status: 'SLAVE_NOT_AVAILABLE', reason: 'stored, and no slave is connected' }
    const gap = end - replicas.maxAcknowledged
    if (gap < haMaxGapNotInSync) return undefined
    return { status: 'SLAVE_NOT_AVAILABLE', reason: `stored, and the slaves are ${gap} bytes behind, haMaxGapNotInSync or more` }
  }

  #waitForReplicas(end: number): Promise<boolean> | boolean {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#isClosed) return false
    return end <= this.#quorum || this.#waiters.wait(end, this.#context.options.slaveTimeout)
  }

  #settle(): void {
    if (this.#failure !== undefined) return
    const before = this.#replicated
    const quorum = this.#quorum
    this.#replicated = Math.max(before, Math.min(quorum, this.#context.log.maxOffset))
    // Whoever waits for a replica is not acknowledged because the last one has gone.
    if (quorum !== Infinity) this.#waiters.reached(quorum)
    if (this.#replicated > before) this.#context.onReplicated()
  }

  #notFlushed(result: PutResult): PutResult {
    return result.with('FLUSH_DISK_TIMEOUT', `not on the disk after ${this.#context.options.syncFlushTimeout} ms: it may be there later${this.#causes()}`)
  }

  #notReplicated(result: PutResult): PutResult {
    const { options, replicas } = this.#context
    const when = this.#isClosed ? 'when the store was closed' : `after ${options.slaveTimeout} ms: they may have it later`
    return result.with('FLUSH_SLAVE_TIMEOUT', `not on enough replicas ${when}; replicas connected: ${replicas.count}${this.#causes()}`)
  }

  #causes(): string {
    return this.#context.pressure().map(({ message }) => `; ${message}`).join('')
  }
}
