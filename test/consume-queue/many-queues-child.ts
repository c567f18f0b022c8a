import { readFileSync, readdirSync } from 'node:fs'
import { MessageStore } from '../../lib/index'

/** Fills many queues, closes, opens and reads all; prints what it took. Run by many-queues.test.ts. */

let maps = 0
let descriptors = 0

function measure(): void {
  maps = Math.max(maps, readFileSync('/proc/self/maps', 'latin1').split('\n').length)
  descriptors = Math.max(descriptors, readdirSync('/proc/self/fd').length)
}

async function run(directory: string, queues: number): Promise<void> {
  const topicOf = (at: number): string => `topic-${at % 500}`
  const queueIdOf = (at: number): number => Math.floor(at / 500)
  // Queue files of one page each keep the directory small.
  const options = { mappedFileSizeCommitLog: 16 << 20, mappedFileSizeConsumeQueue: 4000, maxHashSlotNum: 100, maxIndexNum: 100 }
  const writer = await MessageStore.open(directory, options)
  for (let at = 0; at < queues; at++) {
    writer.append({ topic: topicOf(at), queueId: queueIdOf(at), body: Buffer.from(String(at)) })
    if (at % 10_000 === 0) measure()
  }
  await writer.flush()
  measure()
  await writer.close()
  const reader = await MessageStore.open(directory, options)
  measure()
  let read = 0
  let wrong = 0
  for (let at = 0; at < queues; at++) {
    const { messages } = reader.get({ topic: topicOf(at), queueId: queueIdOf(at), offset: 0 })
    read += messages.length
    if (messages[0]?.body.toString() !== String(at)) wrong++
    if (at % 10_000 === 0) measure()
  }
  measure()
  await reader.close()
  process.stdout.write(JSON.stringify({ read, wrong, maps, descriptors }))
}

void run(process.argv[2], Number(process.argv[3]))
