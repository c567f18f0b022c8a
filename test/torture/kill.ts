import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { inMemory } from './fast-directory'
import { inLanes } from './lanes'
import type { Layer, LayerContext } from './layer'
import { Ledger } from './ledger'
import { lookAfter } from './look-after'
import { makeMessage } from './messages'
import { Random } from './random'
import { smallOptions } from './small-options'
import { Tracer } from './tracer'
import { within } from './within'
import type { WriterJob } from './writer'
import { WriterProcess } from './writer-process'

const LANES = 3
/** Bytes that all cases at work may take. */
const DISK_NEEDED = 256 << 20
/** Milliseconds after which a process that should have ended hangs. */
const PATIENCE = 5000

/** System calls with which a store changes a disk or reaches it, and how many of each a job of three rounds makes at most. */
const systemCalls: readonly { name: string; most: number }[] = [
  { name: 'openat', most: 120 }, { name: 'ftruncate', most: 60 }, { name: 'fallocate', most: 12 }, { name: 'mmap', most: 24 },
  { name: 'pwrite64', most: 160 }, { name: 'msync', most: 40 }, { name: 'fdatasync', most: 40 }, { name: 'fsync', most: 24 },
  { name: 'rename', most: 3 }, { name: 'unlink', most: 30 }, { name: 'mkdir', most: 10 }, { name: 'munmap', most: 24 },
]

interface Plan {
  options: OpenOptions
  job: Omit<WriterJob, 'directory' | 'options'>
  /** The process begins with what an earlier kill has left. */
  isRecovering: boolean
  when: { call: string; nth: number } | { lines: number; milliseconds: number }
}

/** What a kill has left behind, to begin with. */
interface Remains {
  directory: string
  ledger: Ledger
}

export const kill: Layer = {
  name: 'kill',
  story: 'a writing process is killed, at random and at every nth system call, also while it opens and closes: the next open has all it acknowledged',
  // So that there are 1,000 and 10,000 kills: some end their job before they make so many calls.
  cases: { ci: 1250, full: 12_500 },
  lacks,
  run: (context) => inMemory(context.directory, DISK_NEEDED, async (directory) => {
    const remains = new Map<string, Promise<Remains>>()
    let spare = new WriterProcess()
    try {
      await inLanes(context, LANES, async (index) => {
        const writer = spare
        spare = new WriterProcess()
        await runCase({ context, directory, remains }, index, writer)
      })
    } finally {
      await spare.end()
    }
  }),
}

function lacks(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  return spawnSync('strace', ['-V']).status === 0 ? undefined : 'needs strace (package strace), to kill at the nth system call'
}

function planCase(seed: number, index: number): Plan {
  const random = new Random(seed, 'kill', index)
  const options = smallOptions(random)
  const reports = options.flushDiskType === 'SYNC_FLUSH' || random.chance(0.5) ? 'put' : 'append'
  const isAtCall = random.chance(0.6)
  const [messagesMost, rounds] = isAtCall ? [60, 3] : [200, 1000]
  const job = { seed, from: 0, perRound: random.between(1, messagesMost), rounds, inFlight: random.between(1, 6), reports } as const
  const isRecovering = random.chance(0.4)
  const call = random.pick(systemCalls)
  const when = isAtCall
    ? { call: call.name, nth: 1 + Math.floor(call.most * random.next() ** 2) }
    : { lines: random.below(random.pick([2, 10, 400])), milliseconds: random.below(6) }
  return { options, job, isRecovering, when }
}

interface Bench {
  context: LayerContext
  directory: string
  remains: Map<string, Promise<Remains>>
}

async function runCase(bench: Bench, index: number, writer: WriterProcess): Promise<void> {
  const { context } = bench
  const plan = planCase(context.seed, index)
  const directory = join(bench.directory, String(index))
  let ledger = new Ledger(context.seed)
  try {
    if (plan.isRecovering) {
      const { directory: from, ledger: known } = await remainsFor(bench, plan.options)
      cpSync(from, directory, { recursive: true })
      ledger = known.copy()
    }
    const job: WriterJob = { ...plan.job, directory, options: plan.options, from: ledger.sent }
    await writer.ready
    const wasKilled = 'call' in plan.when ? await killAtCall(writer, job, ledger, plan.when) : await killAtRandom(writer, job, ledger, plan.when)
    for (const { message } of writer.errors) throw new Error(`before its end the writer failed: ${message}`)
    context.add(wasKilled ? 'kills' : 'ends before the kill', 1)
    context.add('acknowledged', ledger.acknowledged.size)
    const wrong = await lookAfter(directory, plan.options, ledger)
    if (wrong.length > 0) throw new Error(wrong.join('\n  '))
    context.done()
  } catch (error) {
    context.fail(index, `${JSON.stringify({ ...plan.options, ...plan.when, isRecovering: plan.isRecovering })}: ${(error as Error).message}`)
  } finally {
    await writer.end()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A directory whose process was killed while it wrote; one for each set of options. */
function remainsFor({ context, directory, remains }: Bench, options: OpenOptions): Promise<Remains> {
  const { compatibility, flushDiskType, mappedFileSizeCommitLog, mappedFileSizeConsumeQueue, maxIndexNum } = options
  const name = [compatibility, flushDiskType, mappedFileSizeCommitLog, mappedFileSizeConsumeQueue, maxIndexNum].join('-')
  let known = remains.get(name)
  if (known === undefined) remains.set(name, known = leaveRemains(join(directory, `remains-${name}`), options, context.seed))
  return known
}

async function leaveRemains(directory: string, options: OpenOptions, seed: number): Promise<Remains> {
  const ledger = new Ledger(seed)
  const writing = `${directory}-writing`
  const store = await MessageStore.open(writing, options)
  for (let number = 0; number < 60; number++) {
    ledger.sent = number + 1
    ledger.acknowledge(number, await store.put(makeMessage(seed, number)))
  }
  // The files as they are while the store is open are what a kill leaves.
  cpSync(writing, directory, { recursive: true })
  await store.close()
  return { directory, ledger }
}

async function killAtRandom(writer: WriterProcess, job: WriterJob, ledger: Ledger, when: { lines: number; milliseconds: number }): Promise<boolean> {
  writer.begin(job, ledger)
  if (!(await writer.saysLines(when.lines, PATIENCE))) throw new Error(`the writer has not said enough in ${PATIENCE} ms`)
  const from = performance.now()
  while (performance.now() - from < when.milliseconds) await new Promise((resume) => setImmediate(resume))
  await writer.end()
  return true
}

/** @returns whether it was killed, or has ended its job before it made so many calls */
async function killAtCall(writer: WriterProcess, job: WriterJob, ledger: Ledger, when: { call: string; nth: number }): Promise<boolean> {
  const tracer = await Tracer.attach(writer.process.pid!, [`trace=${when.call}`, `inject=${when.call}:signal=KILL:when=${when.nth}`])
  writer.begin(job, ledger)
  const isOver = await within(PATIENCE, writer.heard('done'))
  const wasKilled = writer.process.signalCode !== null
  await writer.end()
  await tracer.ended
  if (!isOver) throw new Error(`the writer was not done after ${PATIENCE} ms`)
  return wasKilled
}
