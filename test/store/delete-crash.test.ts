import t from 'tap'
import { MessageStore, type OpenOptions } from '../../lib/index'
import type { Backend } from '../../lib/storage/ports'
import { CrashStates, emptyDisk, type DirectoryImage } from '../torture/disk-image'
import { Random } from '../torture/random'
import { SimulatedDisk } from '../torture/simulated-disk'
import { SteppedClock } from '../torture/stepped-clock'
import { START, bodies, message } from './support'

/*
 * The story: the power fails while a queue is deleted, or after it, at every step and with whatever of it the disk has kept. A
 * queue is whole or deleted, deleted for good once the call had resolved; what was acknowledged in the one that comes after it
 * is there; and what groups have read of it goes with it, and not before.
 */

const SMALL: OpenOptions = {
  flushDiskType: 'SYNC_FLUSH', mappedFileSizeCommitLog: 4096, mappedFileSizeConsumeQueue: 100, maxHashSlotNum: 16, maxIndexNum: 64,
}
const OLD = 8
const RANDOM_SUBSETS = 2

interface Moment {
  image: DirectoryImage
  isDeleted: boolean
  /** How many messages of the next queue had been acknowledged. */
  acknowledged: number
}

function open(disk: SimulatedDisk, clock: SteppedClock, options: OpenOptions): Promise<MessageStore> {
  const ports: { backend: Backend } = { backend: disk.backend }
  return MessageStore.open('/data/store', { ...SMALL, ...options, clock, ports } as OpenOptions)
}

function read(store: MessageStore, topic: string, queueId: number): string[] {
  const found: string[] = []
  for (let offset = store.minOffset(topic, queueId), end = store.maxOffset(topic, queueId); offset < end;) {
    const result = store.get({ topic, queueId, offset })
    for (const { queueOffset } of result.messages) if (queueOffset !== offset++) throw new Error(`${topic}/${queueId}: ${queueOffset} instead of ${offset - 1}`)
    found.push(...bodies(result.messages))
    if (result.messages.length === 0) throw new Error(`${topic}/${queueId} ${offset}: ${result.status}`)
    result.release()
  }
  return found
}

/** Nothing of what is uncertain has happened, all of it, and some of the rest. */
function* subsets(count: number, random: Random): Generator<(thing: number) => boolean> {
  yield () => false
  yield () => true
  for (let round = 0; count > 1 && round < RANDOM_SUBSETS; round++) {
    const one = random.below(count)
    const happened = Array.from({ length: count }, () => random.chance(0.5))
    yield random.pick<(thing: number) => boolean>([
      (thing) => thing === one, (thing) => thing !== one, (thing) => thing < one, (thing) => thing > one, (thing) => happened[thing]!,
    ])
  }
}

const old = Array.from({ length: OLD }, (_, number) => `old ${number}`)
const next = (count: number): string[] => Array.from({ length: count }, (_, number) => `new ${number}`)

/** A store whose queue orders/0 is deleted and written to again, and each moment of it. */
async function record(options: OpenOptions, random: Random): Promise<Moment[]> {
  const clock = new SteppedClock(START)
  const disk = new SimulatedDisk(clock, emptyDisk, random)
  const store = await open(disk, clock, options)
  const put = async (topic: string, body: string): Promise<void> => {
    const { status } = await store.put(message({ topic, body: Buffer.from(body), properties: { KEYS: body } }))
    if (status !== 'PUT_OK') throw new Error(status)
  }
  for (const body of old) for (const topic of ['orders', 'payments']) await put(topic, body)
  for (const topic of ['orders', 'payments']) store.config.consumerOffsets.commit({ topic, queueId: 0, group: 'group', offset: 5 })
  await store.config.persist()
  if (random.chance(0.5)) await store.flush()
  if (random.chance(0.5)) clock.advance(61_000)
  const moments: Moment[] = []
  let [isDeleted, acknowledged] = [false, 0]
  const note = (): void => {
    const image = disk.image()
    if (moments.at(-1)?.image === image) moments.pop()
    moments.push({ image, isDeleted, acknowledged })
  }
  disk.onStep = note
  const deleting = store.deleteTopic('orders')
  // Others are put to while the queue is deleted.
  for (let number = OLD; number < OLD + 3; number++) await put('payments', `old ${number}`)
  await deleting
  isDeleted = true
  note()
  for (const body of next(8)) {
    await put('orders', body)
    acknowledged++
    note()
    if (random.chance(0.2)) await store.flush()
  }
  if (random.chance(0.5)) await store.close()
  note()
  return moments
}

for (const [seed, options] of [[1, {}], [2, { compatibility: '4.9' }], [4, { mappedFileSizeCommitLog: 2048 }]] as [number, OpenOptions][]) {
  t.test(`power cuts around a deletion, ${JSON.stringify(options)}`, async (t) => {
    const random = new Random(seed, 'deletion')
    const moments = await record(options, random)
    let [whole, gone] = [0, 0]
    for (const [at, { image, isDeleted, acknowledged }] of moments.entries()) {
      const states = new CrashStates(image)
      for (const happened of subsets(states.uncertain.length, random)) {
        const lost = states.uncertain.filter((_, thing) => !happened(thing))
        const story = `moment ${at}, lost: ${lost.join(', ')}`
        const clock = new SteppedClock(START + 100_000)
        let disk = new SimulatedDisk(clock, states.choose(happened))
        let first: string[] | undefined
        // The second open finds what the first has left, as a killed process leaves it.
        for (let round = 0; round < 2; round++) {
          const store = await open(disk, clock, options)
          const found = read(store, 'orders', 0)
          const isWhole = found[0]?.startsWith('old') === true
          first ??= found
          if (isWhole ? isDeleted || found.join() !== old.join() : found.join() !== next(found.length).join() || found.length < acknowledged) {
            t.fail(`${story}; round ${round}: ${found.join()}`)
          }
          if (found.join() !== first.join()) t.fail(`${story}; opened again it is ${found.join()}, not ${first.join()}`)
          const payments = read(store, 'payments', 0)
          if (payments.length < (isDeleted ? OLD + 3 : OLD) || payments.some((body, number) => body !== `old ${number}`)) t.fail(`${story}; payments: ${payments.join()}`)
          const offsets = ['orders', 'payments'].map((topic) => store.config.consumerOffsets.slowestOffset(topic, 0))
          if (offsets[0] !== (isWhole ? 5 : undefined) || offsets[1] !== 5) t.fail(`${story}; round ${round}, ${isWhole ? 'whole' : 'deleted'}: offsets ${offsets.join()}`)
          if (isWhole) whole++
          else gone++
          if (round === 1) {
            const put = await store.put(message({ topic: 'orders', body: Buffer.from('last') }))
            if (put.queueOffset !== found.length) t.fail(`${story}; the next message is ${put.queueOffset}`)
            if (read(store, 'orders', 0).join() !== [...found, 'last'].join()) t.fail(`${story}; the next message is not found`)
          }
          disk = new SimulatedDisk(clock, disk.image())
        }
      }
    }
    t.ok(whole > 0 && gone > 0, `${whole} times whole, ${gone} times deleted, in ${moments.length} moments`)
    t.comment(`${whole} times whole, ${gone} times deleted, in ${moments.length} moments`)
  })
}
