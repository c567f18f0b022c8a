/**
 * The process that mounts images, has stores written on them, and takes the power away. It lives in a mount namespace
 * of its own, gets its work as an argument, and says what came of it on its output, a line of JSON each. It ends early
 * when its input does.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OpenOptions } from '../../lib/index'
import { Ledger } from './ledger'
import { lookAfter, lookOnly } from './look-after'
import { Random } from './random'
import { smallOptions } from './small-options'
import { within } from './within'
import type { WriterJob } from './writer'
import { WriterProcess } from './writer-process'

export interface MachineJob {
  seed: number
  first: number
  count: number
  /** Where the images go. */
  directory: string
  /** The program that cuts. */
  helper: string
  /** The mount namespace in which nothing may be cut. */
  namespace: string
}

export type MachineEvent = { done: true } | { failed: number; message: string } | { figure: string; value: number }

/** Cuts that one store goes through, each after what the one before has left. */
const CUTS_PER_STORE = 5
/** Milliseconds after which a writer without a disk should have ended its job. */
const PATIENCE = 5000

const fileSystems = [
  { name: 'ext4', size: 64 << 20, make: ['mkfs.ext4', '-q', '-F'] },
  { name: 'xfs', size: 320 << 20, make: ['mkfs.xfs', '-q', '-f'] },
] as const

let isOver = false

function tell(event: MachineEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

function run(program: string, ...parameters: string[]): void {
  const { status, stderr, error } = spawnSync(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'] })
  if (status !== 0) throw new Error(`${program} ${parameters.join(' ')}: ${error?.message ?? stderr.toString().trim()}`)
}

/** One file system in an image, which can lose its power. */
class Disk {
  readonly mountPoint: string
  readonly #image: string
  #isMounted = false

  constructor(
    private readonly job: MachineJob,
    private readonly fileSystem: (typeof fileSystems)[number],
  ) {
    this.#image = join(job.directory, `${fileSystem.name}.image`)
    this.mountPoint = join(job.directory, fileSystem.name)
    mkdirSync(this.mountPoint, { recursive: true })
  }

  /** A new file system in place of what there is. */
  make(): void {
    if (this.#isMounted) run('umount', '--lazy', this.mountPoint)
    this.#isMounted = false
    rmSync(this.#image, { force: true })
    writeFileSync(this.#image, '')
    truncateSync(this.#image, this.fileSystem.size)
    const [program, ...parameters] = this.fileSystem.make
    run(program, ...parameters, this.#image)
    this.#mount()
  }

  /** @param percent of the pages that are not flushed, how many are written all the same */
  cut(directory: string, flag: 1 | 2, seed: number, percent: number): void {
    run(this.job.helper, 'cut', this.mountPoint, this.#image, this.job.namespace, String(flag), String(seed), String(percent), directory)
  }

  /** The power comes back. Pages that are being made ready keep a closed file in use for a moment; what stays open fails. */
  async remount(): Promise<void> {
    const end = Date.now() + PATIENCE
    while (spawnSync('umount', [this.mountPoint], { stdio: 'ignore' }).status !== 0) {
      if (Date.now() > end) run('umount', this.mountPoint)
      await new Promise((resume) => setTimeout(resume, 5))
    }
    this.#isMounted = false
    this.#mount()
  }

  #mount(): void {
    run('mount', '-o', 'loop', this.#image, this.mountPoint)
    this.#isMounted = true
  }
}

/** The program that cuts must not touch what is no image of ours. */
function assertRefuses({ helper, directory, namespace }: MachineJob): void {
  const { status } = spawnSync(helper, ['check', directory, join(directory, 'ext4.image'), namespace])
  if (status !== 2) throw new Error(`${helper} would cut ${directory}, which is no image`)
}

/** All cuts of one file system, one after the other. */
class Bench {
  #writer = new WriterProcess()

  constructor(
    private readonly job: MachineJob,
    private readonly lane: number,
    private readonly disk: Disk,
  ) {}

  async run(): Promise<void> {
    const { first, count } = this.job
    const cases = Array.from({ length: count }, (_, at) => first + at).filter((index) => index % fileSystems.length === this.lane)
    const storeOf = (index: number): number => Math.floor(index / fileSystems.length / CUTS_PER_STORE)
    const stores = [...new Set(cases.map(storeOf))]
    this.disk.make()
    for (const store of stores) {
      if (isOver) break
      await this.#tryStore(store, cases.filter((index) => storeOf(index) === store))
    }
    await this.#writer.end()
  }

  /** A store goes through its cuts up to the last that is asked for. */
  async #tryStore(store: number, cases: readonly number[]): Promise<void> {
    const random = new Random(this.job.seed, 'power-cuts', this.lane, store)
    const options: OpenOptions = { ...smallOptions(random), backend: 'native' }
    const directory = join(this.disk.mountPoint, `store-${store}`)
    const ledger = new Ledger(this.job.seed)
    for (let index = store * CUTS_PER_STORE * fileSystems.length + this.lane; index <= cases.at(-1)!; index += fileSystems.length) {
      try {
        await this.#cut(directory, options, ledger, new Random(this.job.seed, 'power-cuts', index))
        if (cases.includes(index)) tell({ done: true })
      } catch (error) {
        tell({ failed: index, message: `${JSON.stringify(options)}: ${(error as Error).message}` })
        await this.#writer.end()
        this.#writer = new WriterProcess()
        this.disk.make()
        return
      }
    }
    tell({ figure: 'acknowledged', value: ledger.acknowledged.size })
    rmSync(directory, { recursive: true, force: true })
  }

  async #cut(directory: string, options: OpenOptions, ledger: Ledger, random: Random): Promise<void> {
    const reports = options.flushDiskType === 'SYNC_FLUSH' ? 'put' : 'flush'
    const job: WriterJob = {
      directory, options, seed: ledger.seed, from: ledger.sent, perRound: random.between(1, 150), rounds: 1000, inFlight: random.between(1, 6), reports,
    }
    const lines = random.below(random.pick([2, 20, 300]))
    const milliseconds = random.below(6)
    await this.#writer.ready
    this.#writer.begin(job, ledger)
    if (!(await this.#writer.saysLines(lines, PATIENCE))) throw new Error('the writer says nothing')
    await new Promise((resume) => setTimeout(resume, milliseconds))
    const isStopped = random.chance(0.5)
    if (isStopped) await this.#writer.stop()
    const promised = new Set(ledger.acknowledged.keys())
    this.disk.cut(directory, random.chance(0.75) ? 1 : 2, random.below(2 ** 31), random.pick([0, 10, 50, 90, 100]))
    if (isStopped) this.#writer.resume()
    await this.#endWriter(random.chance(0.2))
    // A flush that runs while the file system is being shut down may be told of success by what has just given up its
    // journal. Behind a real cut there is nobody to tell: what was heard since it began is no promise.
    if (!isStopped) for (const number of ledger.acknowledged.keys()) if (!promised.has(number)) ledger.acknowledged.delete(number)
    await this.disk.remount()
    const wrong = random.chance(0.6) || !existsSync(join(directory, 'commitlog'))
      ? await lookAfter(directory, options, ledger)
      : await lookOnly(directory, options, ledger)
    if (wrong.length > 0) throw new Error(wrong.join('\n  '))
  }

  /** A writer whose disk is gone ends its job with a typed error, and lives. */
  async #endWriter(isKilled: boolean): Promise<void> {
    const writer = this.#writer
    if (isKilled) {
      this.#writer = new WriterProcess()
      await writer.end()
      return
    }
    if (!(await within(PATIENCE, writer.heard('done')))) throw new Error(`the writer hangs for ${PATIENCE} ms after the cut`)
    if (writer.hasEnded) throw new Error(`the writer ended with ${await writer.ended}: ${writer.standardError}`)
    for (const { code, message } of writer.errors) if (code === undefined) throw new Error(message)
    tell({ figure: 'writers that lived on', value: 1 })
  }
}

async function main(): Promise<void> {
  const job = JSON.parse(process.argv[2]!) as MachineJob
  process.stdin.on('end', () => {
    isOver = true
  })
  process.stdin.resume()
  assertRefuses(job)
  await Promise.all(fileSystems.map((fileSystem, lane) => new Bench(job, lane, new Disk(job, fileSystem)).run()))
  process.stdin.destroy()
}

main().catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
  process.stdin.destroy()
})
