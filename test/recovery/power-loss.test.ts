/**
 * What the simulated crashes have found, each by itself: the shortest way to the state, and what has to hold there. That there
 * is nothing else to be found is for the torture.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MessageStore, type OpenOptions } from '../../lib/index'
import type { Backend } from '../../lib/storage/ports'
import { recordLength } from '../store/support'
import { CrashStates, SECTOR, type DirectoryImage } from '../torture/disk-image'
import { SimulatedDisk } from '../torture/simulated-disk'
import { SteppedClock } from '../torture/stepped-clock'
import { appendMessages, makeCrashedStore, range, readNumbers, small } from './support'

const clock = new SteppedClock(Date.UTC(2024, 0, 2, 3, 4, 5))

function open(disk: SimulatedDisk, options: OpenOptions = {}): Promise<MessageStore> {
  const ports: { backend: Backend } = { backend: disk.backend }
  return MessageStore.open('/data/store', { ...small, clock, ...options, ports } as OpenOptions)
}

/** The disk after a power cut; `keeps` says of what the disk was not told to keep whether it did. */
function afterPowerCut(image: DirectoryImage, keeps: (what: string) => boolean): SimulatedDisk {
  const states = new CrashStates(image)
  return new SimulatedDisk(clock, states.choose((number) => keeps(states.uncertain[number]!)))
}

const message = (number: number, size = 30): { topic: string; body: Buffer } =>
  ({ topic: 'orders', body: Buffer.from(`message ${number} ${'x'.repeat(size - 10)}`) })

t.test('an acknowledged message is there although nobody had made its directory before', async (t) => {
  const disk = new SimulatedDisk(clock)
  const store = await open(disk, { flushDiskType: 'SYNC_FLUSH' })
  t.equal((await store.put(message(0))).status, 'PUT_OK')
  const again = await open(afterPowerCut(disk.image(), () => false))
  t.same(await readNumbers(again), [0])
})

t.test('a record whose last sector is not there is none', async (t) => {
  const disk = new SimulatedDisk(clock)
  const store = await open(disk)
  const rest = 5
  const properties = { KEYS: 'a key that reaches into the next sector' }
  const propertiesLength = 'KEYS'.length + properties.KEYS.length + 2
  const filler = SECTOR + rest - recordLength('orders', 0, propertiesLength)
  store.append({ ...message(0, filler), properties })
  t.equal(store.maxPhyOffset, SECTOR + rest)
  const again = await open(afterPowerCut(disk.image(), (what) => !what.endsWith(`commitlog/00000000000000000000 sector at ${SECTOR}`)))
  t.equal(again.maxPhyOffset, 0)
  t.same(await readNumbers(again), [])
})

t.test('properties that look like those of a record cut short are refused', async (t) => {
  const store = await open(new SimulatedDisk(clock), { compatibility: '4.9' })
  for (const value of ['ends in \0', `holds ${'\0'.repeat(SECTOR)} a sector`]) {
    t.equal(store.append({ ...message(0), properties: { value } }).status, 'MESSAGE_ILLEGAL')
  }
  t.equal(store.append({ ...message(0), properties: { value: 'has a \0 within' } }).status, 'PUT_OK')
})

t.test('no queue is on the disk before its log', async (t) => {
  const disk = new SimulatedDisk(clock)
  const store = await open(disk)
  store.append(message(0))
  clock.advance(61_000)
  const isOfLog = (what: string): boolean => what.includes('commitlog')
  const again = await open(afterPowerCut(disk.image(), (what) => !isOfLog(what)))
  t.same(await readNumbers(again), [])
})

t.test('no queue is on the disk before its log, also where an open makes it while it reads', async (t) => {
  const killed = new SimulatedDisk(clock)
  appendMessages(await open(killed), 0, 300)
  const disk = new SimulatedDisk(clock, killed.image())
  const cuts: SimulatedDisk[] = []
  disk.onStep = () => cuts.push(afterPowerCut(disk.image(), (what) => !what.includes('commitlog')))
  await open(disk)
  const withQueue = cuts.filter(({ backend }) => (backend.files.list('/data/store/consumequeue/orders/0')?.length ?? 0) > 0)
  t.ok(withQueue.length > 0, `${withQueue.length} moments at which the queue is there`)
  for (const cut of withQueue) t.ok(await open(cut), 'the log is there as well')
})

t.test('what a killed process has written is on the disk once the next one has it', async (t) => {
  const disk = new SimulatedDisk(clock)
  const store = await open(disk)
  store.append(message(0))
  const next = new SimulatedDisk(clock, disk.image())
  t.same(await readNumbers(await open(next)), [0])
  const again = await open(afterPowerCut(next.image(), () => false))
  t.same(await readNumbers(again), [0])
})

t.test('4.9: what one recovery has stepped over the next one steps over too', async (t) => {
  const disk = new SimulatedDisk(clock)
  const store = await open(disk, { compatibility: '4.9' })
  for (const number of range(0, 3)) store.append(message(number, SECTOR))
  const torn = afterPowerCut(disk.image(), (what) => !/commitlog.*sector at (512|1024)$/.test(what) && !what.includes('checkpoint'))
  const recovered = await open(torn, { compatibility: '4.9', flushDiskType: 'SYNC_FLUSH' })
  const kept = recovered.recovery.logEnd
  t.equal((await recovered.put(message(3))).offset, kept)
  const again = await open(afterPowerCut(torn.image(), () => false), { compatibility: '4.9' })
  t.equal(again.lookup(kept)?.body.toString(), message(3).body.toString())
})

t.test('a queue that has lost a file in the middle is made again', async (t) => {
  const directory = await makeCrashedStore(t, 300)
  rmSync(join(directory, 'consumequeue', 'orders', '0', '00000000000000000400'), { force: true })
  const store = await MessageStore.open(directory, small)
  t.same(await readNumbers(store), range(0, 300))
  await store.close()
})

t.test('two flushes at a time: the checkpoint says nothing that the first has yet to do', async (t) => {
  const disk = new SimulatedDisk(clock)
  const store = await open(disk, { compatibility: '4.9' })
  const seen: string[] = []
  const { syncDirectory, sync } = disk.backend.files
  disk.backend.files.syncDirectory = async (path) => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resume) => setImmediate(resume))
    await syncDirectory(path)
    seen.push(path)
  }
  disk.backend.files.sync = async (descriptor) => {
    await sync(descriptor)
    const checkpoint = disk.backend.files.status('/data/store/checkpoint')
    if (checkpoint?.inode === disk.backend.files.statusOf(descriptor).inode) seen.push('checkpoint')
  }
  store.append(message(0))
  await Promise.all([store.flush(), store.flush()])
  t.ok(seen.indexOf('/data/store/consumequeue/orders/0') < seen.indexOf('checkpoint'))
  t.ok(seen.includes('checkpoint'))
})

t.test('the names of queue files that a killed process has made are on the disk before the checkpoint that vouches for them', async (t) => {
  const disk = new SimulatedDisk(clock)
  const store = await open(disk, { flushDiskType: 'SYNC_FLUSH' })
  await store.put(message(0))
  clock.advance(1000)
  const next = new SimulatedDisk(clock, disk.image())
  await open(next)
  const { uncertain } = new CrashStates(next.image())
  t.same(uncertain.filter((what) => /consumequeue|index\/ /.test(what)), [])
})
