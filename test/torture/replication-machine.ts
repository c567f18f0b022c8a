import { MessageStore, type Divergence, type OpenOptions, type ReplicatedLog } from '../../lib/index'
import type { Backend } from '../../lib/storage/ports'
import { CrashStates, emptyDisk, type DirectoryImage } from './disk-image'
import { FailingBackend } from './failing-backend'
import { FastClock } from './fast-clock'
import type { Random } from './random'
import { SimulatedDisk } from './simulated-disk'

const directory = '/data/store'

/** A machine with one store on its disk: it can be killed, lose its power, be slow or full, and begin again with what that has left. */
export class Machine {
  /** Where the records of its log end that it has written itself. */
  readonly recordEnds = new Set<number>()
  readonly wrong: string[] = []
  diverged: Divergence | undefined
  /** Its disk refuses a flush, after which the store may stop. */
  mayFail = false
  /** It lost its power with records that were not flushed, and has some that came behind those. */
  isDamaged = false
  mayBeDamaged = false
  #clock = new FastClock()
  #disk: SimulatedDisk
  #backend: FailingBackend
  #store: MessageStore | undefined

  constructor(
    readonly name: string,
    private readonly options: OpenOptions,
    private readonly random: Random,
    private readonly tell: (line: string) => void,
  ) {
    this.#disk = new SimulatedDisk(this.#clock, emptyDisk, random)
    this.#backend = new FailingBackend(this.#disk.backend)
  }

  get store(): MessageStore {
    if (this.#store === undefined) throw new Error(`${this.name} is not open`)
    return this.#store
  }

  get isOpen(): boolean {
    return this.#store !== undefined
  }

  get log(): ReplicatedLog {
    return this.store.replication.log
  }

  get backend(): FailingBackend {
    return this.#backend
  }

  get isConnected(): boolean {
    return this.store.replication.status().master?.isConnected === true
  }

  /** Opens the store as it is on the disk now, and has it replicate. */
  async start(role: Pick<OpenOptions, 'brokerRole' | 'haMasterAddress'>): Promise<void> {
    await this.open(role)
    await this.store.replication.start()
  }

  async open(role: Pick<OpenOptions, 'brokerRole' | 'haMasterAddress'>): Promise<void> {
    const ports: { backend: Backend } = { backend: this.#backend }
    const dispatchers = [{ name: 'record ends', dispatch: this.#noteRecord }]
    const store = await MessageStore.open(directory, { ...this.options, ...role, clock: this.#clock, dispatchers, ports } as OpenOptions)
    const { recovery: { label, damage }, maxPhyOffset } = store
    this.tell(`${this.name} is open as ${role.brokerRole}: ${label}, ${maxPhyOffset} bytes`)
    if (this.mayBeDamaged) this.isDamaged ||= damage.length > 0
    else for (const { offset, reason } of damage) this.wrong.push(`${this.name} finds damage at ${offset}: ${reason}`)
    this.#store = store
    this.#watch(store)
  }

  /** The process dies; the files are there for the next one. @returns what was in the log */
  kill(): ReplicatedLog {
    this.tell(`${this.name} is killed at ${this.store.maxPhyOffset}`)
    return this.#die((image) => image)
  }

  /** What the disk was not told to keep is there or not, by the sector. @returns what was in the log */
  cutPower(): ReplicatedLog {
    const { random } = this
    const share = random.pick([0, 0.1, 0.5, 0.9, 1])
    this.tell(`${this.name} loses its power at ${this.store.maxPhyOffset}, flushed ${this.store.flushedOffset}; of what is uncertain ${share} is kept`)
    return this.#die((image) => new CrashStates(image).choose(() => random.next() < share))
  }

  async close(): Promise<void> {
    const store = this.#store
    this.#store = undefined
    await store?.close()
    this.#clock.stop()
    this.#clock = new FastClock()
  }

  #die(leave: (image: DirectoryImage) => DirectoryImage): ReplicatedLog {
    const { store, random } = this
    const image = leave(this.#disk.image())
    this.#disk.turnOff()
    this.#clock.stop()
    this.#store = undefined
    // Its connections end with it; what else it does reaches nobody.
    store.replication.stop().catch(() => undefined)
    this.#clock = new FastClock()
    this.#disk = new SimulatedDisk(this.#clock, image, random)
    this.#backend = new FailingBackend(this.#disk.backend)
    return store.replication.log
  }

  #watch(store: MessageStore): void {
    // What a store that is dead still says reaches nobody.
    const isAlive = (): boolean => this.#store === store
    const tell = (line: string): void => {
      if (isAlive()) this.tell(`${this.name} ${line}`)
    }
    const accuse = (line: string): void => {
      if (isAlive()) this.wrong.push(`${this.name} ${line}`)
    }
    store.on('diverged', (divergence) => {
      if (isAlive()) this.diverged = divergence
      tell(`says that it diverged: ${JSON.stringify(divergence)}`)
    })
    store.on('damage', ({ offset, reason }) => {
      tell(`is told of damage at ${offset}: ${reason}`)
      if (!this.mayBeDamaged) accuse(`is told of damage at ${offset}: ${reason}`)
    })
    store.on('failed', ({ error }) => {
      tell(`has stopped: ${error.message}`)
      if (!this.mayFail) accuse(`has stopped: ${error.stack}`)
    })
    store.on('masterConnected', ({ offset }) => tell(`is connected, with ${offset} bytes`))
    store.on('masterLost', ({ reason }) => tell(`has lost its master: ${reason}`))
    store.on('warning', ({ message }) => tell(`warns: ${message}`))
  }

  readonly #noteRecord = ({ commitLogOffset, storeSize }: { commitLogOffset: number; storeSize: number }): void => {
    this.recordEnds.add(commitLogOffset + storeSize)
  }
}

/** Where the first log is no beginning of the second one, or no part of it that begins later; undefined where it is. */
export function firstDifference(part: ReplicatedLog, whole: ReplicatedLog): string | undefined {
  const { maxOffset } = part
  if (maxOffset > whole.maxOffset) return `one log ends at ${maxOffset}, and the other one at ${whole.maxOffset}`
  const [own, other] = [Buffer.alloc(part.fileSize), Buffer.alloc(part.fileSize)]
  for (let offset = Math.max(part.minOffset, whole.minOffset); offset < maxOffset;) {
    const length = part.read(offset, own)
    const otherLength = whole.read(offset, other)
    const count = Math.min(length, otherLength)
    if (count === 0) return `one log cannot be read at ${offset}`
    if (own.compare(other, 0, count, 0, count) !== 0) {
      const at = own.subarray(0, count).findIndex((byte, index) => byte !== other[index])
      return `the logs differ at ${offset + at}`
    }
    offset += count
  }
  return undefined
}
