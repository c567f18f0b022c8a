import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore, type Compatibility, type FlushDiskType, type OpenOptions } from '../../lib/index'
import { MANIFEST_NAME } from '../../lib/recovery/manifest'
import type { Backend } from '../../lib/storage/ports'
import { audit } from './audit'
import { randomDamage } from './damages'
import { FailingBackend } from './failing-backend'
import { JumpingClock } from './jumping-clock'
import { Ledger } from './ledger'
import { Random } from './random'
import { smallOptions } from './small-options'
import { SoakSession } from './soak-session'
import type { SoakStory } from './soak-story'
import { openFiles } from './system-errors'
import { within } from './within'
import { WriterProcess } from './writer-process'

/** Messages with which a store is old: it is thrown away, and another begun. */
const MESSAGES_MAX = 6000
/** What can be made again from the log. */
const derived = ['consumequeue', 'index', 'checkpoint', MANIFEST_NAME] as const
/** Milliseconds of the longest session. */
const SESSION_MAX = 2500
/** Milliseconds until another process runs and has said something. */
const PROCESS_PATIENCE = 30_000

export interface LifeParts {
  seed: number
  index: number
  compatibility: Compatibility
  flushDiskType: FlushDiskType
  directory: string
  real: Backend
  story: SoakStory
}

/** The life of one store: opened, worked with and closed over and over, and hurt while it is closed. */
export class SoakLife {
  readonly #parts: LifeParts
  readonly #random: Random
  readonly #clock = new JumpingClock()
  #ledger: Ledger
  #options: OpenOptions
  #sessions = 0

  constructor(parts: LifeParts) {
    this.#parts = parts
    this.#random = new Random(parts.seed, 'soak', parts.index)
    this.#ledger = new Ledger(parts.seed)
    this.#options = this.#newOptions()
  }

  async run(milliseconds: number): Promise<void> {
    const { story } = this.#parts
    const end = performance.now() + milliseconds
    while (performance.now() < end && story.wrong.length === 0) {
      if (this.#ledger.sent > MESSAGES_MAX) this.#beginAnew()
      await this.#session(Math.min(end - performance.now(), this.#random.between(200, SESSION_MAX)))
      if (story.wrong.length > 0) return
      if (this.#random.chance(0.15)) await this.#killWriter()
      if (this.#random.chance(0.35)) this.#hurtDerivedFiles()
    }
    if (story.wrong.length > 0) return
    story.tell('is opened for the last time')
    const backend = new FailingBackend(this.#parts.real)
    const store = await story.inTime('open', this.#open(backend), backend)
    if (store === undefined) return
    story.accuse(...audit(store, this.#ledger, { isDense: true, hasTimeJumped: true }))
    await story.inTime('close', store.close(), backend)
  }

  async #session(milliseconds: number): Promise<void> {
    const { real, story, seed, index, directory } = this.#parts
    const session = ++this.#sessions
    const random = (part: string): Random => new Random(seed, 'soak', index, session, part)
    const backend = new FailingBackend(real)
    const opening = random('open')
    if (opening.chance(0.2)) {
      story.tell('strikes while it opens')
      backend.strike({ nth: opening.between(1, 80), errorCode: opening.pick(['EIO', 'ENOSPC', 'EMFILE']), forEver: opening.chance(0.4) })
    }
    try {
      story.tell('opens')
      const store = await story.inTime('open', this.#open(backend), backend)
      if (store === undefined) return
      story.add('opens')
      story.tell(`is open: ${store.recovery.label}, ${this.#ledger.acknowledged.size} acknowledged, ${this.#ledger.sent} sent`)
      backend.heal()
      for (const damage of store.recovery.damage) story.accuse(`damage is reported where none was done: ${JSON.stringify(damage)}`)
      if (store.failure === undefined) story.accuse(...audit(store, this.#ledger, { isDense: true, hasTimeJumped: true }))
      const parts = { store, backend, clock: this.#clock, ledger: this.#ledger, story, options: this.#options, random }
      await new SoakSession(parts).run(milliseconds)
    } catch (error) {
      story.tell(`does not open: ${(error as Error).message}`)
      story.add('failed opens')
      story.judge('open', error, backend.failed)
    }
    const left = openFiles(process.pid, directory)
    if (left.length > 0) story.accuse(`left open: ${left.join(', ')}`)
  }

  #open(backend: Backend): Promise<MessageStore> {
    return MessageStore.open(this.#parts.directory, { ...this.#options, clock: this.#clock, ports: { backend } } as OpenOptions)
  }

  #newOptions(): OpenOptions {
    const { compatibility, flushDiskType } = this.#parts
    const mappedFileSizeCommitLog = this.#random.pick([16_384, 65_536, 262_144])
    return { ...smallOptions(this.#random), compatibility, flushDiskType, mappedFileSizeCommitLog }
  }

  #beginAnew(): void {
    const { story, seed, directory } = this.#parts
    story.tell('is old, and another is begun')
    story.add('stores retired')
    rmSync(directory, { recursive: true, force: true })
    this.#ledger = new Ledger(seed + this.#sessions)
    this.#options = this.#newOptions()
  }

  /** Another process goes on with the store, by the machine's own clock, and is killed. */
  async #killWriter(): Promise<void> {
    const { story, directory } = this.#parts
    const writer = new WriterProcess()
    try {
      if (!(await within(PROCESS_PATIENCE, writer.ready))) story.accuse('the start of a process hangs')
      const reports = this.#options.flushDiskType === 'SYNC_FLUSH' ? 'put' : 'append'
      const job = { directory, options: this.#options, seed: this.#ledger.seed, from: this.#ledger.sent, perRound: 100, rounds: 1000, inFlight: 4, reports } as const
      writer.begin(job, this.#ledger)
      if (!(await writer.saysLines(this.#random.below(400), PROCESS_PATIENCE))) story.accuse('a writing process hangs')
    } finally {
      await writer.end()
    }
    story.tell(`another process has written up to ${this.#ledger.sent}, and was killed`)
    story.add('kills')
    story.accuse(...writer.errors.map(({ message }) => `before its end the writer failed: ${message}`))
  }

  /** Derived files are gone or spoilt. Not spoilt is the index: what is wrong inside of it only check finds. */
  #hurtDerivedFiles(): void {
    const { story, directory } = this.#parts
    // The first open may have failed before there was one.
    if (!existsSync(directory)) return
    const gone = this.#random.chance(0.5) ? derived.filter(() => this.#random.chance(0.4)) : []
    story.add('derived files hurt')
    if (gone.length > 0) {
      story.tell(`loses ${gone.join(', ')}`)
      for (const name of gone) rmSync(join(directory, name), { recursive: true, force: true })
      return
    }
    const files = new Map(derivedFiles(directory).map((path) => [path, readFileSync(path)]))
    if (files.size === 0) return
    const damage = randomDamage({ files }, this.#random)
    story.tell(`is spoilt: ${damage.what}`)
    damage.apply(files)
    for (const [path, bytes] of files) writeFileSync(path, bytes)
  }
}

function derivedFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !['abort', 'lock'].includes(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/(commitlog|index)\//.test(path))
    .sort()
}
