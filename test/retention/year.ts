import { join } from 'node:path'
import { MessageStore, type Deletion, type GetResult, type OpenOptions, type SegmentInfo } from '../../lib/index'
import { indexFileSize } from '../../lib/format/index-layout'
import { HeaderPosition } from '../../lib/format/index-layout'
import { readLong } from '../../lib/format/long'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Backend, DiskMeter } from '../../lib/storage/ports'
import type { Random } from '../torture/random'
import { SteppedClock } from '../torture/stepped-clock'
import { BODY, HOUR, SEGMENT, SetMeter, nameOf, small, turns } from './support'

const MINUTE = 60_000
const DIRECTORY = '/data/store'
const TOPICS = ['orders', 'payments', 'rare']
const QUEUES = 2
const ENTRIES_PER_FILE = 10
const GEOMETRY = { maxHashSlotNum: 16, maxIndexNum: 20 }

/** A message, as the story knows it. */
interface Told {
  offset: number
  key: string | undefined
}

interface Held {
  result: GetResult
  queue: Told[]
  from: number
  until: number
}

/**
 * A store that lives through days in milliseconds: written to, read, held, closed and opened again, on a disk that fills and
 * empties. The story keeps its own books, and compares.
 */
export class YearStory {
  readonly wrong: string[] = []
  readonly counts = { messages: 0, segments: 0, hour: 0, space: 0, forced: 0, gone: 0, manual: 0, delayed: 0, revoked: 0, reopened: 0, tooSmall: 0 }
  readonly #clock: SteppedClock
  readonly #meter = new SetMeter()
  readonly #backend: Backend
  readonly #options: OpenOptions
  readonly #random: Random
  readonly #queues = new Map<string, Told[]>()
  /** Store time of the last message of each segment, by where it begins. */
  readonly #times = new Map<number, number>()
  #store!: MessageStore
  #held: Held[] = []
  readonly #delayedFiles = new Set<string>()
  /** Where the first file begins that is there. */
  #deletedTo = 0
  /** Up to where the embedder's hook lets go. */
  #consumedTo = Infinity
  /** The last hour of deletion: up to when there was somebody to look, and whether something was put off meanwhile. */
  #hour = { lookedAt: -Infinity, isDelayed: false }
  #next = 0

  constructor(options: OpenOptions, random: Random, start: number) {
    this.#options = options
    this.#random = random
    this.#clock = new SteppedClock(start)
    this.#backend = createMemoryBackend(this.#clock)
  }

  async live(days: number): Promise<void> {
    await this.#open()
    const end = this.#clock.now() + days * 24 * HOUR
    while (this.#clock.now() < end && this.wrong.length < 5) await this.#step()
    await this.#store.close()
  }

  async #open(): Promise<void> {
    const ports: { backend: Backend; disk: DiskMeter } = { backend: this.#backend, disk: this.#meter }
    this.#store = await MessageStore.open(DIRECTORY, {
      ...small, ...GEOMETRY, mappedFileSizeConsumeQueue: 20 * ENTRIES_PER_FILE, ...this.#options, clock: this.#clock, ports,
      retention: { oldestUnconsumed: () => this.#consumedTo, mayDelete: (segment: SegmentInfo) => this.#mayDelete(segment) },
    } as OpenOptions)
    this.#store.on('deletion', (deletion) => this.#judge(deletion))
    this.#store.on('deletionDelayed', ({ file }) => {
      this.counts.delayed++
      this.#delayedFiles.add(file)
    })
    this.#store.on('readRevoked', () => this.counts.revoked++)
  }

  async #step(): Promise<void> {
    const random = this.#random
    const isInHour = this.#isDeletionHour(this.#clock.now())
    if (!isInHour) this.#meter.usedPercent = Math.min(90, Math.max(20, this.#meter.usedPercent + random.between(-12, 12)))
    if (random.chance(0.8)) this.#write(random.below(isInHour ? 3 : 25))
    this.#read()
    this.#clock.advance(isInHour ? random.between(1, 5) * MINUTE : Math.min(random.between(1, 110) * MINUTE, this.#untilDeletionHour() + random.below(2 * MINUTE)))
    await turns(12)
    this.#noteHour(isInHour)
    this.#letGo()
    if (random.chance(0.02)) this.#consumedTo = random.chance(0.5) ? Infinity : this.#store.minPhyOffset + random.below(20) * SEGMENT
    if (random.chance(0.01)) await this.#store.retention.deleteNow()
    if (random.chance(0.005)) await this.#reopen()
    this.#compare()
  }

  #write(count: number): void {
    for (let number = 0; number < count; number++) {
      const topic = this.#random.chance(0.02) ? 'rare' : this.#random.pick(['orders', 'payments'])
      const queueId = this.#random.below(QUEUES)
      const key = this.#random.chance(0.5) ? `key${this.#next++}` : undefined
      const body = Buffer.alloc(this.#random.between(1, BODY), 'x')
      const { offset, storeTimestamp } = this.#store.append({ topic, queueId, body, ...(key !== undefined && { properties: { KEYS: key } }) })
      this.#queueOf(topic, queueId).push({ offset, key })
      this.#times.set(offset - (offset % SEGMENT), storeTimestamp)
      this.counts.messages++
    }
  }

  #queueOf(topic: string, queueId: number): Told[] {
    const name = `${topic}/${queueId}`
    const queue = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    return queue
  }

  /** A get from anywhere; now and then the result is kept for a while. */
  #read(): void {
    const [topic, queueId] = [this.#random.pick(TOPICS), this.#random.below(QUEUES)]
    const queue = this.#queueOf(topic, queueId)
    if (queue.length === 0) return
    const min = this.#minOf(queue)
    const offset = this.#random.chance(0.2) ? this.#random.below(queue.length) : Math.min(queue.length - 1, min + this.#random.below(8))
    const result = this.#store.get({ topic, queueId, offset, maxMessages: 4, reader: 'story' })
    const expected = offset < min ? 'OFFSET_TOO_SMALL' : 'FOUND'
    if (result.status !== expected) this.#complain(`${topic}/${queueId} from ${offset}: ${result.status}, not ${expected}`)
    if (offset < min) this.counts.tooSmall++
    if (offset < min && result.nextBeginOffset !== min) this.#complain(`${topic}/${queueId} goes on at ${result.nextBeginOffset}, not ${min}`)
    if (result.status !== 'FOUND') return
    const held = { result, queue, from: offset, until: this.#clock.now() + this.#random.below(6) * HOUR }
    this.#checkHeld(held)
    if (this.#random.chance(0.1)) this.#held.push(held)
    else result.release()
  }

  #letGo(): void {
    this.#held = this.#held.filter((held) => {
      const isGone = this.#checkHeld(held)
      if (!isGone && held.until > this.#clock.now()) return true
      held.result.release()
      return false
    })
  }

  /** @returns whether it was revoked */
  #checkHeld({ result, queue, from }: Held): boolean {
    try {
      const offsets = result.messages.map(({ commitLogOffset }) => commitLogOffset)
      const expected = queue.slice(from, from + offsets.length).map(({ offset }) => offset)
      if (offsets.join() !== expected.join()) this.#complain(`held ${offsets.join()}, not ${expected.join()}`)
      return false
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_READ_REVOKED') this.#complain(`a held result: ${String(error)}`)
      return true
    }
  }

  async #reopen(): Promise<void> {
    for (const { result } of this.#held) result.release()
    this.#held = []
    await this.#store.close()
    await this.#open()
    this.counts.reopened++
    if (this.#store.recovery.label !== '@clean' || this.#store.recovery.damage.length > 0) this.#complain(`opened with ${this.#store.recovery.label}`)
  }

  #mayDelete({ fromOffset, lastStoreTime }: SegmentInfo): boolean {
    if (lastStoreTime !== this.#times.get(fromOffset)) this.#complain(`the segment at ${fromOffset} is of ${lastStoreTime}, not ${this.#times.get(fromOffset)}`)
    return true
  }

  #judge({ kind, file, reason }: Deletion): void {
    this.counts[reason]++
    if (kind !== 'commitlog') {
      if (reason !== 'gone') this.#complain(`${file} goes for ${reason}`)
      return
    }
    this.counts.segments++
    const from = Number(file.slice(-20))
    if (from !== this.#deletedTo) this.#complain(`${from} goes before ${this.#deletedTo}`)
    this.#deletedTo = from + SEGMENT
    const age = this.#clock.now() - this.#times.get(from)!
    const isOld = age >= this.#reserved
    const { usedPercent } = this.#meter
    if (from + SEGMENT > this.#consumedTo) this.#complain(`${from} goes, and the message at ${this.#consumedTo} has yet to be read`)
    if (!isOld && reason !== 'forced') this.#complain(`${from} goes after ${age / HOUR} hours for ${reason}`)
    // What readers hold is decided on when it leaves the log, and goes later.
    if (this.#delayedFiles.has(file)) return
    if (isOld && reason === 'forced') this.#complain(`${from} is forced out after ${age / HOUR} hours`)
    if (reason === 'hour' && !this.#isDeletionHour(this.#clock.now())) this.#complain(`${from} goes at another hour`)
    if (reason === 'space' && usedPercent <= 75) this.#complain(`${from} goes for want of room at ${usedPercent} %`)
    if (reason === 'forced' && usedPercent <= 85) this.#complain(`${from} is forced out at ${usedPercent} %`)
  }

  get #reserved(): number {
    return this.#store.options.fileReservedTime * HOUR
  }

  #isDeletionHour(at: number): boolean {
    return this.#store.options.deleteWhen.split(';').map(Number).includes(new Date(at).getHours())
  }

  /** Milliseconds. */
  #untilDeletionHour(): number {
    const now = this.#clock.now()
    let at = new Date(now).setMinutes(0, 0, 0)
    do at += HOUR
    while (!this.#isDeletionHour(at))
    return at - now
  }

  #minOf(queue: readonly Told[]): number {
    const { minPhyOffset } = this.#store
    let [low, high] = [0, queue.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (queue[middle]!.offset >= minPhyOffset) high = middle
      else low = middle + 1
    }
    return low
  }

  /** @param wasInHour before the clock went on */
  #noteHour(wasInHour: boolean): void {
    if (!this.#isDeletionHour(this.#clock.now())) return
    // What is waited for by readers, or kept by the hook, keeps all behind it.
    const isDelayed = this.#deletedTo !== this.#store.minPhyOffset || this.#deletedTo + SEGMENT > this.#consumedTo
    this.#hour = { lookedAt: this.#clock.now(), isDelayed: isDelayed || (wasInHour && this.#hour.isDelayed) }
  }

  #compare(): void {
    const { lookedAt, isDelayed } = this.#hour
    const oldest = this.#times.get(this.#store.minPhyOffset)
    const isLast = this.#store.maxPhyOffset - this.#store.minPhyOffset <= 2 * SEGMENT
    if (!this.#isDeletionHour(this.#clock.now()) && !isDelayed && !isLast && oldest !== undefined && oldest + this.#reserved <= lookedAt - 10 * MINUTE) {
      this.#complain(`${this.#store.minPhyOffset} was ${(lookedAt - oldest) / HOUR} hours old in the hour of deletion, and is still there`)
    }
    if (!this.#random.chance(0.1)) return
    const segments = this.#backend.files.list(join(DIRECTORY, 'commitlog'))!.map(Number)
    segments.forEach((from, index) => {
      if (from !== this.#deletedTo + index * SEGMENT) this.#complain(`${from} where ${this.#deletedTo + index * SEGMENT} was to be`)
    })
    if (this.#deletedTo === this.#store.minPhyOffset) this.#compareDerived()
  }

  #compareDerived(): void {
    for (const [name, queue] of this.#queues) {
      const [topic, queueId] = [name.split('/')[0]!, Number(name.split('/')[1])]
      if (queue.length === 0) continue
      const min = this.#minOf(queue)
      if (this.#store.minOffset(topic, queueId) !== min) this.#complain(`${name} begins at ${this.#store.minOffset(topic, queueId)}, not ${min}`)
      if (this.#store.maxOffset(topic, queueId) !== queue.length) this.#complain(`${name} ends at ${this.#store.maxOffset(topic, queueId)}, not ${queue.length}`)
      const files = this.#backend.files.list(join(DIRECTORY, 'consumequeue', topic, String(queueId))) ?? []
      const expected = nameOf((min - (min % ENTRIES_PER_FILE)) * 20)
      // The last file stays, as one that was the last when the log was last made shorter; and one may not have been written yet.
      if (files.length > 2 && files[1]! < expected) this.#complain(`${name} has ${files[0]} and ${files[1]} before ${expected}`)
      if (files.length > 0 && files[0]! > expected) this.#complain(`${name} lacks ${expected}`)
    }
    const [first, second] = this.#backend.files.list(join(DIRECTORY, 'index')) ?? []
    if (second !== undefined && this.#endOf(first!) < this.#store.minPhyOffset) this.#complain(`the index file ${first} is still there`)
    const [topic, queueId] = [this.#random.pick(TOPICS), this.#random.below(QUEUES)]
    const queue = this.#queueOf(topic, queueId)
    const message = queue[this.#random.below(queue.length)]
    if (message?.key === undefined) return
    const isLeft = message.offset >= this.#store.minPhyOffset
    const found = this.#store.query({ topic, key: message.key }).messages.some(({ keys }) => keys === message.key)
    if (found !== isLeft) this.#complain(`${message.key} at ${message.offset} is ${found ? '' : 'not '}found`)
  }

  /** Commit log offset of the last message that an index file knows. */
  #endOf(name: string): number {
    const header = Buffer.alloc(40)
    const { files } = this.#backend
    const path = join(DIRECTORY, 'index', name)
    if (files.status(path)!.size !== indexFileSize(GEOMETRY.maxHashSlotNum, GEOMETRY.maxIndexNum)) throw new Error(path)
    const descriptor = files.open(path, 'read')
    files.read(descriptor, header, 0, header.length, 0)
    files.close(descriptor)
    return readLong(new DataView(header.buffer, header.byteOffset), HeaderPosition.endPhyOffset)
  }

  #complain(what: string): void {
    this.wrong.push(`${new Date(this.#clock.now()).toString()}: ${what}`)
  }
}
