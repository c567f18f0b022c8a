import type { ReplicatedLog } from '../../lib/index'
import { audit } from './audit'
import { Ledger } from './ledger'
import { makeMessage } from './messages'
import { firstDifference, Machine } from './replication-machine'
import type { RoundPlan } from './replication-plan'
import { Traffic } from './replication-traffic'
import { Wire } from './replication-wire'

/** Milliseconds after which whatever has not happened hangs. */
const PATIENCE = 10_000
/** Messages that are sent, at most, so that the cuts of a round are reached. */
const MESSAGES_FOR_CUTS = 300
/** Milliseconds, at most, that a fault lasts. */
const FAULT_MAX = 120
/** Milliseconds, at most, until a slave needs room on a full disk. */
const FULL_MAX = 500
/** Bytes that still arrive, at most, when nothing is to arrive any more: as many as a few records have. */
const PASSING_MAX = 1500

interface Follower {
  machine: Machine
  wire: Wire
}

/** One round in this process: a master and its slaves on simulated disks, joined by wires. */
export class ReplicationRound {
  readonly ledger: Ledger
  /** What happened, for whoever has to find out why. */
  readonly story: string[] = []
  readonly figures: Record<string, number> = {}
  readonly #plan: RoundPlan
  readonly #master: Machine
  readonly #traffic: Traffic
  readonly #followers: Follower[] = []
  /** The log of each master there was: what is replicated is a beginning of one of them. */
  readonly #formerLogs: ReplicatedLog[] = []

  constructor(seed: number, plan: RoundPlan) {
    this.#plan = plan
    this.ledger = new Ledger(seed)
    this.#traffic = new Traffic(this.ledger, plan.inFlight)
    this.#master = this.#machine('master')
  }

  /** @throws what is wrong */
  async run(): Promise<void> {
    try {
      await this.#begin()
      const isMasterGone = await this.#hurt()
      if (!isMasterGone) await this.#loseMaster()
      await this.#goOnWithoutMaster()
      this.#assertNothingWrong()
      this.#count('acknowledged', this.ledger.acknowledged.size)
      for (const { wire } of this.#followers) this.#count('cuts', wire.cutsMade)
    } finally {
      this.#traffic.abandon()
      for (const { wire } of this.#followers) wire.close()
      for (const machine of this.#machines) if (machine.isOpen) machine.kill()
    }
  }

  get #machines(): Machine[] {
    return [this.#master, ...this.#followers.map(({ machine }) => machine)]
  }

  get #slave(): Follower {
    return this.#followers[0]!
  }

  #machine(name: string): Machine {
    return new Machine(name, this.#plan.options, this.#plan.random, (line) => this.#tell(line))
  }

  #tell(line: string): void {
    this.story.push(`${this.ledger.acknowledged.size} of ${this.ledger.sent}: ${line}`)
  }

  #count(figure: string, value: number): void {
    this.figures[figure] = (this.figures[figure] ?? 0) + value
  }

  async #begin(): Promise<void> {
    const { before, cuts, slaves, random } = this.#plan
    await this.#master.start({ brokerRole: 'SYNC_MASTER' })
    // No replica has these: they are no promise.
    for (let count = 0; count < before; count++) this.#master.store.append(makeMessage(this.ledger.seed, this.ledger.sent++))
    for (let number = 0; number < slaves; number++) {
      const wire = await Wire.open(this.#master.recordEnds)
      const machine = this.#machine(`slave ${number}`)
      if (number === 0) wire.cuts = [...cuts]
      this.#followers.push({ machine, wire })
      this.#connectWires()
      await machine.start({ brokerRole: 'SLAVE', haMasterAddress: wire.address })
    }
    if (cuts.length === 0 && random.chance(0.8)) {
      await this.#until('all slaves are in sync', () => this.#master.store.replication.status().inSyncReplicas === 1 + slaves)
    }
    this.#traffic.begin(this.#master.store)
    if (cuts.length === 0) await this.#acknowledged(random.below(40))
  }

  #connectWires(): void {
    const { address } = this.#master.store.replication.status()
    for (const { wire } of this.#followers) wire.masterPort = Number(address!.split(':')[1])
  }

  /** @returns whether the master is lost by now */
  async #hurt(): Promise<boolean> {
    const { fault, isLostInFault } = this.#plan
    this.#tell(`fault: ${fault}`)
    if (fault === 'kill master' || fault === 'power of master') return this.#hurtMaster()
    const heal = await this.#hurtSlave()
    if (isLostInFault) {
      await this.#loseMaster()
      // Whoever is to be the next master is a machine that works.
      await heal()
      return true
    }
    await heal()
    this.#tell('healed')
    await this.#catchUp()
    return false
  }

  /** @returns what ends it */
  async #hurtSlave(): Promise<() => Promise<void>> {
    const { fault, random } = this.#plan
    const { machine, wire } = this.#slave
    switch (fault) {
      case 'cut to slave':
      case 'cut to master': {
        await this.#until('the cuts', () => wire.cuts.length === 0 || this.ledger.sent > MESSAGES_FOR_CUTS)
        return async () => wire.spare()
      }
      case 'hold to slave':
      case 'hold to master': {
        wire.hold(fault === 'hold to slave' ? 'toSlave' : 'toMaster', random.below(PASSING_MAX))
        await this.#last()
        return async () => {
          if (random.chance(0.3)) wire.sever()
          wire.release()
        }
      }
      case 'slow slave': {
        machine.backend.delay = random.between(2, 40)
        await this.#last()
        return async () => machine.backend.heal()
      }
      case 'full slave': {
        machine.backend.isFull = true
        for (const end = performance.now() + FULL_MAX; machine.isConnected && performance.now() < end;) await turn()
        await this.#last()
        return async () => machine.backend.heal()
      }
      case 'failed flush on slave': {
        machine.mayFail = true
        machine.backend.strike({ nth: random.between(1, 10), errorCode: 'EIO', forEver: random.chance(0.5), kind: 'flush' })
        await this.#last()
        return async () => {
          machine.backend.heal()
          if (!machine.isOpen) return
          machine.kill()
          machine.mayFail = false
          await this.#startSlave(this.#slave)
        }
      }
      default: {
        if (fault === 'power of slave') machine.cutPower()
        else machine.kill()
        await this.#last()
        return () => this.#startSlave(this.#slave)
      }
    }
  }

  /** @returns whether that was its end */
  async #hurtMaster(): Promise<boolean> {
    const { fault, isLostInFault } = this.#plan
    const { machine, wire } = this.#slave
    for (const one of this.#machines) one.mayBeDamaged = fault === 'power of master'
    await this.#endMaster(() => (fault === 'power of master' ? this.#master.cutPower() : this.#master.kill()))
    if (isLostInFault) return true
    await this.#last()
    await this.#until('the slave notices', () => this.#followers.every((follower) => !follower.machine.isConnected))
    await this.#master.start({ brokerRole: 'SYNC_MASTER' })
    const mayFollow = canFollow(machine.log, this.#master.log)
    // Messages are put to it again before its slave is there.
    this.#traffic.begin(this.#master.store)
    this.#connectWires()
    if (this.#master.isDamaged) {
      // It lacks some of the middle, which the slave may have: that is no other log.
      await this.#last()
      return false
    }
    if (fault === 'kill master' || mayFollow) {
      await this.#catchUp()
      return false
    }
    this.#tell(`the master came back with another log, which begins at ${this.#master.log.minOffset}`)
    this.#count('diverged, and told', 1)
    await this.#until('the slave says that it diverged', () => machine.diverged !== undefined)
    machine.diverged = undefined
    wire.masterPort = undefined
    return false
  }

  async #startSlave({ machine, wire }: Follower): Promise<void> {
    await machine.start({ brokerRole: 'SLAVE', haMasterAddress: wire.address })
  }

  /** The fault lasts for some time, which is counted in what happens, too. */
  async #last(): Promise<void> {
    const { random } = this.#plan
    if (random.chance(0.2)) for (let turns = random.below(20); turns > 0; turns--) await turn()
    else await new Promise((resume) => setTimeout(resume, FAULT_MAX * random.next() ** 2))
  }

  /** After a fault that passes everything is as it was. */
  async #catchUp(): Promise<void> {
    const { random } = this.#plan
    await this.#acknowledged(random.below(20))
    await this.#traffic.end()
    for (const { machine } of this.#followers) {
      await this.#until(`${machine.name} has caught up`, () => machine.store.maxPhyOffset === this.#master.store.maxPhyOffset)
      const difference = firstDifference(machine.log, this.#master.log)
      if (difference !== undefined) throw new Error(`${machine.name} has caught up, and ${difference}`)
    }
    this.#traffic.begin(this.#master.store)
    await this.#acknowledged(1 + random.below(20))
  }

  /** So many more messages are acknowledged. */
  async #acknowledged(count: number): Promise<void> {
    const wanted = this.ledger.acknowledged.size + count
    await this.#until(`${count} messages are acknowledged`, () => this.ledger.acknowledged.size >= wanted || this.#traffic.wrong.length > 0)
  }

  /** With messages under way. */
  async #loseMaster(): Promise<void> {
    const { random } = this.#plan
    for (let turns = random.below(random.pick([4, 40])); turns > 0; turns--) await turn()
    if (random.chance(0.6)) {
      // In the middle of what it sends.
      for (const { wire } of this.#followers) wire.hold('toSlave', random.below(PASSING_MAX))
      await new Promise((resume) => setTimeout(resume, random.below(6)))
    }
    await this.#endMaster(() => this.#master.kill())
    for (const { wire } of this.#followers) wire.release()
  }

  async #endMaster(end: () => ReplicatedLog): Promise<void> {
    for (const { wire } of this.#followers) {
      wire.masterPort = undefined
      wire.sever()
    }
    this.#formerLogs.push(end())
    this.#traffic.abandon()
  }

  async #goOnWithoutMaster(): Promise<void> {
    const { ending, slaves, random } = this.#plan
    // Whoever is the furthest is known once none of them takes anything any more.
    if (slaves > 1) for (const { machine } of this.#followers) if (machine.isOpen) await machine.store.replication.stop()
    for (const { machine } of this.#followers) {
      if (!machine.isOpen) throw new Error(`${machine.name} has not begun again`)
      if (machine.store.failure !== undefined) machine.kill()
      else if (ending === 'killed') machine.kill()
      else if (ending === 'power cut') machine.cutPower()
      else if (ending === 'opened alone') await machine.close()
      if (machine.isOpen) continue
      machine.mayFail = false
      await machine.open({ brokerRole: 'SLAVE' })
    }
    const machines = this.#followers.map(({ machine }) => machine).sort(byWhatTheyHave)
    const [best, other] = machines as [Machine, Machine | undefined]
    await best.store.replication.promote({ role: 'ASYNC_MASTER' })
    for (const machine of machines) {
      this.#assertIsOfAMaster(machine)
      await machine.store.flush()
      this.#audit(machine)
    }
    // What the next master acknowledges it promises for itself alone.
    const promised = new Map(this.ledger.acknowledged)
    this.#assertIsOnSlaves(machines, promised)
    this.#assertNothingWrong()
    await best.store.replication.start()
    await this.#lead(best, other)
    await best.close()
    await best.open({ brokerRole: random.pick(['ASYNC_MASTER', 'SLAVE'] as const) })
    this.#audit(best)
    this.#assertIsOnSlaves(machines, promised)
  }

  /** The old master comes back as a slave, if it has nothing that the new one lacks; otherwise it says so. */
  async #returnOfMaster(best: Machine): Promise<Machine[]> {
    if (!this.#plan.returns || this.#master.isDamaged) return []
    await this.#master.open({ brokerRole: 'SLAVE', haMasterAddress: best.store.replication.status().address! })
    if (this.#master.isDamaged) return []
    const mayFollow = canFollow(this.#master.log, best.log)
    await this.#master.store.replication.start()
    return this.#expectToFollow(this.#master, mayFollow)
  }

  /** The promoted one takes messages, and those that follow it have the same log. */
  async #lead(best: Machine, other: Machine | undefined): Promise<void> {
    const put = (): void => {
      const number = this.ledger.sent++
      this.ledger.acknowledge(number, best.store.append(makeMessage(this.ledger.seed, number)))
    }
    if (this.#plan.random.chance(0.5)) put()
    const followers = await this.#returnOfMaster(best)
    put()
    if (other !== undefined) {
      const mayFollow = canFollow(other.log, best.log)
      await other.store.replication.demote({ masterAddress: best.store.replication.status().address! })
      await other.store.replication.start()
      followers.push(...(await this.#expectToFollow(other, mayFollow)))
    }
    for (let count = 0; count < 12; count++) put()
    for (const machine of followers) {
      await this.#until(`${machine.name} has caught up with the new master`, () => machine.store.maxPhyOffset === best.store.maxPhyOffset)
      const difference = firstDifference(machine.log, best.log)
      if (difference !== undefined) throw new Error(`${machine.name} has caught up with the new master, and ${difference}`)
    }
  }

  /** Who cannot follow says so. @returns who follows */
  async #expectToFollow(machine: Machine, mayFollow: boolean): Promise<Machine[]> {
    if (mayFollow) return [machine]
    this.#count('diverged, and told', 1)
    await this.#until(`${machine.name} says that it diverged`, () => machine.diverged !== undefined)
    machine.diverged = undefined
    return []
  }

  #assertIsOfAMaster(machine: Machine): void {
    if (this.#master.isDamaged) return
    const differences = this.#formerLogs.map((log) => firstDifference(machine.log, log))
    if (differences.every((difference) => difference !== undefined)) throw new Error(`${machine.name} has what no master had: ${differences.join(', ')}`)
  }

  /** What was acknowledged is on as many slaves as it was promised. */
  #assertIsOnSlaves(machines: readonly Machine[], promised: Ledger['acknowledged']): void {
    const lost = [...promised].filter(([, { offset }]) =>
      machines.filter(({ store: { minPhyOffset, maxPhyOffset } }) => offset >= minPhyOffset && offset < maxPhyOffset).length < this.#plan.slavesWithAll)
    if (lost.length === 0) return
    const places = lost.map(([number, { offset }]) => `${number} at ${offset}`).slice(0, 5)
    const logs = machines.map(({ name, store: { minPhyOffset, maxPhyOffset } }) => `${name} has ${minPhyOffset} to ${maxPhyOffset}`)
    throw new Error(`${lost.length} messages were acknowledged and are on too few slaves, the first ${places.join(', ')}; ${logs.join(', ')}`)
  }

  /** What lies in its log has to be there; a slave that began later has nothing of what was before. */
  #audit({ name, store }: Machine): void {
    const ledger = new Ledger(this.ledger.seed)
    ledger.sent = this.ledger.sent
    for (const [number, place] of this.ledger.acknowledged) {
      if (place.offset >= store.minPhyOffset && place.offset < store.maxPhyOffset) ledger.acknowledge(number, place)
    }
    const wrong = audit(store, ledger, { isDense: !this.#master.isDamaged })
    if (wrong.length > 0) throw new Error(`${name}: ${wrong.slice(0, 5).join('; ')}${wrong.length > 5 ? `; ${wrong.length - 5} more` : ''}`)
  }

  #assertNothingWrong(): void {
    const wrong = [...this.#traffic.wrong, ...this.#machines.flatMap((machine) => [
      ...machine.wrong,
      ...(machine.diverged === undefined || this.#master.isDamaged ? [] : [`${machine.name} says that it diverged, and it did not`]),
    ])]
    if (wrong.length > 0) throw new Error(wrong.slice(0, 3).join('\n  '))
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE
    while (!condition()) {
      this.#assertNothingWrong()
      if (performance.now() > end) throw new Error(`not within ${PATIENCE} ms: ${what}`)
      await new Promise((resume) => setTimeout(resume, 1))
    }
  }
}

/** Whether a log is a beginning of another one, which still has what comes behind it. */
function canFollow(log: ReplicatedLog, other: ReplicatedLog): boolean {
  return log.minOffset === log.maxOffset || (log.resumeOffset >= other.minOffset && firstDifference(log, other) === undefined)
}

/** Whoever has most of the end is the next master, and among these whoever began first. */
function byWhatTheyHave({ store: left }: Machine, { store: right }: Machine): number {
  return right.maxPhyOffset - left.maxPhyOffset || left.minPhyOffset - right.minPhyOffset
}

function turn(): Promise<void> {
  return new Promise((resume) => setImmediate(resume))
}
