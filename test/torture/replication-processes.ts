import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { audit } from './audit'
import { Ledger } from './ledger'
import { lookAfter } from './look-after'
import { Network } from './network'
import { ReplicaProcess } from './replica-process'
import type { RoundPlan } from './replication-plan'

/** Milliseconds in which whatever was cut off comes back: packets that were lost are sent again after seconds. */
const PATIENCE = 45_000
/** Milliseconds that a fault lasts. */
const FAULT_MIN = 100
const FAULT_MAX = 1200
const PORT = 10_912
/** Packets of a hundred that are lost. */
const LOSS = 30
/** Bytes of a disk on which a slave's files soon have no room, and of one that has grown. */
const SMALL_DISK = '128k'
const GROWN_DISK = '64m'

/** A master and a slave in processes of their own, over a network of their own, for one round after the other. */
export class Processes {
  readonly #directory: string
  readonly #network: Network
  #master: ReplicaProcess
  #slave: ReplicaProcess

  private constructor(directory: string, network: Network) {
    this.#directory = directory
    this.#network = network
    this.#master = new ReplicaProcess(network)
    this.#slave = new ReplicaProcess(network)
  }

  static async start(directory: string): Promise<Processes> {
    return new Processes(directory, await Network.open())
  }

  async end(): Promise<void> {
    await Promise.all([this.#master.kill(), this.#slave.kill()])
    await this.#network.close()
  }

  /** The next round; it has to end before another one is taken. */
  take(seed: number, plan: RoundPlan): { figures: Record<string, number>; story: string[]; run(): Promise<void> } {
    const round = new ProcessRound(new Ledger(seed), plan, join(this.#directory, String(plan.index)), this.#network, this.#master, this.#slave)
    return {
      figures: round.figures,
      story: round.story,
      run: async () => {
        try {
          await round.run()
        } finally {
          await round.leave()
          this.#master = round.master
          this.#slave = round.slave
        }
      },
    }
  }
}

class ProcessRound {
  readonly figures: Record<string, number> = {}
  readonly story: string[] = []
  #isSlaveOpen = false
  #isMasterOpen = false
  #hasSmallDisk = false

  constructor(
    private readonly ledger: Ledger,
    private readonly plan: RoundPlan,
    private readonly directory: string,
    private readonly network: Network,
    public master: ReplicaProcess,
    public slave: ReplicaProcess,
  ) {}

  async run(): Promise<void> {
    const { random, isLostInFault, fault } = this.plan
    await this.network.filter()
    for (const directory of [this.#masterDirectory, this.#slaveDirectory]) mkdirSync(directory, { recursive: true })
    if (fault === 'small disk') await this.#mount()
    await this.#openMaster()
    await this.#openSlave()
    await this.#put()
    await this.#acknowledged(1 + random.below(40))
    this.#tell('hurt')
    await this.#hurt()
    await pause(random.between(FAULT_MIN, FAULT_MAX))
    if (!isLostInFault) {
      this.#tell('healed')
      await this.#heal()
      await this.#catchUp()
      this.#tell('has caught up')
      await this.#acknowledged(1 + random.below(40))
    }
    await this.#loseMaster()
    await this.#check()
    this.figures['acknowledged'] = this.ledger.acknowledged.size
    this.figures['rounds with processes'] = 1
  }

  #tell(line: string): void {
    this.story.push(`${this.ledger.acknowledged.size} of ${this.ledger.sent}: ${line}`)
  }

  /** Whatever has happened, the next round begins with two processes that have nothing open. */
  async leave(): Promise<void> {
    await this.network.filter()
    if (this.#isMasterOpen) this.master = await this.#another(this.master)
    if (this.#isSlaveOpen) this.slave = await this.#another(this.slave)
    if (this.#hasSmallDisk) await this.network.run('umount', '--lazy', this.#slaveDirectory)
    for (const replica of [this.master, this.slave]) {
      replica.ledger = undefined
      replica.wrong = []
    }
    rmSync(this.directory, { recursive: true, force: true })
  }

  get #masterDirectory(): string {
    return join(this.directory, 'master')
  }

  get #slaveDirectory(): string {
    return join(this.directory, 'slave')
  }

  async #another(replica: ReplicaProcess): Promise<ReplicaProcess> {
    const other = new ReplicaProcess(this.network)
    await replica.kill()
    return other
  }

  async #mount(): Promise<void> {
    await this.network.run('mount', '-t', 'tmpfs', '-o', `size=${SMALL_DISK}`, 'none', this.#slaveDirectory)
    this.#hasSmallDisk = true
  }

  async #openMaster(): Promise<void> {
    const options: OpenOptions = { ...this.plan.options, brokerRole: 'SYNC_MASTER', haListenPort: PORT }
    this.master.ledger = this.ledger
    this.#isMasterOpen = true
    await this.master.ask({ open: { directory: join(this.#masterDirectory, 'store'), options } }, 'open')
  }

  async #openSlave(): Promise<void> {
    const options: OpenOptions = { ...this.plan.options, brokerRole: 'SLAVE', haMasterAddress: `127.0.0.1:${PORT}` }
    this.#isSlaveOpen = true
    await this.slave.ask({ open: { directory: join(this.#slaveDirectory, 'store'), options } }, 'open')
  }

  async #put(): Promise<void> {
    await this.master.ask({ put: { seed: this.ledger.seed, from: this.ledger.sent, inFlight: this.plan.inFlight } }, 'putting')
  }

  async #hurt(): Promise<void> {
    switch (this.plan.fault) {
      case 'loss': return this.network.filter(...['sport', 'dport'].map((port) => `tcp ${port} ${PORT} numgen random mod 100 < ${LOSS} drop`))
      case 'deaf slave': return this.network.filter(`tcp sport ${PORT} drop`)
      case 'deaf master': return this.network.filter(`tcp dport ${PORT} drop`)
      case 'stopped slave': return this.slave.stop()
      case 'stopped master': return this.master.stop()
      case 'killed slave': {
        this.slave = await this.#another(this.slave)
        this.#isSlaveOpen = false
        return
      }
      case 'killed master': {
        this.master = await this.#another(this.master)
        this.#isMasterOpen = false
        return
      }
      default:
    }
  }

  async #heal(): Promise<void> {
    switch (this.plan.fault) {
      case 'stopped slave': return this.slave.resume()
      case 'stopped master': return this.master.resume()
      case 'killed slave': return this.#openSlave()
      case 'killed master': {
        await this.#openMaster()
        return this.#put()
      }
      case 'small disk': return this.network.run('mount', '-o', `remount,size=${GROWN_DISK}`, 'none', this.#slaveDirectory)
      default: return this.network.filter()
    }
  }

  async #catchUp(): Promise<void> {
    await this.master.ask({ end: true }, 'ended')
    const wanted = await this.master.offset()
    await this.#until('the slave has caught up', async () => (await this.slave.offset()) === wanted)
    await this.#put()
  }

  /** With messages under way; what is acknowledged behind that was on the slave before. */
  async #loseMaster(): Promise<void> {
    const { random, fault, isLostInFault } = this.plan
    this.slave.resume()
    await pause(random.below(20))
    await this.network.filter(`tcp dport ${PORT} drop`, `tcp sport ${PORT} drop`)
    if (this.#isMasterOpen) this.master = await this.#another(this.master)
    this.#isMasterOpen = false
    // Whoever is closed on a disk that is full says so.
    const isKilled = fault.startsWith('killed') || (fault === 'small disk' && isLostInFault)
    if (this.#isSlaveOpen && isKilled) this.slave = await this.#another(this.slave)
    else if (this.#isSlaveOpen) await this.slave.ask({ close: true }, 'closed')
    this.#isSlaveOpen = false
  }

  async #check(): Promise<void> {
    this.#assertNothingWrong()
    let directory = join(this.#slaveDirectory, 'store')
    if (this.#hasSmallDisk) {
      // Out of the mount that only the processes have.
      directory = join(this.directory, 'slave copied')
      await this.network.run('cp', '-r', join(this.#slaveDirectory, 'store'), directory)
    }
    const options: OpenOptions = { ...this.plan.options, brokerRole: 'ASYNC_MASTER' }
    const store = await MessageStore.open(directory, options)
    const wrong = audit(store, this.ledger, { isDense: true })
    const { maxPhyOffset, minPhyOffset } = store
    await store.close()
    wrong.push(...compareLogs(directory, join(this.#masterDirectory, 'store'), minPhyOffset, maxPhyOffset))
    if (wrong.length === 0) wrong.push(...(await lookAfter(directory, options, this.ledger, { isDense: true })))
    if (wrong.length > 0) throw new Error(wrong.slice(0, 5).join('; '))
  }

  async #acknowledged(count: number): Promise<void> {
    const wanted = this.ledger.acknowledged.size + count
    await this.#until(`${count} messages are acknowledged`, async () => this.ledger.acknowledged.size >= wanted)
  }

  async #until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + PATIENCE
    while (!(await condition())) {
      this.#assertNothingWrong()
      if (performance.now() > end) throw new Error(`not within ${PATIENCE} ms: ${what}`)
      await pause(5)
    }
  }

  #assertNothingWrong(): void {
    const wrong = [...this.master.wrong.map((text) => `master: ${text}`), ...this.slave.wrong.map((text) => `slave: ${text}`)]
    if (wrong.length > 0) throw new Error(wrong.join('\n  '))
  }
}

/** What of [from, to) of the first store's log is not the same in the second one's files. */
function compareLogs(directory: string, other: string, from: number, to: number): string[] {
  return readdirSync(join(directory, 'commitlog')).flatMap((name) => {
    const own = readFileSync(join(directory, 'commitlog', name))
    const begin = Math.max(0, from - Number(name))
    const end = Math.min(own.length, to - Number(name))
    if (begin >= end) return []
    const theirs = readFileSync(join(other, 'commitlog', name))
    return own.compare(theirs, begin, end, begin, end) === 0 ? [] : [`the logs differ in ${name}`]
  })
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, milliseconds))
}
