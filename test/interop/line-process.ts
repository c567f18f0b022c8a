import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

interface Waiting {
  resolve(reply: Record<string, unknown>): void
  reject(error: Error): void
}

/** How much of what a process says on stderr is kept for error messages. */
const keptErrorOutput = 4000

/** A process that answers each line of JSON on stdin by one on stdout; a reply with `error` is a failure. */
export class LineProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #waiting: Waiting[] = []
  #errorOutput = ''

  constructor(command: string, parameters: readonly string[]) {
    this.#child = spawn(command, parameters, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#exited = once(this.#child, 'close')
    createInterface({ input: this.#child.stdout! }).on('line', (line) =>
      this.#onReply(JSON.parse(line) as Record<string, unknown>),
    )
    this.#child.stderr!.on('data', (output: Buffer) => {
      this.#errorOutput = (this.#errorOutput + output.toString()).slice(-keptErrorOutput)
    })
    this.#child.on('close', () => {
      for (const { reject } of this.#waiting.splice(0))
        reject(new Error(`the process ended without answering\n${this.#errorOutput}`))
    })
    // a request to a process that has ended: the close event tells the story
    this.#child.stdin!.on('error', () => {})
  }

  get pid(): number {
    return this.#child.pid!
  }

  request(request: Record<string, unknown>): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#child.stdin!.write(`${JSON.stringify(request)}\n`)
    })
  }

  /** Ends the process as a crash does; resolves once it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  #onReply(reply: Record<string, unknown>): void {
    const { resolve, reject } = this.#waiting.shift()!
    if (typeof reply.error === 'string') reject(new Error(reply.error))
    else resolve(reply)
  }
}
