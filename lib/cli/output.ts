import { once } from 'node:events'
import { progressText, type WorkProgress } from './progress'
import { painterFor, type Painter } from './screen'
import type { Terminal } from './terminal'

/** Whoever read our output has gone: the command ends, quietly. */
export class OutputClosed extends Error {}

/** Lines are handed on in pieces of this many characters. */
const PIECE = 1 << 16
/** Milliseconds between two lines of progress. */
const PROGRESS_EVERY = 100

/** Data to stdout, as fast as it is taken there; messages and progress to stderr. */
export class Output {
  /** For lines to stdout. */
  readonly paint: Painter
  readonly #terminal: Terminal
  #waiting = ''
  #failure: Error | undefined
  #progressAt = 0
  #progressWidth = 0
  /** What is under way, and since when. */
  #phase: string | undefined
  #phaseFrom = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
    this.paint = painterFor(terminal.stdout, terminal.environment)
    terminal.stdout.on('error', this.#onError)
  }

  /** Hands on a line now or with later ones. @throws OutputClosed, or what the write failed with */
  async line(text: string): Promise<void> {
    this.#waiting += text + '\n'
    if (this.#waiting.length >= PIECE) await this.flush()
  }

  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value))
  }

  /** Hands on all lines. @throws OutputClosed, or what the write failed with */
  async flush(): Promise<void> {
    this.#assertOpen()
    const text = this.#waiting
    this.#waiting = ''
    if (text === '') return
    this.#clearProgress()
    if (this.#terminal.stdout.write(text)) return
    // An error ends the wait, too; which one is known from the listener.
    await once(this.#terminal.stdout, 'drain').catch(() => undefined)
    this.#assertOpen()
  }

  /** A line for people. */
  message(text: string): void {
    this.#clearProgress()
    this.#terminal.stderr.write(`${text}\n`)
  }

  /** Says how far the work is, where somebody watches. */
  progress(progress: WorkProgress): void {
    const now = performance.now()
    if (this.#phase !== progress.phase) [this.#phase, this.#phaseFrom] = [progress.phase, now]
    if (this.#terminal.stderr.isTTY !== true || now - this.#progressAt < PROGRESS_EVERY) return
    this.#progressAt = now
    const text = progressText(progress, now - this.#phaseFrom)
    this.#terminal.stderr.write(`\r${text.padEnd(this.#progressWidth)}`)
    this.#progressWidth = text.length
  }

  /** Hands on what waits, and lets go of the streams. */
  async end(): Promise<void> {
    this.#clearProgress()
    try {
      await this.flush()
    } finally {
      // Errors of writes under way still arrive; nobody wants to hear of them any more.
      setImmediate(() => this.#terminal.stdout.off('error', this.#onError))
    }
  }

  #clearProgress(): void {
    if (this.#progressWidth > 0) this.#terminal.stderr.write(`\r${' '.repeat(this.#progressWidth)}\r`)
    this.#progressWidth = 0
  }

  #assertOpen(): void {
    if (this.#failure === undefined) return
    throw (this.#failure as { code?: unknown }).code === 'EPIPE' ? new OutputClosed() : this.#failure
  }

  readonly #onError = (error: Error): void => {
    this.#failure ??= error
  }
}
