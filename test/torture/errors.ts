import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore, errorCodes, isStoreError, type OpenOptions } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import type { Backend } from '../../lib/storage/ports'
import { audit } from './audit'
import { FailingBackend, type Fault } from './failing-backend'
import { inMemory } from './fast-directory'
import type { Layer } from './layer'
import { Ledger } from './ledger'
import { makeMessage, topics } from './messages'
import { Random } from './random'
import { openFiles } from './system-errors'
import { within } from './within'

/** Milliseconds after which a case hangs. */
const PATIENCE = 5000
const DISK_NEEDED = 64 << 20
/** What a system call of a store can end with; calls that a signal interrupts are repeated below the port. */
const errorNames = ['EIO', 'ENOSPC', 'EMFILE', 'ENOMEM'] as const
/** A number that no count of faults shares a factor with: cases taken in its steps are spread over all of them. */
const STRIDE = 7919

/** A life of a store, in which each call of the file port fails in turn. */
interface Scenario {
  name: string
  options: OpenOptions
  /** What it finds: nothing, what an orderly stop leaves, or what a kill leaves. */
  begins: 'empty' | 'clean' | 'killed'
}

const scenarios: readonly Scenario[] = (['4.9', '5.3'] as const).flatMap((compatibility) =>
  (['SYNC_FLUSH', 'ASYNC_FLUSH'] as const).flatMap((flushDiskType) =>
    (['empty', 'clean', 'killed'] as const).map((begins) => ({
      name: `${compatibility} ${flushDiskType} ${begins}`,
      begins,
      options: {
        compatibility, flushDiskType, mappedFileSizeCommitLog: 4096, mappedFileSizeConsumeQueue: 200, maxHashSlotNum: 16, maxIndexNum: 40,
        flushIntervalCommitLog: 2, flushIntervalConsumeQueue: 2, flushConsumeQueueThoroughInterval: 4,
      },
    })),
  ),
)

/** A scenario made ready: where it begins, and how many calls it makes when nothing fails. */
interface Stage extends Scenario {
  directory: string | undefined
  ledger: Ledger
  calls: number
}

export const errors: Layer = {
  name: 'errors',
  story: 'each call of the file port fails, once or for ever: a typed error, no lost acknowledgement, nothing left open, and the next open works',
  // All there are, some 32,000, and some twice.
  cases: { ci: 1800, full: 40_000 },
  lacks: () => undefined,
  run: (context) => inMemory(context.directory, DISK_NEEDED, async (directory) => {
    const real = selectBackend('auto')
    const stages: Stage[] = []
    for (const scenario of scenarios) stages.push(await prepare(scenario, directory, real, context.seed))
    const faults = stages.flatMap((stage) => faultsOf(stage).map((fault) => ({ stage, fault })))
    for (let index = context.first; index < context.first + context.count && !context.isOver; index++) {
      const { stage, fault } = faults[(index * STRIDE) % faults.length]!
      const life = new Life(join(directory, 'case'), stage, fault, real, new Random(context.seed, 'errors', index))
      const wrong = await life.endure()
      for (const [figure, value] of Object.entries(life.figures)) context.add(figure, value)
      if (wrong.length === 0) context.done()
      else context.fail(index, `${stage.name}, ${describe(fault)} of ${stage.calls} (${life.failedCall}): ${wrong.join('\n  ')}`)
    }
  }),
}

function describe({ nth, errorCode, forEver }: Fault): string {
  return `${errorCode}${forEver ? ' for ever from' : ' at'} call ${nth}`
}

function faultsOf({ calls }: Stage): Fault[] {
  const nths = Array.from({ length: calls }, (_, at) => at + 1)
  return nths.flatMap((nth) => errorNames.flatMap((errorCode) => [false, true].map((forEver) => ({ nth, errorCode, forEver }))))
}

async function prepare(scenario: Scenario, root: string, real: Backend, seed: number): Promise<Stage> {
  const ledger = new Ledger(seed)
  let directory: string | undefined
  if (scenario.begins !== 'empty') {
    directory = join(root, scenario.name.replaceAll(' ', '-'))
    const writing = `${directory}-writing`
    const store = await MessageStore.open(writing, scenario.options)
    for (let number = 0; number < 40; number++) {
      ledger.sent = number + 1
      ledger.acknowledge(number, await store.put(makeMessage(seed, number)))
    }
    if (scenario.begins === 'killed') cpSync(writing, directory, { recursive: true })
    await store.close()
    if (scenario.begins === 'clean') cpSync(writing, directory, { recursive: true })
  }
  const stage: Stage = { ...scenario, directory, ledger, calls: 0 }
  const life = new Life(join(root, 'count'), stage, undefined, real, new Random(seed, 'errors'))
  const wrong = await life.endure()
  if (wrong.length > 0) throw new Error(`${scenario.name} without any fault: ${wrong.join('\n  ')}`)
  return { ...stage, calls: life.backend.calls }
}

/** One life of a store in which something fails, and all that has to hold of it. */
class Life {
  readonly backend: FailingBackend
  readonly figures: Record<string, number> = {}
  readonly #wrong: string[] = []
  readonly #ledger: Ledger

  constructor(
    private readonly directory: string,
    private readonly stage: Stage,
    fault: Fault | undefined,
    private readonly real: Backend,
    private readonly random: Random,
  ) {
    this.backend = new FailingBackend(real, fault)
    this.#ledger = stage.ledger.copy()
  }

  get failedCall(): string {
    return this.backend.failed ?? 'none failed'
  }

  /** @returns what did not hold */
  async endure(): Promise<string[]> {
    const { stage, directory } = this
    rmSync(directory, { recursive: true, force: true })
    if (stage.directory !== undefined) cpSync(stage.directory, directory, { recursive: true })
    const onRejection = (reason: unknown): void => {
      this.#wrong.push(`unhandled rejection: ${(reason as Error).stack}`)
    }
    process.on('unhandledRejection', onRejection)
    const before = new Set(openFiles(process.pid, directory))
    try {
      if (!(await within(PATIENCE, this.#live()))) this.#wrong.push(`hangs: not over after ${PATIENCE} ms`)
      await new Promise((resume) => setImmediate(resume))
      const left = openFiles(process.pid, directory).filter((file) => !before.has(file))
      if (left.length > 0) this.#wrong.push(`left open: ${left.join(', ')}`)
      await this.#lookAfter()
    } catch (error) {
      this.#wrong.push((error as Error).stack!)
    } finally {
      process.off('unhandledRejection', onRejection)
    }
    return this.#wrong
  }

  async #live(): Promise<void> {
    const store = await this.#try('open', () => MessageStore.open(this.directory, this.#options()))
    if (store === undefined) {
      this.#count('failed opens')
      return
    }
    const lanes = Array.from({ length: 3 }, () => this.#write(store))
    await Promise.all(lanes)
    await this.#try('flush', () => store.flush())
    await this.#read(store)
    if (this.backend.hasFailedFlush && store.failure === undefined) this.#wrong.push('a flush failed, and the store has not stopped')
    await this.#goOn(store)
    await this.#try('close', () => store.close())
    if (store.failure !== undefined) this.#count('fail-stops')
  }

  #options(): OpenOptions {
    return { ...this.stage.options, ports: { backend: this.backend } } as OpenOptions
  }

  async #write(store: MessageStore): Promise<void> {
    for (let count = 0; count < 8; count++) {
      await this.#put(store)
      if (this.random.chance(0.2)) await new Promise((resume) => setTimeout(resume, 1))
    }
  }

  async #put(store: MessageStore): Promise<void> {
    const number = this.#ledger.sent++
    const before = store.failure
    const isStopped = before !== undefined
    const result = await this.#try('put', () => store.put(makeMessage(this.#ledger.seed, number)), (error) => {
      if (isStopped && (error as Error).cause !== before) this.#wrong.push('a put is refused without the cause')
    })
    if (result?.status !== 'PUT_OK') return
    if (isStopped) this.#wrong.push(`message ${number} was acknowledged after the store had stopped`)
    this.#ledger.acknowledge(number, result)
  }

  /** Reading goes on whatever has happened to writing. */
  async #read(store: MessageStore): Promise<void> {
    for (const topic of topics) {
      await this.#try('get', () => {
        const result = store.get({ topic, queueId: 0, offset: store.minOffset(topic, 0), maxMessages: 4 })
        for (const message of result.messages) if (message.topic !== topic) this.#wrong.push(`${topic}/0 gave a message of ${message.topic}`)
      })
    }
  }

  /** Once the machine is well, a store that has not stopped goes on by itself; one that has does not. */
  async #goOn(store: MessageStore): Promise<void> {
    this.backend.heal()
    const { failure } = store
    const before = this.#ledger.acknowledged.size
    await this.#put(store)
    const isAcknowledged = this.#ledger.acknowledged.size > before
    if (failure === undefined && !isAcknowledged) this.#wrong.push(`the store has not stopped, and takes nothing more (${store.failure?.message})`)
    if (failure === undefined) return
    const wrong = audit(store, this.#onlyRead(store), { keys: 0 })
    if (wrong.length > 0) this.#wrong.push(`reading after the stop: ${wrong.join('\n  ')}`)
  }

  /** After a stop, what is beyond the visible offset cannot be read here, acknowledged or not. */
  #onlyRead(store: MessageStore): Ledger {
    const visible = new Ledger(this.#ledger.seed)
    visible.sent = this.#ledger.sent
    for (const [number, place] of this.#ledger.acknowledged) if (place.offset < store.visibleOffset) visible.acknowledge(number, place)
    return visible
  }

  async #lookAfter(): Promise<void> {
    const { options } = this.stage
    const store = await MessageStore.open(this.directory, { ...options, ports: { backend: this.real } } as OpenOptions)
    this.#wrong.push(...audit(store, this.#ledger).map((line) => `after the fault: ${line}`))
    const number = this.#ledger.sent++
    this.#ledger.acknowledge(number, await store.put(makeMessage(this.#ledger.seed, number)))
    await store.close()
    const again = await MessageStore.open(this.directory, { ...options, readOnly: true, ports: { backend: this.real } } as OpenOptions)
    this.#wrong.push(...audit(again, this.#ledger).map((line) => `after one more close: ${line}`))
    await again.close()
    this.#count('acknowledged', this.#ledger.acknowledged.size)
  }

  /** What a call gives; what it throws has to be typed. */
  async #try<Result>(name: string, call: () => Result | Promise<Result>, also: (error: unknown) => void = () => {}): Promise<Result | undefined> {
    try {
      return await call()
    } catch (error) {
      if (!isStoreError(error)) this.#wrong.push(`${name} ends with an error of no type: ${(error as Error).stack}`)
      else if (!errorCodes.includes(error.code)) this.#wrong.push(`${name} ends with the unknown code ${error.code}`)
      else if (this.backend.failed === undefined) this.#wrong.push(`${name} fails before anything else has: ${error.message}`)
      this.#count('typed errors')
      also(error)
      return undefined
    }
  }

  #count(figure: string, value = 1): void {
    this.figures[figure] = (this.figures[figure] ?? 0) + value
  }
}
