import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { systemMachine } from '../../lib/cli/machine'
import { run } from '../../lib/cli/run'
import type { Terminal } from '../../lib/cli/terminal'

/** What a command printed and how it ended. */
export interface Outcome {
  exitCode: number
  stdout: string
  stderr: string
  /** stdout, line by line, as JSON. */
  readonly lines: any[]
}

/** Runs a command in this process. */
export async function command(words: readonly string[], input: string | Readable = '', given: Partial<Terminal> = {}): Promise<Outcome> {
  const stdout = new Collector()
  const stderr = new Collector()
  const stdin = typeof input === 'string' ? Readable.from([Buffer.from(input)]) : input
  const exitCode = await run(words, terminalOf({ stdin, stdout, stderr, ...given }))
  return outcome(exitCode, stdout.text, stderr.text)
}

/** What a test does not give is there, and quiet. */
export function terminalOf(given: Partial<Terminal>): Terminal {
  return {
    stdin: Readable.from([]), stdout: new Collector(), stderr: new Collector(), environment: {}, machine: systemMachine,
    catchInterrupt: () => new AbortController().signal, ...given,
  }
}

/** Runs a command in a process of its own. */
export function spawnCommand(words: readonly string[]): {
  child: ChildProcessByStdio<Writable, Readable, Readable>
  ended: Promise<Outcome>
  /** What has been printed so far. */
  stdout: Collector
  stderr: Collector
} {
  const main = join(__dirname, '..', '..', 'lib', 'cli', 'main.js')
  const child = spawn(process.execPath, [main, ...words], { stdio: ['pipe', 'pipe', 'pipe'] })
  const stdout = new Collector()
  const stderr = new Collector()
  child.stdout.pipe(stdout)
  child.stderr.pipe(stderr)
  const ended = new Promise<Outcome>((resolve) => {
    child.on('close', (code) => resolve(outcome(code ?? -1, stdout.text, stderr.text)))
  })
  return { child, ended, stdout, stderr }
}

export class Collector extends Writable {
  text = ''
  #waiting: { wanted: RegExp; resolve: () => void }[] = []

  override _write(chunk: Buffer | string, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    for (const { wanted, resolve } of this.#waiting) if (wanted.test(this.text)) resolve()
    done()
  }

  /** Resolves once the text has what is wanted. */
  waitFor(wanted: RegExp): Promise<void> {
    if (wanted.test(this.text)) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ wanted, resolve }))
  }
}

function outcome(exitCode: number, stdout: string, stderr: string): Outcome {
  return {
    exitCode,
    stdout,
    stderr,
    get lines() {
      return stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as unknown)
    },
  }
}
