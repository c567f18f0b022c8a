import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordedMessage, RecordedResult } from '../support/recorded'
import { LineProcess } from './line-process'

/** A put of many messages that is under way. */
export interface RunningPut {
  finished: Promise<unknown>
  /** The results so far, in order; each was written after its put was acknowledged and before the next one began. */
  results(): RecordedResult[]
}

/** What a message is found by, besides its place. */
export interface Key {
  topic: string
  key: string
}

/** A store in a process of its own: the real engine (engine.ts) or ours (peer.ts), which cannot be told apart here. */
export class Player {
  readonly #process: LineProcess
  readonly #settings: Readonly<Record<string, unknown>>

  constructor(process: LineProcess, settings: Readonly<Record<string, unknown>>) {
    this.#process = process
    this.#settings = settings
  }

  get pid(): number {
    return this.#process.pid
  }

  /** @param role where it is master or slave, the options that say so: it then begins with that at once */
  async open(directory: string, role: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.#process.request({ command: 'open', directory, settings: { ...this.#settings, ...role } })
  }

  /** Where the log ends. */
  async end(): Promise<number> {
    const { maxPhyOffset } = await this.#process.request({ command: 'end' })
    return maxPhyOffset as number
  }

  /** Slave: resolves once it has everything below an offset of the log, and all of that can be read. */
  async follow(offset: number): Promise<void> {
    await this.#process.request({ command: 'follow', offset })
  }

  /** @param rounds how often all messages are put, one round after the other */
  beginPut(messages: readonly RecordedMessage[], rounds = 1): RunningPut {
    const input = newExchangeFile()
    const output = newExchangeFile()
    writeFileSync(input, messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
    return {
      finished: this.#process.request({ command: 'put', messages: input, results: output, rounds }),
      results: () => (existsSync(output) ? completeLines<RecordedResult>(output) : []),
    }
  }

  async put(messages: readonly RecordedMessage[]): Promise<RecordedResult[]> {
    const put = this.beginPut(messages)
    await put.finished
    return put.results()
  }

  /** Everything that can be read, in the form of `mqstore dump`. */
  async dump(): Promise<object[]> {
    const output = newExchangeFile()
    await this.#process.request({ command: 'dump', output })
    return completeLines(output)
  }

  /**
   * Opens many stores, some at the same time, and closes them again; the real engine only.
   * @returns for each store its dump, or why it cannot be opened
   */
  async readAll(stores: readonly { directory: string; settings: Readonly<object> }[], atOnce: number): Promise<(object[] | Error)[]> {
    return this.#openAll({ command: 'read-all', atOnce }, stores)
  }

  /**
   * Has many stores delete their old files, in `looks` looks, before they are dumped; the real engine only.
   * @param forced whether it takes the disk for too full
   */
  async cleanAll(
    stores: readonly { directory: string; settings: Readonly<object>; manually: boolean; looks: number }[], forced: boolean, atOnce: number,
  ): Promise<(object[] | Error)[]> {
    return this.#openAll({ command: 'clean-all', atOnce, forced }, stores)
  }

  async #openAll(request: { command: string; atOnce: number; forced?: boolean }, stores: readonly object[]): Promise<(object[] | Error)[]> {
    const requests = stores.map((store) => ({ ...store, output: newExchangeFile() }))
    const { failures } = await this.#process.request({ ...request, stores: requests })
    return (failures as (string | null)[]).map((failure, at) => {
      const { output } = requests[at]!
      const dump = failure === null ? completeLines<object>(output) : new Error(failure)
      rmSync(output, { force: true })
      return dump
    })
  }

  /** The queue offset for each of some store times. */
  async offsetsByTime(topic: string, queueId: number, timestamps: readonly number[]): Promise<number[]> {
    const { offsets } = await this.#process.request({
      command: 'offsets-by-time',
      topic,
      queueId,
      timestamps,
    })
    return offsets as number[]
  }

  /**
   * Looks for messages by their offset in the log, and by keys among those from an offset on.
   * @returns the id of each, and for each key the offsets, each once: a store that was killed may have indexed some messages again
   */
  async find(offsets: readonly number[], keys: readonly Key[], from: number): Promise<object[]> {
    const { byOffset, byKey } = await this.#process.request({ command: 'find', offsets, keys })
    return [
      ...offsets.map((offset, at) => ({ offset, found: (byOffset as string[])[at] })),
      ...keys.map((key, at) => ({ ...key, found: [...new Set((byKey as number[][])[at])].filter((offset) => offset >= from) })),
    ]
  }

  async close(): Promise<void> {
    await this.#process.request({ command: 'close' })
  }

  /** A body as the compressor of the real engine writes it. */
  async compress(type: string, body: Buffer): Promise<Buffer> {
    const { bodyBase64 } = await this.#process.request({
      command: 'compress',
      type,
      bodyBase64: body.toString('base64'),
    })
    return Buffer.from(bodyBase64 as string, 'base64')
  }

  /** Ends the process as a crash does. */
  kill(): Promise<void> {
    return this.#process.kill()
  }
}

/** Messages, results and dumps go through files, since a killed process must not take its results along. */
let exchange: string | undefined
let exchangeFiles = 0

function newExchangeFile(): string {
  if (exchange === undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'mqstore-interop-'))
    process.once('exit', () => rmSync(directory, { recursive: true }))
    exchange = directory
  }
  return join(exchange, `${exchangeFiles++}.ndjson`)
}

/** The lines of a file; its last one may be half written. */
function completeLines<Line>(file: string): Line[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
}
