import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { segmentName } from '../../lib/format/file-name'
import { firstByteDifference, firstDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { randomMessages } from '../support/random-messages'
import type { RecordedMessage, RecordedResult } from '../support/recorded'
import { missingFromDump } from './acknowledged'
import { freePort } from './free-port'
import { killWhileWriting, removeFilesWithoutSize } from './left-behind'
import type { Key, Player, RunningPut } from './player'
import type { Side } from './side'

/** A master and its slave, one of them the real engine and the other one ours. */

/** Smaller than in other tests: fewer than a hundred messages fill one. */
export const segmentSize = 128 * 1024

type Role = Readonly<Record<string, unknown>>

/** An engine's slave is silent for this interval when it has connected. Before it connects again it always waits for five seconds. */
const commonSettings: Role = { mappedFileSizeCommitLog: segmentSize, maxMsgsNumBatch: 1000, haSendHeartbeatInterval: 500 }

/** How many messages of a store are looked for by their offset, and by their keys. */
const soughtMessages = 100

/** Level 18 is two hours, and its queue is number 17: nothing is delivered while a test runs. */
const delayed = { DELAY: '18', REAL_TOPIC: 'SCHEDULE_TOPIC_XXXX', REAL_QID: '17' }

const firstMessage: RecordedMessage = {
  topic: 'first', queueId: 0, bodyBase64: 'AAAA', bornTimestamp: 1700000000000, bornHost: '10.0.0.1:1111', storeHost: '10.0.0.2:10911', flag: 0, reconsumeTimes: 0,
}

export interface Sides {
  master: Side
  slave: Side
}

/** A line of a dump; the bounds of the log and of queues have other fields. */
interface DumpLine {
  topic?: string
  commitLogOffset?: number
  properties?: Record<string, string>
}

/** One of the two stores, in the process of its side. */
export class Member {
  readonly directory: string
  readonly #side: Side
  readonly #role: Role

  constructor(side: Side, directory: string, role: Role) {
    this.directory = directory
    this.#side = side
    this.#role = role
  }

  get player(): Player {
    return this.#side.player
  }

  /** The same process with another role, or another directory. */
  as(role: Role, directory = this.directory): Member {
    return new Member(this.#side, directory, role)
  }

  open(): Promise<void> {
    mkdirSync(this.directory, { recursive: true })
    removeFilesWithoutSize(this.directory)
    return this.player.open(this.directory, { ...commonSettings, ...this.#role })
  }

  close(): Promise<void> {
    return this.player.close()
  }

  /** Ends the process as a crash does; the next one begins when the store is opened. */
  kill(): Promise<void> {
    return this.#side.kill()
  }
}

export class Pair {
  master: Member
  slave: Member
  /** Whether some of the messages are delayed. */
  withDelayed = true
  readonly #directory: string
  readonly #masterRole: Role
  readonly #slaveRole: Role
  readonly #given: { messages: RecordedMessage[]; put: { results(): RecordedResult[] } }[] = []

  /** @param role options of the master */
  static async in(directory: string, sides: Sides, role: Role = { brokerRole: 'ASYNC_MASTER' }): Promise<Pair> {
    return new Pair(directory, sides, role, await freePort())
  }

  private constructor(directory: string, { master, slave }: Sides, role: Role, haListenPort: number) {
    this.#directory = directory
    this.#masterRole = { ...role, haListenPort }
    this.#slaveRole = { brokerRole: 'SLAVE', haListenPort: 0, haMasterAddress: `127.0.0.1:${haListenPort}` }
    this.master = new Member(master, join(directory, 'master'), this.#masterRole)
    this.slave = new Member(slave, join(directory, 'slave'), this.#slaveRole)
  }

  /** Another directory in place of the slave's, which is closed. */
  replaceSlave(name: string): void {
    this.slave = this.slave.as(this.#slaveRole, join(this.#directory, name))
  }

  /** Each in place of the other; both are closed. */
  exchangeRoles(): void {
    const { master, slave } = this
    this.master = slave.as(this.#masterRole)
    this.slave = master.as(this.#slaveRole)
  }

  /**
   * Opens both, which have nothing. Nobody waits for the first message to be replicated: whoever has it is connected, and a slave
   * that connects before the log rolls begins with its first file.
   */
  async begin(): Promise<void> {
    await this.master.open()
    await this.slave.open()
    await this.master.player.put([{ ...firstMessage, properties: { WAIT: 'false' } }])
    await this.caughtUp()
  }

  /** Messages and batches of all sorts are put on the master; four hundred have several rolls. */
  beginPut(count: number): RunningPut {
    const messages = this.#nextMessages(count)
    const put = this.master.player.beginPut(messages)
    this.#given.push({ messages, put })
    return put
  }

  put(count: number): Promise<unknown> {
    return this.beginPut(count).finished
  }

  /** The master dies in the middle of a put, after `enough` messages. */
  async killMasterWhileItPuts(enough: number): Promise<void> {
    const messages = this.#nextMessages(200)
    const results = await killWhileWriting(this.master.player, messages, enough)
    await this.master.kill()
    this.#given.push({ messages, put: { results: () => results } })
  }

  async caughtUp(): Promise<void> {
    await this.slave.player.follow(await this.master.player.end())
  }

  /** What was acknowledged and is not in a dump, in words. */
  missingFrom(dump: readonly object[]): string[] {
    return this.#given.flatMap(({ messages, put }) => missingFromDump(messages, put.results(), dump))
  }

  get acknowledged(): number {
    return this.#given.reduce((count, { put }) => count + put.results().length, 0)
  }

  /**
   * Both stores have the same log and read the same, from where the slave begins.
   * @param restToo whether that goes for the end of the last file, in which nothing is yet: what a kill leaves there is of no meaning
   */
  async expectSame(test: Test, name: string, { restToo }: { restToo: boolean }): Promise<void> {
    const members = [this.master, this.slave]
    const [ofMaster, ofSlave] = (await Promise.all(members.map(({ player }) => player.dump()))) as [object[], object[]]
    const { minPhyOffset: from, maxPhyOffset: end } = ofSlave[0] as { minPhyOffset: number; maxPhyOffset: number }
    const difference = from === 0 ? firstDifference(ofMaster, ofSlave) : firstDifference(messagesOf(ofMaster, from), messagesOf(ofSlave))
    expectNoDifference(test, difference, `${name}: both read the same`)
    if (from === 0) test.same(this.missingFrom(ofSlave), [], `${name}: the slave has each of ${this.acknowledged} messages`)

    const [offsets, keys] = soughtOf(messagesOf(ofSlave))
    const [foundByMaster, foundBySlave] = await Promise.all(members.map(({ player }) => player.find(offsets, keys, from)))
    expectNoDifference(test, firstDifference(foundByMaster!, foundBySlave!), `${name}: both find the same`)

    const [logOfMaster, logOfSlave] = members.map(({ directory }) => logOf(directory, from, restToo ? Math.ceil(end / segmentSize) * segmentSize : end))
    expectNoDifference(test, firstByteDifference(logOfMaster!, logOfSlave!), `${name}: both logs are the same from ${from} to ${end}`)
    test.ok(end - from > segmentSize, `${name}: the log has more than one file`)
  }

  #nextMessages(count: number): RecordedMessage[] {
    const messages = randomMessages({ seed: 100 + this.#given.length, count, withLongTopics: false })
    return messages.map((message, at) =>
      !this.withDelayed || at % 10 !== 0 || message.batch !== undefined ? message
        : { ...message, topic: delayed.REAL_TOPIC, queueId: 17, sysFlag: 0, properties: { ...message.properties, ...delayed } },
    )
  }
}

function messagesOf(dump: readonly DumpLine[], from = 0): Required<DumpLine>[] {
  return dump.filter((line): line is Required<DumpLine> => line.commitLogOffset !== undefined && line.commitLogOffset >= from)
}

/** Some messages from all over the log: their offsets and their keys. */
function soughtOf(messages: readonly Required<DumpLine>[]): [number[], Key[]] {
  const every = Math.ceil(messages.length / soughtMessages)
  const sought = messages.filter((_message, at) => at % every === 0)
  const keys = sought.flatMap(({ topic, properties: { KEYS = '', UNIQ_KEY = '' } }) =>
    [...KEYS.split(' '), UNIQ_KEY].filter((key) => key !== '').map((key) => ({ topic, key })),
  )
  return [sought.map(({ commitLogOffset }) => commitLogOffset), keys]
}

/** The bytes [from, end) of a log; `from` is the start of a file. */
function logOf(directory: string, from: number, end: number): Buffer {
  const starts = Array.from({ length: Math.ceil((end - from) / segmentSize) }, (_file, at) => from + at * segmentSize)
  return Buffer.concat(starts.map((start) => readFileSync(join(directory, 'commitlog', segmentName(start))))).subarray(0, end - from)
}
