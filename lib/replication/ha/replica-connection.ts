import type { Duplex } from 'node:stream'
import { StoreError } from '../../errors'
import { FRAME_HEADER_LENGTH, writeFrameHeader } from '../../format/ha-frame'
import type { HaContext, SentLog } from './context'
import { FlowControl } from './flow-control'
import { IdleTimer } from './idle-timer'
import { ReportParser } from './report-parser'
import { SilenceGuard } from './silence-guard'
import { WireError } from './wire-error'
import type { WriteBuffer, WriteBuffers } from './write-buffers'

/** One is filled while the system takes the other. Whoever reads slowly costs no more than these. */
const WRITES_MAX = 2

export interface ReplicaConnectionParts {
  /** What the replica is called: its address and port. */
  replica: string
  buffers: WriteBuffers
  /** Where the log ended when its store became a master. */
  startOffset: number
  /** Tells the operator; `kind` as {@link Complaints} has it. */
  complain(kind: string, message: string): void
  /** Called once. */
  onEnd(): void
}

/**
 * A master's end of a connection. Nothing is sent before the replica has reported where it stands; from there on it gets
 * whatever the log has, in frames, and a heartbeat where there has been nothing for a while.
 */
export class ReplicaConnection {
  readonly #socket: Duplex
  readonly #context: HaContext<SentLog>
  readonly #parts: ReplicaConnectionParts
  readonly #reports = new ReportParser()
  readonly #flow: FlowControl
  readonly #heard: SilenceGuard
  readonly #said: IdleTimer
  /** Everything below has been sent, or is not wanted. Undefined until the replica has said what it wants. */
  #position: number | undefined
  /** The log does not have what is wanted, and never will. */
  #isUnavailable = false
  #writesUnderWay = 0
  #isPumpDue = false
  #cancelWait: (() => void) | undefined
  #isOver = false

  constructor(socket: Duplex, context: HaContext<SentLog>, parts: ReplicaConnectionParts) {
    const { options, clock } = context
    this.#socket = socket
    this.#context = context
    this.#parts = parts
    this.#flow = new FlowControl(clock, options.haFlowControlEnable ? options.maxHaTransferByteInSecond : Infinity)
    // Only a whole report counts as a word: whoever sends a byte now and then is given up like somebody who is silent.
    this.#heard = new SilenceGuard(clock, options.haHousekeepingInterval, (reason) => this.end(reason))
    this.#said = new IdleTimer(clock, options.haSendHeartbeatInterval, () => this.#sendHeartbeat())
    socket.on('data', (bytes: Uint8Array) => this.#receive(bytes))
    socket.on('end', () => this.end('it closed the connection'))
    socket.on('error', (error) => this.end(`the connection was lost (${error.message})`))
    socket.on('close', () => this.end('the connection was lost'))
  }

  /** Sends what there is, as far as the connection takes it at once. */
  pump(): void {
    try {
      while (this.#isReady()) {
        const buffer = this.#parts.buffers.take()
        const length = this.#fill(buffer)
        if (length === 0) return this.#parts.buffers.giveBack(buffer)
        this.#write(buffer.bytes.subarray(0, length), () => {
          this.#parts.buffers.giveBack(buffer)
          this.#pumpSoon()
        })
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Ends the connection. Idempotent. */
  end(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#heard.stop()
    this.#said.stop()
    this.#cancelWait?.()
    this.#socket.destroy()
    if (this.#position !== undefined) this.#context.log.leave(this.#parts.replica, reason)
    this.#parts.onEnd()
  }

  #isReady(): boolean {
    if (this.#isOver || this.#isUnavailable || this.#position === undefined || this.#writesUnderWay >= WRITES_MAX) return false
    return this.#position !== this.#context.log.maxOffset && this.#cancelWait === undefined
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isOver) return
    const offset = this.#reports.take(bytes)
    if (offset === undefined) return
    this.#heard.touch()
    try {
      if (offset < 0 || !Number.isSafeInteger(offset)) throw new WireError(`reported the offset ${offset}`)
      if (this.#position === undefined) this.#begin(offset)
      else this.#acknowledge(offset, this.#position)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The first report is a request too. Whoever has nothing gets the last file, as from the engine. */
  #begin(offset: number): void {
    const { log } = this.#context
    const { maxOffset } = log
    this.#position = offset === 0 ? maxOffset - (maxOffset % log.fileSize) : offset
    if (offset > maxOffset) return this.#setUnavailable(offset)
    // What has been written since then, nobody has who was not sent it: it may ask for what follows with a log of its own.
    const { replica, startOffset } = this.#parts
    log.acknowledge(replica, Math.min(offset, Math.max(1, startOffset)))
    this.pump()
  }

  /**
   * An offset that the replica cannot have does not count: it would acknowledge messages that are nowhere else. The engine of 4.9
   * ends the connection where it is beyond its log, the one of 5.3 takes it.
   */
  #acknowledge(offset: number, position: number): void {
    const { log, options } = this.#context
    const { maxOffset } = log
    if (offset > maxOffset && options.compatibility === '4.9') throw new WireError(`reported the offset ${offset}, beyond the end of the log (${maxOffset})`)
    if (offset <= Math.min(position, maxOffset)) log.acknowledge(this.#parts.replica, offset)
    else if (!this.#isUnavailable) {
      this.#complain('report', `reported the offset ${offset}, and has been sent what is below ${position}: the report does not count`)
    }
  }

  /** As many whole frames as there are, as the buffer has room for and as may be sent now. @returns their length */
  #fill({ bytes, view }: WriteBuffer): number {
    const { options } = this.#context
    let position = this.#position!
    let length = 0
    while (bytes.length - length >= FRAME_HEADER_LENGTH + options.haTransferBatchSize) {
      const room = Math.min(options.haTransferBatchSize, this.#flow.allowance)
      if (room === 0) {
        this.#waitForAllowance()
        break
      }
      const from = length + FRAME_HEADER_LENGTH
      const size = this.#read(position, bytes.subarray(from, from + room), length > 0)
      if (size === 0) break
      writeFrameHeader(view, length, position, size)
      this.#flow.count(FRAME_HEADER_LENGTH + size)
      position += size
      length = from + size
    }
    this.#position = position
    return length
  }

  /** @param isBehindOthers what can not be read is not sent, but what was read before it is: 0, and the error comes the next time */
  #read(position: number, target: Uint8Array, isBehindOthers: boolean): number {
    try {
      return this.#context.log.read(position, target)
    } catch (error) {
      if (isBehindOthers) return 0
      if (!(error instanceof StoreError) || error.code !== 'ERR_OFFSET_UNAVAILABLE') throw error
      this.#setUnavailable(position)
      return 0
    }
  }

  /**
   * From now on there are heartbeats only, as from the engine. They go on should the log grow to that offset later: what the
   * replica has below it is not in this log.
   */
  #setUnavailable(offset: number): void {
    const { minOffset, maxOffset } = this.#context.log
    this.#isUnavailable = true
    this.#complain('offset', `asks for what follows offset ${offset}, and the log has ${minOffset} to ${maxOffset}: it never gets anything. ${
      offset > maxOffset ? 'It has messages that are not here: see which store has what counts, and make the other anew'
        : 'What it lacks has been deleted: make it anew, with an empty directory'}`)
  }

  #waitForAllowance(): void {
    this.#cancelWait = this.#context.clock.startTimer(this.#flow.wait, () => {
      this.#cancelWait = undefined
      this.pump()
    })
  }

  /** In the next turn of the event loop: a replica that reads as fast as we send leaves room for everybody else. */
  #pumpSoon(): void {
    if (this.#isPumpDue || !this.#isReady()) return
    this.#isPumpDue = true
    setImmediate(() => {
      this.#isPumpDue = false
      this.pump()
    })
  }

  /** Not while something else is on its way: the replica hears from us as soon as it reads. */
  #sendHeartbeat(): void {
    if (this.#position === undefined || this.#writesUnderWay > 0) return
    const bytes = Buffer.alloc(FRAME_HEADER_LENGTH)
    writeFrameHeader(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, this.#position, 0)
    this.#write(bytes, () => this.#pumpSoon())
  }

  #write(bytes: Uint8Array, onWritten: () => void): void {
    this.#writesUnderWay++
    this.#said.touch()
    this.#socket.write(bytes, (error) => {
      this.#writesUnderWay--
      // What was to be written when the connection ended may still be read by the system: it is not used again.
      if (!error && !this.#isOver) onWritten()
    })
  }

  #fail(error: unknown): void {
    const { message } = error as Error
    const isExpected = error instanceof StoreError && error.code === 'ERR_STORE_CLOSED'
    if (error instanceof WireError) this.#complain('bytes', `${message}: the connection was ended`)
    else if (!isExpected) this.#complain('log', `cannot be sent what it asks for: ${message}`)
    this.end(error instanceof WireError ? `it ${message}` : message)
  }

  #complain(kind: string, message: string): void {
    this.#parts.complain(kind, `the replica ${this.#parts.replica} ${message}`)
  }
}
