/**
 * The story: a store was closed in order, and since then bytes of its queue files have changed. No open reads all of a large store:
 * whoever reads the messages still gets each of them, at its offset, and never another one.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore, type Damage, type OpenOptions } from '../../lib/index'
import { makeStore, range, readNumbers, segmentFiles, small } from '../recovery/support'
import { overwrite } from '../store/support'

const COUNT = 120
const ENTRY = 20
const queueFile = (directory: string, file = 0): string => join(directory, 'consumequeue', 'orders', '0', String(file * 400).padStart(20, '0'))

interface Watched {
  store: MessageStore
  warnings: string[]
  damage: Damage[]
}

async function open(t: Test, directory: string, options: OpenOptions = {}): Promise<Watched> {
  const store = await MessageStore.open(directory, { ...small, ...options })
  const warnings: string[] = []
  const damage: Damage[] = []
  store.on('warning', ({ message }) => warnings.push(message))
  store.on('damage', (found) => damage.push(found))
  t.teardown(() => store.close())
  return { store, warnings, damage }
}

/** Puts the entry of another message in the place of entry `index`. */
function copyEntry(directory: string, from: string, index: number): void {
  overwrite(queueFile(directory), index * ENTRY, readFileSync(join(directory, 'consumequeue', from)).subarray(index * ENTRY, (index + 1) * ENTRY))
}

const changes: { name: string; change(directory: string): void }[] = [
  { name: 'an entry that leads to another queue', change: (directory) => copyEntry(directory, 'payments/0/00000000000000000000', 3) },
  { name: 'an entry that leads to another message of the queue', change: (directory) => overwrite(queueFile(directory), 3 * ENTRY, readFileSync(queueFile(directory)).subarray(0, ENTRY)) },
  { name: 'an entry of a negative offset, the first', change: (directory) => overwrite(queueFile(directory), 0, Buffer.from([0x80])) },
  { name: 'an entry of a negative offset, the last of its file', change: (directory) => overwrite(queueFile(directory), 19 * ENTRY, Buffer.from([0x80])) },
  { name: 'an entry of another size', change: (directory) => overwrite(queueFile(directory), 3 * ENTRY + 11, Buffer.from([1])) },
  { name: 'an entry of a size beyond everything', change: (directory) => overwrite(queueFile(directory), 3 * ENTRY + 8, Buffer.from([0x7f])) },
  { name: 'entries of zeros', change: (directory) => overwrite(queueFile(directory), 2 * ENTRY, Buffer.alloc(9 * ENTRY)) },
  { name: 'the last entry', change: (directory) => overwrite(queueFile(directory, 1), 9 * ENTRY, Buffer.alloc(ENTRY, 0x33)) },
  { name: 'an entry behind the last', change: (directory) => overwrite(queueFile(directory, 1), 10 * ENTRY + 8, Buffer.from([1])) },
  { name: 'a first file that is gone', change: (directory) => rmSync(queueFile(directory)) },
]

for (const { name, change } of changes) {
  t.test(name, async (t) => {
    const directory = await makeStore(t, COUNT)
    change(directory)
    const damaged = readFileSync(queueFile(directory, 1))
    const reader = await open(t, directory, { readOnly: true })
    t.same(await readNumbers(reader.store), range(0, COUNT), 'a reader that must not write has every message')
    t.same(readFileSync(queueFile(directory, 1)), damaged, 'and has not written')
    await reader.store.close()
    const { store, damage } = await open(t, directory)
    t.same(await readNumbers(store), range(0, COUNT), 'every message is there, at its offset')
    t.same(damage, [], 'nothing of the log is damaged')
    t.equal(store.append({ topic: 'orders', body: Buffer.from('message 120') }).queueOffset, COUNT / 4, 'the next one gets the next place')
    await store.close()
    const again = await open(t, directory)
    t.same(await readNumbers(again.store), range(0, COUNT + 1))
    t.same(again.warnings.filter((text) => /made again/.test(text)), [], 'the entries have been made again for good')
    t.equal(again.store.recovery.label, '@clean')
  })
}

t.test('who makes entries again says so', async (t) => {
  const directory = await makeStore(t, COUNT)
  overwrite(queueFile(directory), 3 * ENTRY, Buffer.alloc(ENTRY, 7))
  const { store, warnings } = await open(t, directory)
  t.equal(store.get({ topic: 'orders', queueId: 0, offset: 3 }).messages[0]!.queueOffset, 3)
  store.get({ topic: 'orders', queueId: 0, offset: 3 })
  t.equal(warnings.filter((text) => /1 entries of the queue orders\/0/.test(text)).length, 1, 'once')
})

t.test('a message that says it is another one is left out, and told of', async (t) => {
  const directory = await makeStore(t, COUNT)
  const [first] = segmentFiles(directory)
  const queueId = 12
  overwrite(first!, queueId, Buffer.from([0, 0, 0, 1]))
  const { store, damage } = await open(t, directory)
  const found = store.get({ topic: 'orders', queueId: 0, offset: 0 })
  t.equal(found.messages[0]!.queueOffset, 1, 'the next one is read')
  t.equal(store.get({ topic: 'orders', queueId: 1, offset: 0 }).messages[0]!.bornTimestamp, 2, 'and the other queue has its own')
  t.match(damage, [{ file: first, offset: 0, resumeOffset: found.commitLogOffsets[0] }])
  t.equal(store.get({ topic: 'orders', queueId: 0, offset: 0 }).messages.length, found.messages.length)
  t.equal(damage.length, 1, 'once')
})

t.test('a body that is not the one that was stored is left out', async (t) => {
  const directory = await makeStore(t, COUNT)
  overwrite(segmentFiles(directory)[0]!, 90, Buffer.from([0xff]))
  const { store, damage } = await open(t, directory)
  t.equal(store.get({ topic: 'orders', queueId: 0, offset: 0 }).messages[0]!.queueOffset, 1)
  t.equal(damage.length, 1)
})

for (const [where, offset] of [['behind the log', 2 ** 50], ['nowhere', -1]] as const) {
  t.test(`an entry that leads ${where}, of a message that is lost, says nothing of those behind it`, async (t) => {
    const directory = await makeStore(t, COUNT)
    const [first] = segmentFiles(directory)
    const entry = readFileSync(queueFile(directory)).subarray(3 * ENTRY, 4 * ENTRY)
    overwrite(first!, Number(entry.readBigInt64BE()) + 4, Buffer.alloc(4))
    entry.writeBigInt64BE(BigInt(offset))
    overwrite(queueFile(directory), 3 * ENTRY, entry)
    const { store, damage } = await open(t, directory)
    const found = store.get({ topic: 'orders', queueId: 0, offset: 2, maxMessages: 3 })
    t.same(found.messages.map(({ queueOffset }) => queueOffset), [2, 4, 5], 'all others are read')
    t.equal(store.get({ topic: 'orders', queueId: 0, offset: 3 }).messages[0]!.queueOffset, 4)
    t.equal(damage.length, 1, 'and the lost one is told of')
  })
}
