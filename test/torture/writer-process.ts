import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Ledger } from './ledger'
import type { WriterJob } from './writer'

/** A writer, and the ledger of what it has said. */
export class WriterProcess {
  readonly process: ChildProcess
  /** Resolves with the exit code or the signal once all that it said has been read. */
  readonly ended: Promise<number | string>
  /** Resolves when it waits for its first job. */
  readonly ready: Promise<void>
  /** What went wrong in the writer's own eyes, since the last job began. */
  errors: { code?: string; message: string }[] = []
  /** Lines `ack` since the last job began. */
  acknowledgements = 0
  /** Lines of any kind since the last job began. */
  lines = 0
  #ledger = new Ledger(0)
  #watchers: { line: string; resolve(): void }[] = []
  #standardError = ''
  #isDone = false

  constructor(environment: Record<string, string> = {}) {
    this.process = spawn(process.execPath, [join(__dirname, 'writer.js')], {
      env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.process.stderr!.on('data', (text: Buffer) => {
      this.#standardError += text.toString()
    })
    // Writing to one that has been killed.
    this.process.stdin!.on('error', () => {})
    let rest = ''
    this.process.stdout!.setEncoding('latin1').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      // What a kill has cut short says nothing.
      rest = lines.pop()!
      for (const line of lines) this.#read(line)
    })
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        for (const { resolve: tell } of this.#watchers.splice(0)) tell()
        resolve(signal ?? code!)
      })
    })
    this.ready = this.heard('ready')
  }

  get standardError(): string {
    return this.#standardError
  }

  /** Resolves when it has said this, or has ended. */
  heard(line: 'ready' | 'done'): Promise<void> {
    if (line === 'done' && this.#isDone) return Promise.resolve()
    if (this.hasEnded) return this.ended.then(() => {})
    return new Promise((resolve) => this.#watchers.push({ line, resolve }))
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  /** Whether it says so many lines, or ends its job, and is never silent for longer than this. */
  async saysLines(lines: number, milliseconds: number): Promise<boolean> {
    let heard = this.lines
    let heardAt = Date.now()
    while (this.lines < lines && !this.#isDone && !this.hasEnded) {
      if (this.lines > heard) {
        heard = this.lines
        heardAt = Date.now()
      }
      if (Date.now() - heardAt > milliseconds) return false
      await new Promise((resume) => setTimeout(resume, 1))
    }
    return true
  }

  /** Begins a job, of which the ledger is kept. */
  begin(job: WriterJob, ledger: Ledger): void {
    this.#ledger = ledger
    this.errors = []
    this.acknowledgements = 0
    this.lines = 0
    this.#isDone = false
    this.process.stdin!.write(`${JSON.stringify(job)}\n`)
  }

  /** Resolves once none of its threads runs, nor is in the middle of a system call. */
  async stop(): Promise<void> {
    this.process.kill('SIGSTOP')
    while (!this.hasEnded && !this.#isStopped()) await new Promise((resume) => setTimeout(resume, 1))
  }

  resume(): void {
    this.process.kill('SIGCONT')
  }

  /** Kills it, where it still runs, and has heard all it had to say then. */
  async end(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
  }

  #isStopped(): boolean {
    const tasks = `/proc/${this.process.pid}/task`
    return readdirSync(tasks).every((task) => /^State:\tT/m.test(readFileSync(`${tasks}/${task}/status`, 'latin1')))
  }

  #read(line: string): void {
    const [kind, ...rest] = line.split(' ')
    this.lines++
    if (kind === 'done') this.#isDone = true
    if (kind === 'sent') {
      this.#ledger.sent = Math.max(this.#ledger.sent, Number(rest[0]) + 1)
    } else if (kind === 'ack') {
      const [number, queueOffset, offset] = rest.map(Number) as [number, number, number]
      this.acknowledgements++
      this.#ledger.acknowledge(number, { queueOffset, offset })
    } else if (kind === 'error') {
      this.errors.push(JSON.parse(line.slice('error '.length)) as { code?: string; message: string })
    }
    for (const watcher of this.#watchers.filter((one) => one.line === kind)) watcher.resolve()
    this.#watchers = this.#watchers.filter((one) => one.line !== kind)
  }
}
