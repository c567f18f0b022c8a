import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { MessageStore, OpenOptions } from '../../lib/index'
import { segmentName } from '../../lib/format/file-name'
import { MANIFEST_NAME } from '../../lib/recovery/manifest'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Damage } from '../../lib/types'
import { StillClock, copyAsIfKilled, message, messageOfSize, overwrite } from '../store/support'
import { Random } from '../torture/random'
import { FILE, bytesOf, catchUp, catchUpOverDamage, deliver, firstReadDifference, firstStoredDifference, openMaster, openSlave, temporaryDirectory } from './support'

/*
 * The story: bytes come that are no records. The network has spoilt them: then they are asked for again, and no message is lost. Or
 * the master's own log is damaged there: then the slave has the same damage, says so, and every message behind it; and what it has
 * said that it has, it has also after a crash. Nothing that is no record is ever given to a reader.
 *
 * DAMAGE_RUNS=2000 in the environment looks longer. Not proved here: fields that no CRC covers (docs/recovery.md names them).
 */

const RUNS = Number(process.env['DAMAGE_RUNS'] ?? 12)
/** With a CRC over each record, so that any byte counts. */
const withRecordCRC = { compatibility: '5.3', enabledAppendPropCRC: true, forceVerifyPropCRC: true } satisfies OpenOptions

t.setTimeout(300_000)

/** No two messages of the same time: 4.9 tells by times what was flushed. */
class TickingClock extends StillClock {
  override now(): number {
    this.advance(1)
    return super.now()
  }
}

function fill(store: MessageStore, count: number, sizeMax = 700): void {
  for (let number = 0; number < count; number++) {
    const body = Buffer.alloc(20 + ((number * 131) % sizeMax), `${number} `)
    store.append(message({ queueId: number % 3, body, properties: { KEYS: `key${number}` } }))
  }
}

/** Each message of a store, by where it lies. */
function messagesOf(store: MessageStore): Map<number, string> {
  const found = new Map<number, string>()
  for (const { topic, queueId, minOffset, maxOffset } of store.queues()) {
    for (let offset = minOffset; offset < maxOffset;) {
      const { messages, nextBeginOffset } = store.get({ topic, queueId, offset, maxMessages: 32 })
      for (const one of messages) found.set(one.commitLogOffset, `${topic}/${queueId}/${one.queueOffset} ${one.body.toString()} ${JSON.stringify(one.properties)}`)
      offset = Math.max(offset + 1, nextBeginOffset)
    }
  }
  return found
}

type Spoil = (bytes: Buffer, at: number, random: Random) => number

/** Each returns how many bytes it has spoilt. */
const spoils: Record<string, Spoil> = {
  'a flipped bit': (bytes, at, random) => {
    bytes[at]! ^= 1 << random.below(8)
    return 1
  },
  zeros: (bytes, at, random) => {
    const length = random.pick([1, 8, 100, 512, 3 * FILE])
    bytes.fill(0, at, Math.min(bytes.length, at + length))
    return length
  },
  garbage: (bytes, at, random) => {
    const length = random.pick([4, 40, 900])
    for (let byte = at; byte < Math.min(bytes.length, at + length); byte++) bytes[byte] = random.below(256)
    return length
  },
  'bytes from elsewhere': (bytes, at, random) => {
    const length = random.pick([91, 400, 2000])
    bytes.copy(bytes, at, random.below(bytes.length), random.below(bytes.length) + length)
    return length
  },
  'a long length': (bytes, at, random) => {
    bytes.writeInt32BE(random.pick([0x7fff_ffff, 2000, 300, -5]), Math.min(at, bytes.length - 4))
    return 4
  },
}

t.test('what the network has spoilt is no message, and comes again', async (test) => {
  for (let run = 0; run < RUNS; run++) {
    const random = new Random('network', run)
    const master = await openMaster(test, '/store', { ...withRecordCRC, ports: { backend: createMemoryBackend() } })
    fill(master, 50)
    const slave = await openSlave(test, '/store', { ...withRecordCRC, ports: { backend: createMemoryBackend() } })
    const { log } = slave.replication
    const [name, spoil] = random.pick(Object.entries(spoils))
    const bytes = bytesOf(master.replication.log, 0, master.maxPhyOffset)
    const right = messagesOf(master)
    spoil(bytes, random.below(bytes.length), random)
    let damage: Damage[] = []
    try {
      damage = deliver(log, 0, bytes, () => random.between(1, 5000))
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_CORRUPT') test.fail(`run ${run}, ${name}: ${(error as Error).stack}`)
    }
    if (damage.length > 0) test.fail(`run ${run}, ${name}: damage at once`)
    for (const [offset, found] of messagesOf(slave)) if (right.get(offset) !== found) test.fail(`run ${run}, ${name}: ${found}`)
    log.cutBack()
    const behind = catchUp(log, master.replication.log, () => random.between(1, 5000))
    if (behind.length > 0) test.fail(`run ${run}, ${name}: damage where there is none`)
    const wrong = firstReadDifference(master, slave)
    if (wrong !== undefined) test.fail(`run ${run}, ${name}: ${wrong}`)
  }
  test.pass()
})

/** A master that finds its log damaged when it opens, and has nothing but the log. */
async function openDamaged(test: Test, directory: string, options: OpenOptions, spoil: (log: (from: number, bytes: Buffer) => void, end: number) => void): Promise<MessageStore> {
  const first = await openMaster(test, directory, { ...options, clock: new TickingClock() })
  fill(first, 50)
  const end = first.maxPhyOffset
  await first.close()
  for (const name of ['consumequeue', 'index', MANIFEST_NAME]) rmSync(join(directory, name), { recursive: true, force: true })
  spoil((from, bytes) => overwrite(join(directory, 'commitlog', segmentName(from - (from % FILE))), from % FILE, bytes), end)
  return openMaster(test, directory, options)
}


for (const compatibility of ['4.9', '5.3'] as const) {
  for (const { name, from, length } of [
    { name: 'one record', from: 1000, length: 4 },
    { name: 'records up to the end of a file', from: 3300, length: FILE - 3300 },
    { name: 'the end of a file and the beginning of the next', from: 3300, length: FILE },
    { name: 'more than a file', from: 3300, length: 2 * FILE },
  ]) {
    t.test(`${compatibility}: a master's own damage: ${name}`, async (test) => {
      const directory = temporaryDirectory(test)
      const master = await openDamaged(test, join(directory, 'master'), { compatibility }, (write) => {
        for (let at = from; at < from + length; at = at - (at % FILE) + FILE) {
          write(at, Buffer.alloc(Math.min(from + length, at - (at % FILE) + FILE) - at, 0xee))
        }
      })
      test.equal(master.recovery.damage.length, 1)
      const slave = await openSlave(test, join(directory, 'slave'), { compatibility })
      const warnings: string[] = []
      slave.on('warning', ({ message: text }) => warnings.push(text))
      const { log } = slave.replication
      const all = bytesOf(master.replication.log, 0, master.maxPhyOffset)
      const { offset, resumeOffset } = master.recovery.damage[0]!
      deliver(log, 0, all.subarray(0, resumeOffset + 50), () => 700)
      test.equal(log.maxOffset, offset, 'nothing counts until a record comes')
      await new Promise((resolve) => setImmediate(resolve))
      test.match(warnings.filter((text) => text.startsWith('what was sent')), [/no record/])
      log.cutBack()
      const damage = catchUpOverDamage(log, master.replication.log, () => 700)
      const places = (found: readonly Damage[]): object[] => found.map((one) => ({ offset: one.offset, resumeOffset: one.resumeOffset, unreadableBytes: one.unreadableBytes }))
      test.same(places(damage), places(master.recovery.damage))
      test.equal(log.maxOffset, offset, 'an open after a crash would not know yet')
      await new Promise<void>((resolve) => {
        const end = log.onGrowth(() => {
          end()
          resolve()
        })
      })
      test.equal(log.maxOffset, master.maxPhyOffset)
      const killed = await openSlave(test, copyAsIfKilled(join(directory, 'slave'), join(directory, 'killed')), { compatibility })
      test.same(places(killed.recovery.damage), places(damage), 'and then it does')
      test.equal(firstReadDifference(master, killed), undefined)
      test.equal(firstReadDifference(master, slave), undefined)
      master.append(messageOfSize(400))
      test.same(catchUp(log, master.replication.log), [])
      test.equal(firstReadDifference(master, slave), undefined)
      await master.close()
      await slave.close()
      test.equal(firstStoredDifference(join(directory, 'master'), join(directory, 'slave')), undefined)
    })
  }
}

t.test('any damage of a master, and the connection lost anywhere', async (test) => {
  for (let run = 0; run < RUNS; run++) {
    const random = new Random('master', run)
    const directory = temporaryDirectory(test)
    const options = random.chance(0.5) ? withRecordCRC : { compatibility: random.pick(['4.9', '5.3'] as const) }
    const story: string[] = []
    const master = await openDamaged(test, join(directory, 'master'), options, (write, end) => {
      for (let count = random.between(1, 3); count > 0; count--) {
        // Not its last records: what follows them is zeros, and cut off.
        const at = random.below(end - 3000)
        const length = random.pick([1, 4, 300, FILE, 2 * FILE])
        story.push(`${length} bytes at ${at}`)
        for (let from = at; from < Math.min(end - 2500, at + length);) {
          const to = Math.min(end - 2500, at + length, from - (from % FILE) + FILE)
          // Of zeros 4.9 does not know, without its queues, that they are not the end of the log.
          write(from, Buffer.alloc(to - from, random.pick([options.compatibility === '5.3' ? 0 : 1, 0xda, 0x5a])))
          from = to
        }
      }
    })
    const slave = await openSlave(test, join(directory, 'slave'), options)
    const { log } = slave.replication
    const all = bytesOf(master.replication.log, 0, master.maxPhyOffset)
    for (let count = random.below(4); count > 0; count--) {
      const from = log.resumeOffset
      try {
        deliver(log, from, all.subarray(from, random.between(from, all.length)), () => random.between(1, 3000))
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_CORRUPT') test.fail(`run ${run}: ${(error as Error).stack}`)
      }
      log.cutBack()
    }
    catchUpOverDamage(log, master.replication.log, () => random.between(1, 3000))
    await slave.flush()
    const wrong = firstReadDifference(master, slave)
    await master.close()
    await slave.close()
    const differs = wrong ?? firstStoredDifference(join(directory, 'master'), join(directory, 'slave'))
    if (differs !== undefined) test.fail(`run ${run}, ${JSON.stringify(options)}, ${story.join(', ')}: ${differs}`)
  }
  test.pass()
})
