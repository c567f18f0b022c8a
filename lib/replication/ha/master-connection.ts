import type { Duplex } from 'node:stream'
import { StoreError } from '../../errors'
import { REPORT_LENGTH, writeReport } from '../../format/ha-frame'
import type { OffsetHistory } from '../offset-history'
import type { HaContext } from './context'
import { FrameParser, type FrameSink } from './frame-parser'
import { IdleTimer } from './idle-timer'
import type { OpenConnection, Receiver } from './open-connection'
import { SilenceGuard } from './silence-guard'
import { WireError } from './wire-error'

/** The engine's own limit for connecting. */
const CONNECT_MILLISECONDS = 5000

/** How a connection has ended. */
export interface MasterConnectionEnd {
  /** Whether it ever stood. */
  wasConnected: boolean
  /** Whether the master has said something that was as it should be. */
  wasHeard: boolean
  reason: string
  /** What went wrong on this side; undefined where only the connection has ended. */
  error: unknown
}

/**
 * A slave's end of a connection. It reports at once where it stands, and asks for the end of its log again: only when the log has
 * found that to be the same does it report more. Reports that come in quick succession become one.
 */
export class MasterConnection implements FrameSink, Receiver {
  /** Resolves once nothing is left of the connection. */
  readonly closed: Promise<void>
  readonly #context: HaContext
  readonly #master: string
  readonly #masterHistory: OffsetHistory
  readonly #onEnd: (end: MasterConnectionEnd) => void
  readonly #socket: Duplex
  readonly #frames = new FrameParser(this)
  readonly #report = Buffer.alloc(REPORT_LENGTH)
  readonly #reportView = new DataView(this.#report.buffer, this.#report.byteOffset, REPORT_LENGTH)
  readonly #cancelConnect: () => void
  #connectedSince: number | undefined
  #heard: SilenceGuard | undefined
  #said: IdleTimer | undefined
  #endGrowth: (() => void) | undefined
  /** Where the next frame has to begin; undefined where the master decides. */
  #expected: number | undefined
  /** Up to here the master's log is compared with what is here. */
  #ownEnd = 0
  #masterOffset = 0
  /** When a heartbeat came where there should have been bytes that we have. */
  #silentSince: number | undefined
  /** What is to be reported, and what has been. */
  #due = 0
  #reported = -1
  #isReporting = false
  #wasHeard = false
  #isOver = false

  constructor(context: HaContext, open: OpenConnection, master: string, history: OffsetHistory, onEnd: (end: MasterConnectionEnd) => void) {
    this.#context = context
    this.#master = master
    this.#masterHistory = history
    this.#onEnd = onEnd
    const socket = open(this)
    this.#socket = socket
    this.#cancelConnect = context.clock.startTimer(CONNECT_MILLISECONDS, () => this.end(`no connection within ${CONNECT_MILLISECONDS} ms`))
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', (error) => this.end(error.message))
    socket.on('end', () => this.end('it closed the connection'))
    socket.on('close', () => this.end('the connection was lost'))
  }

  /** Since when it has stood, in milliseconds; undefined where it does not. */
  get connectedSince(): number | undefined {
    return this.#isOver ? undefined : this.#connectedSince
  }

  /** The furthest offset of the master's log that is known. */
  get masterOffset(): number {
    return this.#masterOffset
  }

  /** Ends the connection. Idempotent. */
  end(reason: string, error?: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelConnect()
    this.#heard?.stop()
    this.#said?.stop()
    this.#endGrowth?.()
    this.#socket.destroy()
    this.#onEnd({ wasConnected: this.#connectedSince !== undefined, wasHeard: this.#wasHeard, reason, error })
  }

  onReady(): void {
    if (this.#isOver) return
    const { log, options, clock, emit } = this.#context
    this.#cancelConnect()
    this.#connectedSince = clock.now()
    this.#heard = new SilenceGuard(clock, options.haHousekeepingInterval, (reason) => this.end(reason))
    this.#said = new IdleTimer(clock, options.haSendHeartbeatInterval, () => {
      // A master of 4.9 that does not have what it is asked for ends the connection at the second report: then nobody learns why.
      if (!this.#isComparing) this.#sendReport()
    })
    const { minOffset, maxOffset } = log
    const isEmpty = minOffset === maxOffset
    this.#ownEnd = isEmpty ? 0 : maxOffset
    this.#masterOffset = this.#ownEnd
    // A request for offset 0 means that nothing is here. Whoever has something does without the first byte of its first record.
    this.#due = isEmpty ? 0 : Math.max(1, log.resumeOffset)
    if (!isEmpty) this.#expected = this.#due
    // What lies behind damage counts later than it comes.
    this.#endGrowth = log.onGrowth(() => {
      this.#raise(log.maxOffset)
      if (this.#due > this.#reported) this.#sendReport()
    })
    emit('masterConnected', { master: this.#master, offset: maxOffset })
    this.#sendReport()
  }

  receive(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.#heard?.touch()
    try {
      this.#frames.take(bytes)
      if (this.#due > this.#reported) this.#sendReport()
    } catch (error) {
      this.#fail(error)
    }
  }

  header(offset: number, bodySize: number): void {
    this.#expected ??= offset
    if (offset !== this.#expected) throw new WireError(`went on at offset ${offset} where ${this.#expected} was to come`)
    this.#wasHeard = true
    if (bodySize === 0) return this.#checkSilence(offset)
    this.#silentSince = undefined
    if (offset + bodySize <= this.#masterOffset) return
    this.#masterOffset = offset + bodySize
    this.#masterHistory.note(this.#masterOffset, () => this.#context.log.maxOffset)
  }

  body(offset: number, bytes: Uint8Array): void {
    const { log, emit } = this.#context
    const { verifiedOffset, damage } = log.append(offset, bytes)
    for (const range of damage) emit('damage', range)
    this.#expected = offset + bytes.length
    this.#raise(verifiedOffset)
  }

  /** Not all of what was asked for again has come. */
  get #isComparing(): boolean {
    return this.#expected !== undefined && this.#expected < this.#ownEnd
  }

  /** There may be more to report, though nothing before the master's log has been found to be ours. */
  #raise(verifiedOffset: number): void {
    if (this.#expected !== undefined && !this.#isComparing) this.#due = Math.max(this.#due, verifiedOffset)
  }

  /**
   * A master that says nothing but that it is there, where it was asked for what is here, does not have it. The first time may be
   * chance; frames without a body that follow each other at once are the flow control of 5.3, and count as one.
   */
  #checkSilence(offset: number): void {
    const { clock, options } = this.#context
    if (offset >= this.#ownEnd) return
    const now = clock.now()
    if (this.#silentSince === undefined) this.#silentSince = now
    if (now - this.#silentSince < options.haSendHeartbeatInterval / 2) return
    const reason = `it has nothing from offset ${offset} on: its log ends there, or begins behind`
    throw new StoreError(
      'ERR_DIVERGED',
      `this store has messages up to offset ${this.#ownEnd}, and of the master ${this.#master} ${reason}. See which of the two has what counts, ` +
        'and make the other anew, with an empty directory',
      { ownOffset: this.#ownEnd, otherOffset: offset, reason },
    )
  }

  /** One report is under way at a time; the next one tells all that has come meanwhile. */
  #sendReport(): void {
    if (this.#isReporting || this.#isOver) return
    this.#isReporting = true
    const offset = this.#due
    if (!this.#context.options.haAcknowledgeAfterFlush) return this.#write(offset)
    this.#context.log.flush(offset).then(() => this.#write(offset), (error: unknown) => this.#fail(error))
  }

  #write(offset: number): void {
    if (this.#isOver) return
    writeReport(this.#reportView, 0, offset)
    this.#said?.touch()
    this.#socket.write(this.#report, (error) => {
      this.#isReporting = false
      this.#reported = offset
      if (!error && this.#due > offset) this.#sendReport()
    })
  }

  #fail(error: unknown): void {
    const { message } = error as Error
    if (error instanceof WireError) this.end(`it ${message}`, error)
    else this.end(message, error)
  }
}
