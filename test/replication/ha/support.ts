import { Duplex } from 'node:stream'
import { StoreError } from '../../../lib/errors'
import { FRAME_HEADER_LENGTH, frameBodySize, frameOffset, writeReport } from '../../../lib/format/ha-frame'
import type { HaContext, HaOptions } from '../../../lib/replication/ha/context'
import type { Intake, ReplicatedLog } from '../../../lib/replication/replicated-log'
import type { Clock } from '../../../lib/storage/ports'
import type { StoreEvents } from '../../../lib/types'

export const fileSize = 400
/** Length of a record of the fake log stands before it; 0 is the blank at the end of a file. */
const LENGTH = 1

/**
 * A log in memory whose records are a length and as many bytes. It takes nothing that does not follow what it has, so that no byte
 * can come twice or be left out unnoticed.
 */
export class FakeLog implements ReplicatedLog {
  readonly fileSize = fileSize
  readonly epoch = 0
  minOffset = 0
  maxOffset = 0
  flushedOffset = 0
  /** What was called, in order. */
  readonly acknowledged: { replica: string; offset: number }[] = []
  readonly left: { replica: string; reason: string }[] = []
  /** Throws it when this offset is read. */
  badAt: { offset: number; error: Error } | undefined
  appendError: Error | undefined
  /** While true, it does not say yet what it has taken. */
  holdBack = false
  /** Called by flush(). */
  beforeFlush: (() => Promise<void>) | undefined
  readonly listeners = new Set<() => void>()
  #room = Buffer.alloc(1024)
  #length = 0
  #end = 0
  #lastRecord = 0

  /** @param from where the first file begins */
  constructor(from = 0) {
    this.minOffset = from
    this.maxOffset = from
    this.#end = from
    this.#lastRecord = from
  }

  /** As a master: appends records of these lengths, each filled with what its place says. */
  write(...lengths: number[]): void {
    for (const length of lengths) {
      const left = fileSize - (this.maxOffset % fileSize)
      if (length + LENGTH > left) this.#put(Buffer.alloc(left))
      const record = Buffer.alloc(LENGTH + length, (this.maxOffset * 31) % 251)
      record[0] = length
      this.#lastRecord = this.maxOffset
      this.#put(record)
    }
    for (const listener of this.listeners) listener()
  }

  get resumeOffset(): number {
    return this.#lastRecord
  }

  read(offset: number, target: Uint8Array): number {
    if (offset < this.minOffset || offset > this.maxOffset) throw new StoreError('ERR_OFFSET_UNAVAILABLE', `no offset ${offset}`)
    const to = Math.min(this.maxOffset, offset - (offset % fileSize) + fileSize, offset + target.length)
    if (this.badAt !== undefined && offset <= this.badAt.offset && this.badAt.offset < to) {
      if (offset === this.badAt.offset) throw this.badAt.error
      return this.#copy(offset, this.badAt.offset, target)
    }
    return this.#copy(offset, to, target)
  }

  #copy(from: number, to: number, target: Uint8Array): number {
    target.set(this.bytes.subarray(from - this.minOffset, to - this.minOffset))
    return to - from
  }

  onGrowth(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  append(offset: number, piece: Uint8Array): Intake {
    if (this.appendError !== undefined) throw this.appendError
    if (this.#length === 0 && offset !== this.#end) {
      this.minOffset = this.#end = offset
      this.maxOffset = Math.min(this.maxOffset, offset)
    }
    if (offset > this.#end) throw new Error(`a gap from ${this.#end} to ${offset}`)
    const known = Math.min(piece.length, Math.max(0, this.#end - offset))
    const own = this.bytes.subarray(offset - this.minOffset, offset - this.minOffset + known)
    for (let at = 0; at < known; at++) {
      if (own[at] === piece[at]) continue
      throw new StoreError('ERR_DIVERGED', 'other bytes', { ownOffset: this.maxOffset, otherOffset: offset + at, reason: 'other bytes' })
    }
    if (known < piece.length && offset + known !== this.#end) throw new Error('overlap')
    this.#add(piece.subarray(known))
    this.#end += piece.length - known
    const before = this.maxOffset
    this.#verify()
    return { verifiedOffset: this.holdBack ? before : this.maxOffset, damage: [] }
  }

  cutBack(): void {
    this.#length = Math.max(0, this.maxOffset - this.minOffset)
    this.#end = this.maxOffset
    if (this.maxOffset === 0) this.minOffset = 0
  }

  async flush(offset: number): Promise<void> {
    await this.beforeFlush?.()
    this.flushedOffset = Math.max(this.flushedOffset, offset)
  }

  acknowledge(replica: string, offset: number): void {
    this.acknowledged.push({ replica, offset })
  }

  leave(replica: string, reason: string): void {
    this.left.push({ replica, reason })
  }

  /** The start of the last file, from which a replica that has nothing begins. */
  get lastFile(): number {
    return this.maxOffset - (this.maxOffset % fileSize)
  }

  slice(from: number): Buffer {
    return this.bytes.subarray(from - this.minOffset)
  }

  /** Deletes what is before `offset`. */
  deleteTo(offset: number): void {
    this.#length -= offset - this.minOffset
    this.#room = Buffer.from(this.#room.subarray(offset - this.minOffset))
    this.minOffset = offset
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length)
  }

  #add(piece: Uint8Array): void {
    if (this.#length + piece.length > this.#room.length) {
      const room = Buffer.alloc(2 * (this.#length + piece.length))
      room.set(this.#room)
      this.#room = room
    }
    this.#room.set(piece, this.#length)
    this.#length += piece.length
  }

  #put(piece: Buffer): void {
    this.#add(piece)
    this.maxOffset += piece.length
    this.#end = this.maxOffset
  }

  #verify(): void {
    let at = Math.max(this.maxOffset, this.minOffset)
    while (at < this.#end) {
      const length = this.bytes[at - this.minOffset]!
      const next = length === 0 ? at - (at % fileSize) + fileSize : at + LENGTH + length
      if (next > this.#end) break
      if (length !== 0) this.#lastRecord = at
      this.maxOffset = at = next
    }
  }
}

/** Time passes when the test says so. Timers go by the time that has passed, whatever the clock is set to. */
export class ManualClock implements Clock {
  #passed = 0
  #ahead = 1_000_000
  readonly timers = new Set<{ at: number; callback: () => void }>()

  now(): number {
    return this.#ahead + this.#passed
  }

  startTimer(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#passed + milliseconds, callback }
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }

  /** Fires what is due on the way, in order. */
  advance(milliseconds: number): void {
    const until = this.#passed + milliseconds
    for (;;) {
      const due = [...this.timers].filter(({ at }) => at <= until).sort((left, right) => left.at - right.at)[0]
      if (due === undefined) break
      this.timers.delete(due)
      this.#passed = Math.max(this.#passed, due.at)
      due.callback()
    }
    this.#passed = until
  }

  /** Sets the clock. */
  set(now: number): void {
    this.#ahead = now - this.#passed
  }
}

export const defaults: HaOptions = {
  compatibility: '5.3',
  haListenAddress: '127.0.0.1',
  haListenPort: 0,
  haAllowedAddresses: '',
  haConnectionsMax: 64,
  haMasterAddress: '127.0.0.1:10912',
  haTransferBatchSize: 100,
  haSendHeartbeatInterval: 5000,
  haHousekeepingInterval: 20_000,
  haFlowControlEnable: false,
  maxHaTransferByteInSecond: 104_857_600,
  haAcknowledgeAfterFlush: false,
}

type Told = { [Name in keyof StoreEvents]: { name: Name } & StoreEvents[Name] }[keyof StoreEvents]

export interface TestContext<SomeClock extends Clock> extends HaContext {
  readonly log: FakeLog
  readonly clock: SomeClock
  /** The events that came. */
  readonly told: Told[]
}

export function contextOf<SomeClock extends Clock>(clock: SomeClock, log = new FakeLog(), options: Partial<HaOptions> = {}): TestContext<SomeClock> {
  const told: Told[] = []
  return {
    log, clock, told,
    options: { ...defaults, ...options },
    emit: (name, event) => told.push({ name, ...event } as Told),
  }
}

/** One end of a connection whose other end is the test. */
export class TestSocket extends Duplex {
  /** What was written, a piece for each call, as it was when it was written. */
  readonly written: Buffer[] = []
  /** While true, what is written stays on its way. */
  isBlocked = false
  readonly #callbacks: (() => void)[] = []

  override _write(bytes: Buffer, _encoding: string, callback: () => void): void {
    this.written.push(Buffer.from(bytes))
    if (this.isBlocked) this.#callbacks.push(callback)
    else callback()
  }

  override _read(): void {
    // What comes is pushed.
  }

  get all(): Buffer {
    return Buffer.concat(this.written)
  }

  /** Lets go what was on its way. */
  release(): void {
    for (const callback of this.#callbacks.splice(0)) callback()
  }

  /** The other end reports. */
  report(...offsets: number[]): void {
    this.push(Buffer.concat(offsets.map(reportOf)))
  }
}

export function reportOf(offset: number): Buffer {
  const bytes = Buffer.alloc(8)
  writeReport(new DataView(bytes.buffer, bytes.byteOffset, 8), 0, offset)
  return bytes
}

export interface Frame {
  offset: number
  body: Buffer
}

/** The whole frames in what a master wrote; throws where the last one is cut. */
export function framesOf(bytes: Buffer): Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length;) {
    const body = bytes.subarray(at + FRAME_HEADER_LENGTH, at + FRAME_HEADER_LENGTH + frameBodySize(view, at))
    if (body.length !== frameBodySize(view, at)) throw new Error('a frame is cut')
    frames.push({ offset: frameOffset(view, at), body })
    at += FRAME_HEADER_LENGTH + body.length
  }
  return frames
}

export function frameOf(offset: number, body: Uint8Array, claimed = body.length): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_LENGTH + body.length)
  bytes.writeBigInt64BE(BigInt(offset))
  bytes.writeInt32BE(claimed, 8)
  bytes.set(body, FRAME_HEADER_LENGTH)
  return bytes
}

/** Lets everything happen that is not waiting for time. */
export async function turns(count = 6): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise((resume) => setImmediate(resume))
}
