import { StoreError, type Pressure } from '../errors'
import { hostPortAllowed, parseHostPort } from '../options/addresses'
import type { BrokerRole, ResolvedOptions } from '../options/options'
import type { Clock } from '../storage/ports'
import type { ReplicationStatus, StoreEvents } from '../types'
import { Acknowledgements } from './acknowledgements'
import { EpochFile } from './epoch-file'
import type { Growth } from './growth'
import type { HaContext, HaSecurity } from './ha/context'
import { HaMaster } from './ha/master'
import { MasterThread } from './ha/master-thread'
import { HaSlave } from './ha/slave'
import { Replicas } from './replicas'
import type { ReplicatedLog } from './replicated-log'
import { StoreLog, type StoreLogParts } from './store-log'

export interface ReplicationContext extends Omit<StoreLogParts, 'acknowledgements' | 'epoch' | 'isSlave' | 'options' | 'warn'> {
  directory: string
  clock: Clock
  /** `brokerRole` and `haMasterAddress` are changed here. */
  options: ResolvedOptions
  /** Refuses messages that are put, as a slave does, or takes them again. */
  setSlave(isSlave: boolean): void
  /** What holds up messages. */
  pressure(): Pressure[]
  emit<Name extends keyof StoreEvents>(name: Name, event: StoreEvents[Name]): void
}

/** What a slave becomes. */
export interface Promotion {
  /** `SYNC_MASTER` waits for replicas, by the options of acknowledgement; `ASYNC_MASTER` does not. */
  role: 'ASYNC_MASTER' | 'SYNC_MASTER'
  /** Number of the mastership, above that of the last one; default one more. For whoever has masters elected elsewhere. */
  epoch?: number
}

/**
 * The store as one of several with the same messages. Nothing is sent or received before {@link start}: a master then listens for
 * its slaves, a slave follows its master, by RocketMQ's HA protocol. An embedder can bring his own transport instead, on
 * {@link log}.
 */
export class Replication {
  /** The log for a transport of the embedder's own. */
  readonly log: ReplicatedLog
  /** @internal */
  readonly acknowledgements: Acknowledgements
  /** @internal The store notes what it writes. */
  readonly growth: Growth
  readonly #context: ReplicationContext
  readonly #epochs: EpochFile
  readonly #replicas: Replicas
  readonly #ha: HaContext
  #transport: HaMaster | MasterThread | HaSlave | undefined
  #security: HaSecurity = {}
  /** One change at a time. */
  #changing: Promise<void> = Promise.resolve()

  /** @internal */
  constructor(context: ReplicationContext) {
    const { options, clock, group, arrivals, directory, backend, emit } = context
    // With the next turn: those who open a store hear of it as well.
    const warn = (message: string, file: string): void => void setImmediate(() => emit('warning', { message, file }))
    this.#context = context
    this.#epochs = new EpochFile(backend, directory, warn)
    this.#replicas = new Replicas({ log: context.log, clock, options, emit })
    this.acknowledgements = new Acknowledgements({
      log: context.log, replicas: this.#replicas, group, clock, options,
      pressure: () => context.pressure(),
      onGrowth: (listener) => log.onGrowth(listener),
      onReplicated: () => arrivals.schedule(),
    })
    const log = new StoreLog({
      ...context, warn,
      acknowledgements: this.acknowledgements,
      epoch: () => this.epoch,
      isSlave: () => this.role === 'SLAVE',
    })
    this.log = log
    this.growth = log.growth
    this.#ha = { log, options, clock, emit }
    this.acknowledgements.beginAnew()
  }

  /** What the store is now: the option `brokerRole`, or what {@link promote} and {@link demote} have made of it. */
  get role(): BrokerRole {
    return this.#context.options.brokerRole
  }

  /** Number of the mastership under which the log grows: goes up with each {@link promote}, and is kept. */
  get epoch(): number {
    return this.#epochs.current.epoch
  }

  /**
   * A master listens on `haListenAddress` and `haListenPort` for its slaves, a slave follows `haMasterAddress`, which need not be
   * there yet. Without effect while it does so already.
   *
   * @param security `tls`: options of `node:tls`; where a master is given a `ca`, slaves have to show a certificate of it
   * @throws ERR_LISTEN_FAILED; ERR_INVALID_OPTION for a slave without `haMasterAddress`; ERR_STORE_CLOSED, ERR_READ_ONLY
   */
  start(security: HaSecurity = {}): Promise<void> {
    return this.#change(async () => {
      if (this.#transport !== undefined) return
      this.#security = security
      await this.#begin()
    })
  }

  /** Ends all connections. A synchronous master goes on to wait for replicas. Idempotent. */
  stop(): Promise<void> {
    return this.#after(() => this.#end())
  }

  /**
   * Makes a master of a slave: it follows no longer, gives up what it has of a record that is not whole, and takes messages. What it
   * has then counts as replicated. Where it followed a master, it listens for slaves, with the same security. The caller sees to it that there is no other
   * master: the HA protocol does not tell, and two logs that go different ways are never merged.
   *
   * Not kept over a close: the option `brokerRole` of the next open says what the store is then.
   *
   * @throws ERR_NOT_A_SLAVE, ERR_INVALID_ARGUMENT for an epoch that does not go up, ERR_FLUSH_FAILED, ERR_DISK_FULL, ERR_STORE_CLOSED;
   *   ERR_LISTEN_FAILED: it is a master all the same
   */
  promote({ role, epoch = this.epoch + 1 }: Promotion): Promise<void> {
    return this.#change(async () => {
      const { options, group, setSlave, emit } = this.#context
      if (role !== 'ASYNC_MASTER' && role !== 'SYNC_MASTER') {
        throw new StoreError('ERR_INVALID_ARGUMENT', 'a slave is promoted to ASYNC_MASTER or SYNC_MASTER', { value: role })
      }
      if (options.brokerRole !== 'SLAVE') throw new StoreError('ERR_NOT_A_SLAVE', `the store is ${options.brokerRole} already: only a slave is promoted`)
      this.#epochs.assertGoesUp(epoch)
      const wasRunning = this.#transport !== undefined
      await this.#end()
      this.log.cutBack()
      await group.flush()
      await this.#flushCut()
      await this.#epochs.begin(epoch, this.log.maxOffset)
      options.brokerRole = role
      this.acknowledgements.beginAnew()
      setSlave(false)
      emit('roleChanged', { role, epoch })
      this.warnOfNoReplicas()
      if (wasRunning) await this.#begin()
    })
  }

  /**
   * Makes a slave of a master, or has a slave follow another master. Messages are refused from now on; those that were put before are
   * waited for, as `put` does. Where the store listened for slaves, it follows the new master. If that lacks messages that are here, the
   * event `diverged` says so.
   *
   * @param masterAddress `host:port`; left out, `haMasterAddress`, which only {@link start} needs
   * @throws ERR_INVALID_ARGUMENT for what is no address, ERR_INVALID_OPTION where there is none to follow, ERR_FLUSH_FAILED, ERR_STORE_CLOSED
   */
  demote({ masterAddress }: { masterAddress?: string } = {}): Promise<void> {
    return this.#change(async () => {
      const { options, group, setSlave, emit } = this.#context
      if (masterAddress !== undefined && parseHostPort(masterAddress) === undefined) {
        throw new StoreError('ERR_INVALID_ARGUMENT', `a master is named as ${hostPortAllowed}, not ${JSON.stringify(masterAddress)}`, { value: masterAddress })
      }
      const wasSlave = options.brokerRole === 'SLAVE'
      const wasRunning = this.#transport !== undefined
      const master = masterAddress ?? options.haMasterAddress
      if (wasRunning) assertNamesMaster(master)
      setSlave(true)
      await group.flush()
      await this.acknowledgements.settled()
      await this.#end()
      options.brokerRole = 'SLAVE'
      options.haMasterAddress = master
      if (!wasSlave) emit('roleChanged', { role: 'SLAVE', epoch: this.epoch })
      if (wasRunning) await this.#begin()
    })
  }

  /** How the store, and those that follow it or the one that it follows, stand to each other. */
  status(): ReplicationStatus {
    const transport = this.#transport
    return {
      role: this.role,
      epoch: this.epoch,
      isRunning: transport !== undefined,
      address: transport instanceof HaSlave ? undefined : transport?.address,
      replicas: this.#replicas.statuses,
      inSyncReplicas: this.acknowledgements.inSyncReplicas,
      replicatedOffset: this.acknowledgements.replicatedOffset,
      push2SlaveMaxOffset: this.#replicas.maxAcknowledged,
      master: transport instanceof HaSlave ? transport.master : undefined,
    }
  }

  /** @internal Ends it for good. Whoever waits for replicas gets his answer before, as long as there are any. */
  async close(): Promise<void> {
    if (this.#replicas.count > 0) await this.acknowledgements.settled()
    this.acknowledgements.close()
    await this.stop()
  }

  /** @internal A role that promises more than the options make of it is worth a word. */
  warnOfNoReplicas(): void {
    const { options, emit } = this.#context
    if (options.brokerRole !== 'SYNC_MASTER' || this.acknowledgements.waitsForReplicas) return
    emit('warning', {
      message: 'brokerRole is SYNC_MASTER, and with inSyncReplicas 1 no replica is waited for, as in RocketMQ 5.x: give inSyncReplicas 2 to have every message on one',
    })
  }

  /** Work that only an open store that is written to can do, behind all that was asked for before. */
  #change(work: () => Promise<void>): Promise<void> {
    return this.#after(async () => {
      this.#context.assertRunning()
      await work()
    })
  }

  #after(work: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(work)
    this.#changing = done.catch(() => undefined)
    return done
  }

  async #begin(): Promise<void> {
    const transport = this.role === 'SLAVE' ? new HaSlave(this.#ha) : this.#createMaster()
    await transport.start(this.#security)
    this.#transport = transport
  }

  /** What nobody else can read is sent by the thread that has it. */
  #createMaster(): HaMaster | MasterThread {
    const { backend, log: { segments } } = this.#context
    if (!backend.capabilities.has('shared-paths')) return new HaMaster(this.#ha)
    return new MasterThread({ ...this.#ha, segments, isUrgent: this.acknowledgements.waitsForReplicas })
  }

  /** What was cut off is gone from the disk as well before anything else is written there. */
  async #flushCut(): Promise<void> {
    const { log, failed } = this.#context
    try {
      await log.flush(log.maxOffset, log.maxOffset)
    } catch (error) {
      throw failed(error as Error)
    }
  }

  async #end(): Promise<void> {
    const transport = this.#transport
    this.#transport = undefined
    await transport?.stop()
  }
}

/** @throws ERR_INVALID_OPTION */
function assertNamesMaster(address: string): void {
  if (parseHostPort(address) !== undefined) return
  const message = `a slave needs the address of its master as ${hostPortAllowed}: give masterAddress, or the option haMasterAddress`
  throw new StoreError('ERR_INVALID_OPTION', message, { key: 'haMasterAddress', value: address })
}
