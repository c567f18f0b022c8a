import { MessageStore, type Dispatcher, type OpenOptions, type PutResult } from '../../lib/index'
import type { Backend } from '../../lib/storage/ports'
import type { DirectoryImage } from './disk-image'
import { Ledger, type Place } from './ledger'
import { makeMessage } from './messages'
import type { Random } from './random'
import { SimulatedDisk } from './simulated-disk'
import { SteppedClock } from './stepped-clock'

export const directory = '/data/store'
/** Some bodies take a sector by themselves; most are so small that a segment of a few sectors holds several. */
export const BODY_MAX = 1200
const BATCH_MAX = 3
const NUMBERS_PER_BATCH_MAX = 40

/** Where a crash may come, and what had been promised by then. */
export interface Moment {
  image: DirectoryImage
  now: number
  sent: number
  /** How many of the messages had been acknowledged, in the order in which they were. */
  acknowledged: number
  /** How many calls had returned. */
  returned: number
}

export interface Returned extends Place {
  number: number
  end: number
}

/** A store on a simulated disk that is put to, flushed, closed, killed and opened again, and each moment of it kept. */
export class CrashWorkload {
  readonly moments: Moment[] = []
  /** What went wrong without a crash. */
  readonly wrong: string[] = []
  readonly ledger: Ledger
  readonly clock: SteppedClock
  store: MessageStore | undefined
  readonly #options: OpenOptions
  readonly #random: Random
  #settledAt = Infinity
  #gone: ReadonlySet<number> = new Set()
  readonly #returned: Returned[] = []
  #disk: SimulatedDisk
  /** Messages that are being written, in the order of the log. */
  #writing: number[] = []
  /** Of those that returned, how many had been flushed. */
  #flushed = 0

  constructor(options: OpenOptions, random: Random, start: { image: DirectoryImage; now: number; ledger: Ledger }) {
    this.#options = options
    this.#random = random
    this.ledger = start.ledger
    this.clock = new SteppedClock(start.now)
    this.#disk = this.#makeDisk(start.image)
  }

  #makeDisk(image: DirectoryImage): SimulatedDisk {
    const disk = new SimulatedDisk(this.clock, image, this.#random)
    disk.onStep = () => this.#note()
    return disk
  }

  /** What had been promised at a moment; to a process that dies, also what it was told without a flush. */
  ledgerAt(moment: Moment, isProcessOnly: boolean): Ledger {
    const { sent, acknowledged, returned } = moment
    const at = this.moments.indexOf(moment)
    const ledger = new Ledger(this.ledger.seed)
    ledger.sent = sent
    ledger.gone = this.#settledAt <= at ? this.#gone : this.ledger.gone
    for (const [number, place] of [...this.ledger.acknowledged].slice(0, acknowledged)) ledger.acknowledge(number, place)
    if (isProcessOnly) for (const place of this.#returned.slice(0, returned)) ledger.acknowledge(place.number, place)
    return ledger
  }

  async open(): Promise<void> {
    const dispatcher: Dispatcher = {
      name: 'places',
      dispatch: ({ queueOffset, commitLogOffset, storeSize }) => {
        this.#returned.push({ number: this.#writing.shift()!, queueOffset, offset: commitLogOffset, end: commitLogOffset + storeSize })
        this.#note(1)
      },
    }
    const ports: { backend: Backend } = { backend: this.#disk.backend }
    this.store = await MessageStore.open(directory, { ...this.#options, clock: this.clock, dispatchers: [dispatcher], ports } as OpenOptions)
    this.#note()
  }

  async close(): Promise<void> {
    await this.store!.close()
    this.#note()
  }

  /** What has been sent so far and is not among `found` is gone from now on. */
  settle(found: ReadonlySet<number>): void {
    this.#settledAt = this.moments.length - 1
    this.#gone = new Set(Array.from({ length: this.ledger.sent }, (_, number) => number).filter((number) => !found.has(number)))
  }

  /** The process dies; what it has written is there for the next one, on the disk or not. */
  #kill(): void {
    const image = this.#disk.image()
    this.#disk.turnOff()
    this.store = undefined
    this.#disk = this.#makeDisk(image)
  }

  async run(steps: number): Promise<void> {
    try {
      await this.open()
      for (let step = 0; step < steps; step++) await this.#step()
      if (this.#random.chance(0.5)) await this.close()
    } catch (error) {
      this.wrong.push((error as Error).stack!)
    }
  }

  async #step(): Promise<void> {
    const choice = this.#random.below(100)
    if (choice < 34) void this.put()
    else if (choice < 44) await this.put()
    else if (choice < 52) void this.#putBatch()
    else if (choice < 57) this.#putWithoutWaiting()
    else if (choice < 63) this.#append()
    else if (choice < 71) await turns(this.#random.between(1, 6))
    else if (choice < 82) this.clock.advance(this.#random.pick([1, 1000, 3500, 11_000, 61_000]))
    else if (choice < 88) await this.store!.flush()
    else if (choice < 92) this.#disk.writeBack(this.#random)
    else await this.#reopen(choice >= 95)
    this.#note()
  }

  async #reopen(isKilled: boolean): Promise<void> {
    if (isKilled) this.#kill()
    else await this.close()
    await this.open()
  }

  async put(): Promise<void> {
    const number = this.#take()
    const message = makeMessage(this.ledger.seed, number, { bodyMax: BODY_MAX })
    await this.#acknowledge(this.store!.put(message), [number])
  }

  async #putBatch(): Promise<void> {
    const first = this.#take()
    const { topic, queueId, ...message } = makeMessage(this.ledger.seed, first, { bodyMax: BODY_MAX })
    const numbers = [first]
    const messages = [message]
    // Which numbers belong into one queue, the seed says: those between are never sent.
    for (let number = first + 1; number < first + NUMBERS_PER_BATCH_MAX && messages.length < BATCH_MAX; number++) {
      const next = makeMessage(this.ledger.seed, number, { bodyMax: BODY_MAX })
      if (next.topic !== topic || next.queueId !== queueId) continue
      numbers.push(number)
      messages.push(next)
      this.ledger.sent = number + 1
    }
    this.#writing = [...numbers]
    await this.#acknowledge(this.store!.putBatch({ topic, queueId, messages: messages as [] }), numbers)
  }

  #putWithoutWaiting(): void {
    const { properties, ...message } = makeMessage(this.ledger.seed, this.#take(), { bodyMax: BODY_MAX })
    void this.store!.put({ ...message, properties: { ...properties, WAIT: 'false' } })
  }

  #append(): void {
    this.store!.append(makeMessage(this.ledger.seed, this.#take(), { bodyMax: BODY_MAX }))
  }

  #take(): number {
    const number = this.ledger.sent++
    this.#writing = [number]
    return number
  }

  async #acknowledge(putting: Promise<PutResult>, numbers: readonly number[]): Promise<void> {
    const { store } = this
    const places = this.#returned.slice(-numbers.length)
    try {
      const { status } = await putting
      if (status !== 'PUT_OK' || store !== this.store || store!.options.flushDiskType !== 'SYNC_FLUSH') return
      for (const place of places) this.ledger.acknowledge(place.number, place)
    } catch (error) {
      if (store === this.store) this.wrong.push(`a put failed: ${(error as Error).message}`)
    }
  }

  /** @param inCall messages of a call that has not returned */
  #note(inCall = 0): void {
    const { ledger } = this
    const flushedOffset = this.store?.flushedOffset ?? 0
    for (; this.#flushed < this.#returned.length && this.#returned[this.#flushed]!.end <= flushedOffset; this.#flushed++) {
      const place = this.#returned[this.#flushed]!
      ledger.acknowledge(place.number, place)
    }
    const image = this.#disk.image()
    const moment: Moment = {
      image, now: this.clock.now(), sent: ledger.sent, acknowledged: ledger.acknowledged.size, returned: this.#returned.length - inCall,
    }
    // The same disk, and more that was promised.
    if (this.moments.at(-1)?.image === image) this.moments.pop()
    this.moments.push(moment)
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resume) => setImmediate(resume))
}
