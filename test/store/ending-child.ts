/**
 * A process of ending.test.ts, which ends in some rude way while it puts. What was acknowledged goes to standard output, a line
 * each, before anything else can happen: the number of the message and its place.
 */
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { MessageStore, isStoreError } from '../../lib/index'
import { audit } from '../torture/audit'
import { Ledger } from '../torture/ledger'
import { makeMessage } from '../torture/messages'
import { Random } from '../torture/random'
import { storeOptions } from './ending-options'

interface Order {
  directory: string
  seed: number
  /** Numbers from here on are not used yet. */
  from: number
}

function tell(line: string): void {
  writeSync(1, `${line}\n`)
}

/** Puts without end, several at once, and reads what it has put. */
async function putForEver({ directory, seed, from }: Order, onAcknowledged: () => void): Promise<void> {
  const store = await MessageStore.open(directory, storeOptions)
  let number = from
  const put = async (): Promise<void> => {
    for (;;) {
      const own = number++
      const { topic, queueId, ...rest } = makeMessage(seed, own)
      const { status, offset, queueOffset } = await store.put({ topic, queueId, ...rest })
      if (status !== 'PUT_OK') throw new Error(status)
      tell(`${own} ${offset} ${queueOffset}`)
      onAcknowledged()
      store.get({ topic, queueId, offset: queueOffset }).messages
    }
  }
  await Promise.all([put(), put(), put(), put()])
}

const endings: Record<string, (order: Order) => Promise<void>> = {
  /** The process exits, with puts, flushes and the preparation of a segment on their way. */
  async exit(order) {
    const random = new Random(order.seed, 'exit')
    let timer: NodeJS.Timeout | undefined
    await putForEver(order, () => {
      timer ??= setTimeout(() => process.exit(0), random.below(100))
    })
  },

  /** Workers are terminated one after the other; the next one opens what the last has left, in the same process. */
  async workers(order) {
    const random = new Random(order.seed, 'workers')
    for (let from = 0; from < 60_000; from += 10_000) {
      const worker = new Worker(__filename, { workerData: { ...order, from } })
      worker.on('error', (error) => tell(`error ${error.message}`))
      // Every other one early, perhaps while it opens the store.
      await once(worker, from % 20_000 === 0 ? 'online' : 'message')
      await delay(random.below(100))
      await worker.terminate()
    }
    const store = await MessageStore.open(order.directory, storeOptions)
    tell(`opened ${store.recovery.label}`)
    await store.close()
  },

  /** Stores that nobody holds any more, not closed, are collected while a put is on its way. */
  async collected(order) {
    const { gc } = globalThis as { gc?: () => void }
    for (let index = 0; index < 10; index++) {
      const ledger = new Ledger(order.seed)
      await leaveOneBehind(join(order.directory, `${index}`), ledger)
      for (let turn = 0; turn < 3; turn++) {
        gc!()
        await delay(1)
      }
      const reader = await MessageStore.open(join(order.directory, `${index}`), { ...storeOptions, readOnly: true })
      for (const wrong of audit(reader, ledger)) tell(`error ${wrong}`)
      await reader.close()
    }
  },
}

async function leaveOneBehind(directory: string, ledger: Ledger): Promise<void> {
  // A clock without timers: nothing but the caller holds the store.
  const clock = { now: () => Date.now(), startTimer: () => () => undefined }
  const store = await MessageStore.open(directory, { ...storeOptions, clock })
  for (let number = 0; number < 20; number++) {
    ledger.sent++
    ledger.acknowledge(number, await store.put(makeMessage(ledger.seed, number)))
  }
  ledger.sent += 2
  void store.put(makeMessage(ledger.seed, 20))
  store.append(makeMessage(ledger.seed, 21))
}

async function main(): Promise<void> {
  if (!isMainThread) return putForEver(workerData as Order, () => parentPort!.postMessage('acknowledged'))
  const [, , how, directory, seed] = process.argv
  await endings[how!]!({ directory: directory!, seed: Number(seed), from: 0 })
}

main().catch((error: unknown) => {
  tell(`error ${isStoreError(error) ? `${error.code} ` : ''}${String(error)}`)
})
