import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { dumpStore } from '../support/dump'
import { putRecorded, type RecordedMessage } from '../support/recorded'
import { LineProcess } from './line-process'
import { compatibilityOf, interopSettings, type EngineVersion, type InteropSettings } from './engine'
import { Player, type Key } from './player'

/** Our store in a process of its own, which answers the same requests as the real engine (java/Harness.java). */

type Request =
  | { command: 'open'; directory: string; settings: OpenOptions }
  | { command: 'put'; messages: string; results: string; rounds: number }
  | { command: 'dump'; output: string }
  | { command: 'offsets-by-time'; topic: string; queueId: number; timestamps: number[] }
  | { command: 'end' }
  | { command: 'follow'; offset: number }
  | { command: 'find'; offsets: number[]; keys: Key[] }
  | { command: 'close' }

export function startPeer(
  version: EngineVersion,
  settings: Readonly<InteropSettings> = interopSettings,
): Player {
  return new Player(new LineProcess(process.execPath, [__filename]), {
    ...settings,
    compatibility: compatibilityOf(version),
  })
}

/** Java waits as long, and asks for as many. */
const FOLLOW_MILLISECONDS = 120_000
const KEY_MAX = 1000

function linesOf(objects: Iterable<object>): string {
  return Array.from(objects, (line) => `${JSON.stringify(line)}\n`).join('')
}

let store: MessageStore | undefined
/** What neither says of the other as long as all is well. */
let complaints: string[] = []

function opened(): MessageStore {
  if (store === undefined) throw new Error('no store is open')
  return store
}

async function open(directory: string, settings: OpenOptions): Promise<void> {
  complaints = []
  const opening = await MessageStore.open(directory, settings)
  store = opening
  for (const name of ['diverged', 'damage'] as const) opening.on(name, (event) => complaints.push(`${name}: ${JSON.stringify(event)}`))
  opening.on('warning', ({ message }) => message.startsWith('the replica ') && complaints.push(message))
  if (settings.brokerRole !== undefined) await opening.replication.start()
}

function end(): number {
  if (complaints.length > 0) throw new Error(complaints.join('\n'))
  return opened().maxPhyOffset
}

async function follow(offset: number): Promise<void> {
  const deadline = Date.now() + FOLLOW_MILLISECONDS
  while (end() < offset && Date.now() < deadline) await pause(5)
  if (end() < offset) throw new Error(`offset ${offset} has not come: ${JSON.stringify(opened().replication.status())}`)
}

function find(offsets: readonly number[], keys: readonly Key[]): object {
  return {
    byOffset: offsets.map((offset) => opened().lookup(offset)?.msgId),
    byKey: keys.map(({ topic, key }) => opened().query({ topic, key, max: KEY_MAX }).commitLogOffsets),
  }
}

async function putAll(messages: string, results: string, rounds: number): Promise<void> {
  const lines = readFileSync(messages, 'utf8').split('\n').slice(0, -1)
  for (let round = 0; round < rounds; round++) {
    for (const line of lines) {
      const result = await putRecorded(opened(), JSON.parse(line) as RecordedMessage)
      // in the file before the next put begins: a killed process has acknowledged exactly these
      appendFileSync(results, linesOf([result]))
    }
  }
}

async function answer(request: Request): Promise<object> {
  switch (request.command) {
    case 'open':
      await open(request.directory, request.settings)
      break
    case 'put':
      await putAll(request.messages, request.results, request.rounds)
      break
    case 'dump':
      writeFileSync(request.output, linesOf(dumpStore(opened())))
      break
    case 'offsets-by-time': {
      const { topic, queueId, timestamps } = request
      return { offsets: timestamps.map((timestamp) => opened().offsetByTime({ topic, queueId, timestamp })) }
    }
    case 'end':
      return { maxPhyOffset: end() }
    case 'follow':
      await follow(request.offset)
      break
    case 'find':
      return find(request.offsets, request.keys)
    case 'close':
      await opened().close()
      break
  }
  return {}
}

async function serve(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const reply = await answer(JSON.parse(line) as Request)
      process.stdout.write(linesOf([reply]))
    } catch (error) {
      process.stdout.write(linesOf([{ error: String(error) }]))
    }
  }
  // the other end is gone: leave as a crash would
  process.exit(0)
}

if (require.main === module) void serve()
