/**
 * The story: the power fails while files are being deleted. Whatever of it the disk has done, what is left is a log without a gap,
 * queues that begin with its first messages, and an index that finds all of them.
 *
 * Not proved here: disks that do not keep what they were told to (torture).
 */
import t, { type Test } from 'tap'
import { MessageStore, type OpenOptions } from '../../lib/index'
import type { Backend } from '../../lib/storage/ports'
import { CrashStates, type DirectoryImage } from '../torture/disk-image'
import { Random } from '../torture/random'
import { SimulatedDisk } from '../torture/simulated-disk'
import { SteppedClock } from '../torture/stepped-clock'
import { HOUR, NOON, SEGMENT, SetMeter, fillSegments, small } from './support'

const EXHAUSTIVE_MAX = 5

async function open(disk: SimulatedDisk, clock: SteppedClock, options: OpenOptions): Promise<MessageStore> {
  const ports: { backend: Backend; disk: SetMeter } = { backend: disk.backend, disk: new SetMeter() }
  return MessageStore.open('/data/store', { ...small, maxIndexNum: 8, clock, ...options, ports } as OpenOptions)
}

/** Where each message of a queue lies. */
function placesOf(store: MessageStore): Map<string, number> {
  const places = new Map<string, number>()
  for (const { topic, queueId, minOffset, maxOffset } of store.queues()) {
    for (let offset = minOffset; offset < maxOffset; ) {
      const result = store.get({ topic, queueId, offset })
      for (const message of result.messages) places.set(`${queueId} ${message.queueOffset} ${message.keys}`, message.commitLogOffset)
      result.release()
      offset = Math.max(result.nextBeginOffset, offset + 1)
    }
  }
  return places
}

/** Which of what is uncertain has happened: all ways for a few things; else none, all, each alone, all but one, and some more. */
function* ways(things: number, random: Random): Generator<boolean[]> {
  const make = (test: (thing: number) => boolean): boolean[] => Array.from({ length: things }, (_, thing) => test(thing))
  if (things <= EXHAUSTIVE_MAX) {
    for (let number = 0; number < 2 ** things; number++) yield make((thing) => (number & (1 << thing)) !== 0)
    return
  }
  yield make(() => false)
  yield make(() => true)
  for (let one = 0; one < things; one++) {
    yield make((thing) => thing === one)
    yield make((thing) => thing !== one)
  }
  for (let count = 0; count < 8; count++) yield make(() => random.chance(0.5))
}

/** @returns what is wrong with the store that a crash has left */
async function audit(image: DirectoryImage, clock: SteppedClock, options: OpenOptions, expected: ReadonlyMap<string, number>): Promise<string[]> {
  const disk = new SimulatedDisk(clock, image)
  const store = await open(disk, clock, options)
  const wrong = store.recovery.damage.map(({ reason, offset }) => `damage at ${offset}: ${reason}`)
  const { minPhyOffset } = store
  if (minPhyOffset % SEGMENT !== 0 || minPhyOffset > 5 * SEGMENT) wrong.push(`the log begins at ${minPhyOffset}`)
  const found = placesOf(store)
  const left = [...expected].filter(([, offset]) => offset >= minPhyOffset)
  if (found.size !== left.length) wrong.push(`${found.size} messages where ${left.length} are left`)
  for (const [name, offset] of left) {
    if (found.get(name) !== offset) wrong.push(`message ${name} is at ${found.get(name)} and not at ${offset}`)
    const answer = store.query({ topic: 'orders', key: name.split(' ')[2]! })
    if (!answer.commitLogOffsets.includes(offset)) wrong.push(`message ${name} is not found by its key`)
  }
  for (const { queueId, minOffset } of store.queues()) {
    const numbers = left.filter(([name]) => name.startsWith(`${queueId} `)).map(([name]) => Number(name.split(' ')[1]))
    if (minOffset !== Math.min(...numbers)) wrong.push(`queue ${queueId} begins at ${minOffset}`)
    if (minOffset > 0 && store.get({ topic: 'orders', queueId, offset: minOffset - 1 }).status !== 'OFFSET_TOO_SMALL') wrong.push('too small and not told')
  }
  store.append({ topic: 'orders', body: Buffer.from('and on') })
  await store.close()
  return wrong
}

async function crashAnywhere(test: Test, options: OpenOptions): Promise<void> {
  const clock = new SteppedClock(NOON)
  const random = new Random(1)
  const disk = new SimulatedDisk(clock)
  const store = await open(disk, clock, options)
  fillSegments({ store, clock }, 6)
  await store.flush()
  clock.advance(100 * HOUR)
  const expected = placesOf(store)
  const images = new Set<DirectoryImage>()
  disk.onStep = () => images.add(disk.image())
  const { deleted } = await store.retention.deleteNow()
  disk.onStep = undefined
  images.add(disk.image())
  test.same(deleted.filter(({ kind }) => kind === 'commitlog').length, 5)
  test.ok(deleted.some(({ kind }) => kind === 'index') && deleted.some(({ kind }) => kind === 'consumequeue'))
  let count = 0
  for (const image of images) {
    const states = new CrashStates(image)
    for (const happened of ways(states.uncertain.length, random)) {
      const wrong = await audit(states.choose((thing) => happened[thing]!), clock, options, expected)
      const lost = states.uncertain.filter((_, thing) => !happened[thing])
      if (wrong.length > 0) test.same(wrong.slice(0, 5), [], `lost: ${lost.join(', ')}`)
      count++
    }
  }
  test.ok(count > 50, `${count} states of ${images.size} images`)
}

// A simulated disk for each of many states takes its time.
t.setTimeout(120_000)

t.test('4.9', (test) => crashAnywhere(test, { compatibility: '4.9' }))
t.test('5.3', (test) => crashAnywhere(test, { compatibility: '5.3', flushDiskType: 'SYNC_FLUSH' }))
