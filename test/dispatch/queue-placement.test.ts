/**
 * The story: queues are made again from the log, and a bit has flipped in what a message says of its place. It may lose its own
 * place by that; no other message does.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore } from '../../lib/index'
import { SEGMENT, appendMessages, range, segmentFiles, small, temporaryDirectory } from '../recovery/support'
import { StillClock, openStore, overwrite } from '../store/support'

const COUNT = 80
const QUEUE_ID = 12
const QUEUE_OFFSET = 20

/** A store that was killed, its queues gone or there, one record of which has been changed. */
async function makeDamaged(t: Test, number: number, change: (file: string, position: number) => void, keepsQueues: boolean): Promise<string> {
  const directory = temporaryDirectory(t)
  const clock = new StillClock()
  const store = await openStore(t, directory, { ...small, clock })
  for (let from = 0; from < COUNT; from++) {
    clock.advance(1000)
    appendMessages(store, from, from + 1)
  }
  const { topic, queueId } = { topic: number % 2 === 0 ? 'orders' : 'payments', queueId: Math.floor(number / 2) % 2 }
  const offset = store.get({ topic, queueId, offset: Math.floor(number / 4), maxMessages: 1 }).commitLogOffsets[0]!
  await store.close()
  change(segmentFiles(directory)[Math.floor(offset / SEGMENT)]!, offset % SEGMENT)
  writeFileSync(join(directory, 'abort'), '')
  if (!keepsQueues) rmSync(join(directory, 'consumequeue'), { recursive: true })
  return directory
}

async function numbersAt(directory: string): Promise<number[]> {
  const store = await MessageStore.open(directory, small)
  const found: number[] = []
  for (const topic of ['orders', 'payments']) {
    for (const queueId of [0, 1]) {
      for await (const { bornTimestamp, queueOffset } of store.read({ topic, queueId, offset: 0, follow: false })) {
        if (queueOffset === Math.floor(bornTimestamp / 4)) found.push(bornTimestamp)
      }
    }
  }
  await store.close()
  return found.sort((left, right) => left - right)
}

const without = (...numbers: number[]): number[] => range(0, COUNT).filter((other) => !numbers.includes(other))

for (const keepsQueues of [true, false]) {
  const how = keepsQueues ? 'its queues there' : 'its queues gone'
  t.test(`a queue offset that is further on, ${how}`, async (t) => {
    for (const claimed of [6, 9, 1000]) {
      const directory = await makeDamaged(t, 20, (file, position) => overwrite(file, position + QUEUE_OFFSET + 6, Buffer.from([claimed >> 8, claimed & 0xff])), keepsQueues)
      const numbers = await numbersAt(directory)
      t.same(without(20).filter((number) => !numbers.includes(number)), [], `${claimed}: all others are at their places`)
    }
  })

  t.test(`a queue offset that is taken, or none, ${how}`, async (t) => {
    for (const bytes of [[0x80, 0, 0, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 0, 0, 1]]) {
      const directory = await makeDamaged(t, 20, (file, position) => overwrite(file, position + QUEUE_OFFSET, Buffer.from(bytes)), keepsQueues)
      t.same(await numbersAt(directory), without(20), 'all others are at their places')
    }
  })
}

t.test('another queue, where it comes before the message that has its place: the entry from before tells which', async (t) => {
  const directory = await makeDamaged(t, 20, (file, position) => overwrite(file, position + QUEUE_ID, Buffer.from([0, 0, 0, 1])), true)
  t.same(await numbersAt(directory), without(20))
})

t.test('another queue, and no number, where the scan begins again before the next one of it: it takes no place twice', async (t) => {
  const directory = await makeDamaged(t, 57, (file, position) => {
    const bytes = readFileSync(file)
    // Of no queue: the next of its own lacks it, and the scan begins again there.
    bytes.writeInt32BE(-1, position + QUEUE_ID)
    for (let number = 57; number < 60; number++) position += bytes.readInt32BE(position)
    bytes.writeInt32BE(1, position + QUEUE_ID)
    bytes.writeBigInt64BE(-5n, position + QUEUE_OFFSET)
    writeFileSync(file, bytes)
  }, true)
  t.same(await numbersAt(directory), without(57, 60))
})

t.test('another queue, whose entry from before is lost: that of the true queue tells that it does not belong there', async (t) => {
  const directory = await makeDamaged(t, 60, (file, position) => overwrite(file, position + QUEUE_ID, Buffer.from([0, 0, 0, 1])), true)
  overwrite(join(directory, 'consumequeue', 'orders', '1', '00000000000000000000'), 15 * 20, Buffer.alloc(20))
  t.same(await numbersAt(directory), without(60))
})
