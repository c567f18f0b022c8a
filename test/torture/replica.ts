/**
 * A process of its own with a store that is master or slave, to be killed, stopped or cut off from the others. It takes commands,
 * lines of JSON, on its input, and answers each on its output with a line:
 *
 *   {"open": {directory, options}}      open PORT      the store replicates; a master listens on that port
 *   {"put": {seed, from, inFlight}}     putting        messages are put, so many at the same time
 *   {"end": true}                       ended          none is put any more, and all have their answer
 *   {"ask": true}                       at OFFSET      where the log ends
 *   {"close": true}                     closed         the store is closed
 *
 * In between it says `sent N` before message N is put, `ack N Q O` when that is acknowledged, at queue offset Q and commit log
 * offset O, and `wrong TEXT` when something happens that should not.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { makeMessage } from './messages'

export type ReplicaCommand =
  | { open: { directory: string; options: OpenOptions } }
  | { put: { seed: number; from: number; inFlight: number } }
  | { end: true }
  | { ask: true }
  | { close: true }

/** Milliseconds before whoever was refused tries again with another message. */
const PAUSE_AFTER_REFUSAL = 20

/** What nobody ever changes, to wait for. */
const nobody = new Int32Array(new SharedArrayBuffer(4))

let store: MessageStore | undefined
let lanes: Promise<void>[] = []
let isEnding = false

/** At once, whatever becomes of this process then: where nobody has read for a while, it waits. */
function say(line: string): void {
  for (let rest = Buffer.from(`${line}\n`); rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(nobody, 0, 0, 1)
    }
  }
}

function accuse(text: string): void {
  say(`wrong ${JSON.stringify(text)}`)
}

async function perform(command: ReplicaCommand): Promise<string> {
  if ('open' in command) {
    store = await MessageStore.open(command.open.directory, command.open.options)
    for (const { offset, reason } of store.recovery.damage) accuse(`damage at ${offset}: ${reason}`)
    store.on('damage', ({ offset, reason }) => accuse(`damage was sent for ${offset}: ${reason}`))
    store.on('diverged', (divergence) => accuse(`diverged: ${JSON.stringify(divergence)}`))
    store.on('failed', ({ error }) => accuse(`stopped: ${error.stack}`))
    await store.replication.start()
    return `open ${store.replication.status().address?.split(':').at(-1) ?? 0}`
  }
  if (store === undefined) throw new Error('no store is open')
  if ('put' in command) {
    const { seed, from, inFlight } = command.put
    const numbers = { next: from }
    const open = store
    isEnding = false
    lanes = Array.from({ length: inFlight }, () => putAll(open, seed, numbers))
    return 'putting'
  }
  if ('end' in command) {
    isEnding = true
    await Promise.all(lanes)
    return 'ended'
  }
  if ('ask' in command) return `at ${store.maxPhyOffset}`
  await store.close()
  return 'closed'
}

async function putAll(open: MessageStore, seed: number, numbers: { next: number }): Promise<void> {
  while (!isEnding) {
    const number = numbers.next++
    say(`sent ${number}`)
    const { status, queueOffset, offset } = await open.put(makeMessage(seed, number))
    if (status === 'PUT_OK') say(`ack ${number} ${queueOffset} ${offset}`)
    await new Promise((resume) => (status === 'PUT_OK' ? setImmediate(resume) : setTimeout(resume, PAUSE_AFTER_REFUSAL)))
  }
}

async function main(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(await perform(JSON.parse(line) as ReplicaCommand))
    } catch (error) {
      accuse((error as Error).stack!)
    }
  }
  process.exit()
}

void main()
