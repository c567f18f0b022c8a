import type { ResolvedOptions } from '../options/options'
import type { Clock } from '../storage/ports'
import type { ReplicaStatus, StoreEvents } from '../types'
import { OffsetHistory } from './offset-history'

type ReplicaEvent = 'replicaConnected' | 'replicaGone' | 'replicaCaughtUp' | 'replicaInSync' | 'replicaOutOfSync'

export interface ReplicasContext {
  log: { readonly maxOffset: number }
  clock: Clock
  options: Pick<ResolvedOptions, 'haMaxGapNotInSync' | 'haMaxTimeSlaveNotCatchup'>
  emit<Name extends ReplicaEvent>(name: Name, event: StoreEvents[Name]): void
}

interface Replica {
  readonly name: string
  readonly since: number
  acknowledged: number
  /** Where the log ended when it connected, or was last found too far behind: before it has that it is not in sync. */
  target: number
  hasCaughtUp: boolean
  isInSync: boolean
}

/** The account of the replicas that are connected: how far each is, and whether that is far enough to count as being in sync. */
export class Replicas {
  /** The furthest offset that any replica has ever acknowledged. */
  maxAcknowledged = 0
  readonly #context: ReplicasContext
  readonly #byName = new Map<string, Replica>()
  /** The furthest first. */
  readonly #sorted: Replica[] = []
  readonly #history: OffsetHistory
  #inSyncCount = 0

  constructor(context: ReplicasContext) {
    this.#context = context
    this.#history = new OffsetHistory(context.clock)
  }

  get count(): number {
    return this.#sorted.length
  }

  /** How many of them are in sync, as of the last look. */
  get inSyncCount(): number {
    return this.#inSyncCount
  }

  /** What all have that are in sync; Infinity where none is. */
  get offsetOfAllInSync(): number {
    for (let index = this.#sorted.length - 1; index >= 0; index--) {
      if (this.#sorted[index]!.isInSync) return this.#sorted[index]!.acknowledged
    }
    return Infinity
  }

  /** In the order of how far they are. */
  get statuses(): ReplicaStatus[] {
    return this.#sorted.map((replica) => this.#statusOf(replica))
  }

  /** What that many of them have; -1 where there are not so many. */
  offsetOf(count: number): number {
    return this.#sorted[count - 1]?.acknowledged ?? -1
  }

  /** For how many milliseconds, at least, the log has had something behind `offset`. */
  behind(offset: number): number {
    return this.#history.behind(offset)
  }

  /** The log has grown. @param wanted nobody is interested in what lies below, but for the replicas */
  grew(wanted: () => number): void {
    this.#history.note(this.#context.log.maxOffset, () => Math.min(wanted(), this.#sorted.at(-1)?.acknowledged ?? Infinity))
  }

  acknowledge(name: string, offset: number): void {
    const { log, clock, emit } = this.#context
    let replica = this.#byName.get(name)
    if (replica === undefined) {
      replica = { name, since: clock.now(), acknowledged: offset, target: log.maxOffset, hasCaughtUp: false, isInSync: false }
      this.#byName.set(name, replica)
      this.#sorted.push(replica)
      // From here on, at the latest, it lacks what it has not.
      this.#history.note(log.maxOffset, () => 0)
      emit('replicaConnected', { replica: name, offset })
    }
    replica.acknowledged = offset
    if (offset > this.maxAcknowledged) this.maxAcknowledged = offset
    this.#move(replica)
    if (!replica.hasCaughtUp && offset >= replica.target) {
      replica.hasCaughtUp = true
      emit('replicaCaughtUp', { replica: name, offset })
    }
    this.#settle(replica)
  }

  leave(name: string, reason: string): void {
    const replica = this.#byName.get(name)
    if (replica === undefined) return
    this.#byName.delete(name)
    this.#sorted.splice(this.#sorted.indexOf(replica), 1)
    if (replica.isInSync) this.#inSyncCount--
    this.#context.emit('replicaGone', { replica: name, offset: replica.acknowledged, reason })
  }

  /** Looks who is in sync: time passes, and the log grows, without a word from those that are not. */
  look(): void {
    for (const replica of this.#sorted) this.#settle(replica)
  }

  /** Puts it behind those that are as far. */
  #move(replica: Replica): void {
    const sorted = this.#sorted
    let index = sorted.indexOf(replica)
    for (; index > 0 && sorted[index - 1]!.acknowledged < replica.acknowledged; index--) sorted[index] = sorted[index - 1]!
    for (; index < sorted.length - 1 && sorted[index + 1]!.acknowledged > replica.acknowledged; index++) sorted[index] = sorted[index + 1]!
    sorted[index] = replica
  }

  #settle(replica: Replica): void {
    const { log, options, emit } = this.#context
    const { acknowledged } = replica
    const isNear = log.maxOffset - acknowledged < options.haMaxGapNotInSync && this.behind(acknowledged) <= options.haMaxTimeSlaveNotCatchup
    const isInSync = isNear && replica.hasCaughtUp
    if (isInSync === replica.isInSync) return
    replica.isInSync = isInSync
    this.#inSyncCount += isInSync ? 1 : -1
    if (!isInSync) {
      replica.hasCaughtUp = false
      replica.target = log.maxOffset
    }
    emit(isInSync ? 'replicaInSync' : 'replicaOutOfSync', this.#statusOf(replica))
  }

  #statusOf({ name, since, acknowledged, isInSync }: Replica): ReplicaStatus {
    const lagBytes = Math.max(0, this.#context.log.maxOffset - acknowledged)
    const lagMilliseconds = lagBytes === 0 ? 0 : this.behind(acknowledged)
    return { replica: name, since, acknowledgedOffset: acknowledged, lagBytes, lagMilliseconds, isInSync }
  }
}
