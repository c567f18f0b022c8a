import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { dumpStore } from '../support/dump'
import { putRecorded, type RecordedMessage } from '../support/recorded'
import { LineProcess } from './line-process'
import { compatibilityOf, interopSettings, type EngineVersion, type InteropSettings } from './engine'
import { Player } from './player'

/** Our store in a process of its own, which answers the same requests as the real engine (java/Harness.java). */

type Request =
  | { command: 'open'; directory: string; settings: OpenOptions }
  | { command: 'put'; messages: string; results: string; rounds: number }
  | { command: 'dump'; output: string }
  | { command: 'offsets-by-time'; topic: string; queueId: number; timestamps: number[] }
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

function linesOf(objects: Iterable<object>): string {
  return Array.from(objects, (line) => `${JSON.stringify(line)}\n`).join('')
}

let store: MessageStore | undefined

function opened(): MessageStore {
  if (store === undefined) throw new Error('no store is open')
  return store
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
      store = await MessageStore.open(request.directory, request.settings)
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
