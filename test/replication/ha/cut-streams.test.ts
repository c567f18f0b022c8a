/**
 * The story: connections break anywhere. Master and slave of ours are joined by a stream that is cut at every byte, in both
 * directions, while the master writes on; in the end the two logs are the same. The log in memory takes nothing that does not
 * follow what it has, so a byte that came twice or was left out ends the test.
 *
 * What is not shown here: what becomes of records that are damaged, and of crashes (test/replication/, test/torture/).
 */
import fc from 'fast-check'
import { Duplex } from 'node:stream'
import t from 'tap'
import { HaSlave } from '../../../lib/replication/ha/slave'
import { ReplicaConnection } from '../../../lib/replication/ha/replica-connection'
import { WriteBuffers } from '../../../lib/replication/ha/write-buffers'
import { FakeLog, ManualClock, contextOf, fileSize, turns } from './support'

/** One end of a stream; after so many bytes it takes both ends with it. */
class StreamEnd extends Duplex {
  other: StreamEnd | undefined
  readonly #pieces: () => number
  #left: number

  constructor(left: number, pieces: () => number) {
    super()
    this.#left = left
    this.#pieces = pieces
  }

  override _read(): void {
    // What comes is pushed.
  }

  override _write(bytes: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    const passed = Buffer.from(bytes.subarray(0, this.#left))
    this.#left -= passed.length
    for (let at = 0; at < passed.length;) {
      const piece = passed.subarray(at, at + this.#pieces())
      at += piece.length
      if (!this.other!.destroyed) this.other!.push(piece)
    }
    if (this.#left > 0) return void setImmediate(callback)
    setImmediate(() => {
      this.other!.destroy(new Error('read ECONNRESET'))
      this.destroy(new Error('write EPIPE'))
      callback()
    })
  }
}

interface Plan {
  /** After so many bytes of the master the first connection is cut, then the second, and so on. */
  cuts: number[]
  /** The same for the bytes of the slave. */
  reportCuts: number[]
  /** What is in the master's log first, and what it writes with each connection. */
  before: number[]
  later: number[][]
  batch: number
  pieces: number
  /** How many of the records before the slave has. */
  own: number
}

async function replicate(plan: Plan): Promise<{ master: FakeLog; log: FakeLog; acknowledged: number }> {
  const clock = new ManualClock()
  const master = contextOf(clock, new FakeLog(), { haTransferBatchSize: plan.batch })
  const slave = contextOf(clock)
  master.log.write(...plan.before)
  if (plan.own > 0) slave.log.write(...plan.before.slice(0, plan.own))
  const buffers = new WriteBuffers(plan.batch)
  const replicas = new Set<ReplicaConnection>()
  master.log.onGrowth(() => {
    for (const replica of replicas) replica.pump()
  })
  let connections = 0
  const pieces = (): number => 1 + ((plan.pieces * (connections + 7)) % 50)
  const ha = new HaSlave(slave, () => (receiver) => {
    const near = new StreamEnd(plan.reportCuts[connections] ?? Infinity, pieces)
    const far = new StreamEnd(plan.cuts[connections] ?? Infinity, pieces)
    near.other = far
    far.other = near
    const replica = new ReplicaConnection(far, master, {
      replica: `replica ${connections}`, buffers, startOffset: Infinity, complain: (_, message) => t.fail(message), onEnd: () => replicas.delete(replica),
    })
    replicas.add(replica)
    near.on('data', (bytes: Uint8Array) => receiver.receive(bytes))
    setImmediate(() => receiver.onReady())
    connections++
    return near
  })
  ha.start()
  const rounds = Math.max(plan.cuts.length, plan.reportCuts.length, plan.later.length)
  for (let round = 0; round <= rounds; round++) {
    await turns(4)
    const records = plan.later[round]
    if (records !== undefined) master.log.write(...records)
    clock.advance(100)
  }
  // A new slave gets what the last file has, which is nothing where the log ends with a file.
  if (master.log.maxOffset % fileSize === 0) master.log.write(1)
  const acknowledged = (): number => master.log.acknowledged.at(-1)?.offset ?? -1
  for (let at = 0; at < 200 && (slave.log.maxOffset < master.log.maxOffset || acknowledged() < master.log.maxOffset); at++) {
    await turns(4)
    clock.advance(1000)
  }
  await ha.stop()
  for (const replica of replicas) replica.end('over')
  const unexpected = slave.told.filter(({ name }) => name !== 'masterConnected' && name !== 'masterLost')
  if (unexpected.length > 0) throw new Error(JSON.stringify(unexpected))
  if (clock.timers.size > 0) throw new Error('a timer is left')
  return { master: master.log, log: slave.log, acknowledged: acknowledged() }
}

/** Undefined where all is well. */
async function whatIsWrong(plan: Plan): Promise<string | undefined> {
  const { master, log, acknowledged } = await replicate(plan)
  if (log.maxOffset !== master.maxOffset) return `the slave ends at ${log.maxOffset}, the master at ${master.maxOffset}`
  if (!log.bytes.equals(master.slice(log.minOffset))) return 'other bytes'
  return acknowledged === master.maxOffset ? undefined : `acknowledged up to ${acknowledged}`
}

const records = [30, 70, 7, 120, 1, 60, 90, 40, 33, 100, 80, 9]

t.test('cut at every byte of what the master sends', async (test) => {
  const total = 2 * fileSize + 400
  for (let cut = 1; cut <= total; cut++) {
    const wrong = await whatIsWrong({
      cuts: [cut], reportCuts: [], before: records, later: [[10, 20]], batch: 64, pieces: cut, own: cut % 3,
    })
    if (wrong !== undefined) test.fail(`cut at byte ${cut}: ${wrong}`)
  }
  test.pass(`${total} places`)
})

t.test('cut at every byte of what the slave sends', async (test) => {
  for (let cut = 1; cut <= 100; cut++) {
    const wrong = await whatIsWrong({
      cuts: [], reportCuts: [cut], before: records, later: [[10], [20], [30], [40]], batch: 64, pieces: cut, own: cut % 3,
    })
    if (wrong !== undefined) test.fail(`cut at byte ${cut}: ${wrong}`)
  }
  test.pass('100 places')
})

t.test('cut again and again, at random places, with the master writing on', async (test) => {
  const lengths = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 12 })
  await fc.assert(fc.asyncProperty(fc.record<Plan>({
    cuts: fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 6 }),
    reportCuts: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 }),
    before: lengths,
    later: fc.array(lengths, { maxLength: 6 }),
    batch: fc.integer({ min: 1, max: 500 }),
    pieces: fc.integer({ min: 1, max: 49 }),
    own: fc.nat(6),
  }), async (plan) => {
    const wrong = await whatIsWrong(plan)
    if (wrong !== undefined) throw new Error(wrong)
  }), { numRuns: 300 })
  test.pass('300 plans')
})
