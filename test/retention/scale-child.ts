import { readFileSync, readdirSync } from 'node:fs'
import { MessageStore, type MessageStore as Store } from '../../lib/index'
import { SteppedClock } from '../torture/stepped-clock'
import { HOUR, NOON } from './support'

/** Fills many queues, lets all of it expire while new messages come, and reads those; prints what it took. Run by scale.test.ts. */

const TOPICS = 500
let memory = 0
let descriptors = 0

function measure(): number {
  // What is not a file: pages of maps are the kernel's to take back.
  const status = readFileSync('/proc/self/status', 'latin1')
  memory = Math.max(memory, Number(/RssAnon:\s+(\d+)/.exec(status)![1]) * 1024)
  const open = readdirSync('/proc/self/fd').length
  descriptors = Math.max(descriptors, open)
  return open
}

async function appendRound(store: Store, queues: number, text: string): Promise<void> {
  for (let at = 0; at < queues; at++) {
    const result = store.append({ topic: `topic-${at % TOPICS}`, queueId: Math.floor(at / TOPICS), body: Buffer.from(text) })
    if (!result.isStored()) throw new Error(result.reason)
    if (at % 5000 === 0) {
      measure()
      await new Promise(setImmediate)
    }
  }
}

async function run(directory: string, queues: number, messages: number): Promise<void> {
  const clock = new SteppedClock(NOON)
  const rounds = messages / queues
  // Several files of entries for each queue, so that there is something to delete of each; and 15 segments.
  const options = {
    clock, mappedFileSizeCommitLog: 8 * messages, mappedFileSizeConsumeQueue: 10 * rounds, maxHashSlotNum: 100, maxIndexNum: 100,
    deleteCommitLogFilesInterval: 0, deleteConsumeQueueFilesInterval: 0, deleteFileBatchMax: 50, fileReservedTime: 72,
  }
  const writer = await MessageStore.open(directory, options)
  for (let round = 0; round < rounds; round++) await appendRound(writer, queues, `message ${round}`)
  await writer.close()

  const store = await MessageStore.open(directory, options)
  clock.advance(100 * HOUR)
  await appendRound(store, queues, 'yesterday')
  await appendRound(store, queues, 'today')
  await store.flush()
  const descriptorsBefore = measure()
  const { deleted } = await store.retention.deleteNow()
  const descriptorsAfter = measure()
  let expired = 0
  let read = 0
  let wrong = 0
  for (const { topic, queueId, minOffset, maxOffset } of store.queues()) {
    expired += Math.min(minOffset, rounds)
    const { messages: [first] } = store.get({ topic, queueId, offset: minOffset, maxMessages: 1 })
    if (first?.body.toString() !== (minOffset < rounds ? `message ${minOffset}` : 'yesterday')) wrong++
    const { messages: [last] } = store.get({ topic, queueId, offset: maxOffset - 1 })
    if (maxOffset === rounds + 2 && last?.body.toString() === 'today') read++
  }
  measure()
  await store.close()
  process.stdout.write(JSON.stringify({ expired, read, wrong, memory, descriptors, descriptorsBefore, descriptorsAfter, deletedFiles: deleted.length }))
}

void run(process.argv[2]!, Number(process.argv[3]), Number(process.argv[4]))
