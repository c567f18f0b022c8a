import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { Ledger } from './ledger'
import type { Network } from './network'
import type { ReplicaCommand } from './replica'

/** Milliseconds after which a process hangs that does not answer. */
const PATIENCE = 30_000

/** A process with a store that replicates, and the ledger of what it has acknowledged. */
export class ReplicaProcess {
  /** What it, or whoever watches it, finds wrong. */
  wrong: string[] = []
  ledger: Ledger | undefined
  readonly #process: ChildProcess
  readonly #ended: Promise<void>
  #asked: { answer: string; resolve(rest: string): void } | undefined
  #standardError = ''
  #isToEnd = false

  constructor(network: Network) {
    const [program, ...parameters] = [...network.entrance, process.execPath, join(__dirname, 'replica.js')]
    const child = spawn(program!, parameters, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#process = child
    child.stderr.on('data', (text: Buffer) => {
      this.#standardError += text.toString()
    })
    // Writing to one that has been killed.
    child.stdin.on('error', () => undefined)
    let rest = ''
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) this.#read(line)
    })
    this.#ended = new Promise((resolve) => child.once('close', (code, signal) => {
      if (!this.#isToEnd) this.wrong.push(`the process ended with ${signal ?? code}: ${this.#standardError}`)
      resolve()
    }))
  }

  /** @returns what it says behind `answer` */
  async ask(command: ReplicaCommand, answer: string): Promise<string> {
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<string>((resolve, reject) => {
        this.#asked = { answer, resolve }
        timer = setTimeout(() => reject(new Error(`no answer to ${JSON.stringify(command)} in ${PATIENCE} ms; ${this.wrong.join(', ')}`)), PATIENCE)
        void this.#ended.then(() => reject(new Error(`the process has ended: ${this.wrong.join(', ')}`)))
        this.#process.stdin!.write(`${JSON.stringify(command)}\n`)
      })
    } finally {
      clearTimeout(timer)
    }
  }

  async offset(): Promise<number> {
    return Number(await this.ask({ ask: true }, 'at'))
  }

  stop(): void {
    this.#process.kill('SIGSTOP')
  }

  resume(): void {
    this.#process.kill('SIGCONT')
  }

  /** Kills it, and has read all that it had to say. */
  async kill(): Promise<void> {
    this.#isToEnd = true
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  #read(line: string): void {
    const space = line.indexOf(' ')
    const [word, rest] = space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)]
    if (word === 'sent') {
      if (this.ledger !== undefined) this.ledger.sent = Math.max(this.ledger.sent, Number(rest) + 1)
    } else if (word === 'ack') {
      const [number, queueOffset, offset] = rest.split(' ').map(Number) as [number, number, number]
      this.ledger?.acknowledge(number, { queueOffset, offset })
    } else if (word === 'wrong') {
      this.wrong.push(JSON.parse(rest) as string)
    } else if (word === this.#asked?.answer) this.#asked.resolve(rest)
  }
}
