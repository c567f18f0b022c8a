import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { segmentName } from '../../lib/format/file-name'
import { inMemory } from './fast-directory'
import type { Layer, LayerContext } from './layer'
import { Ledger } from './ledger'
import { lookAfter } from './look-after'
import { Random } from './random'
import { smallOptions } from './small-options'
import { Tracer } from './tracer'
import { within } from './within'
import type { WriterJob } from './writer'
import { WriterProcess } from './writer-process'

const DISK_NEEDED = 64 << 20
/** Milliseconds after which a writer that should have ended its job hangs. */
const PATIENCE = 5000

/**
 * The system calls of a store, and about how many of each the job makes. Not among them: `close` and `munmap`, since a
 * call that strace fails is not made at all, which is not how these fail.
 */
const systemCalls: readonly { name: string; most: number }[] = [
  { name: 'openat', most: 90 }, { name: 'statx', most: 150 }, { name: 'getdents64', most: 20 }, { name: 'mkdir', most: 12 },
  { name: 'ftruncate', most: 40 }, { name: 'fallocate', most: 10 }, { name: 'mmap', most: 8 }, { name: 'pread64', most: 60 },
  { name: 'pwrite64', most: 100 }, { name: 'msync', most: 20 }, { name: 'fdatasync', most: 30 }, { name: 'fsync', most: 20 },
  { name: 'rename', most: 2 }, { name: 'unlink', most: 10 }, { name: 'fadvise64', most: 4 }, { name: 'fcntl', most: 2 },
]
const errorNames = ['EIO', 'ENOSPC', 'EMFILE', 'ENOMEM', 'EINTR'] as const

interface Plan {
  call: string
  nth: number
  errorName: (typeof errorNames)[number]
  forEver: boolean
}

export const systemErrors: Layer = {
  name: 'system-errors',
  story: 'a system call of the real library fails, once or for ever: a typed error, a process that lives, and the next open has all that was acknowledged',
  cases: { ci: 200, full: 4000 },
  lacks,
  run: (context) => inMemory(context.directory, DISK_NEEDED, async (directory) => {
    let writer = await warmUp(directory)
    try {
      for (let index = context.first; index < context.first + context.count && !context.isOver; index++) {
        try {
          await runCase(context, index, writer, join(directory, String(index)))
          context.done()
        } catch (error) {
          context.fail(index, `${JSON.stringify(planCase(context.seed, index))}: ${(error as Error).message}`)
          await writer.end()
          writer = await warmUp(directory)
        }
      }
    } finally {
      await writer.end()
    }
  }),
}

function lacks(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  return spawnSync('strace', ['-V']).status === 0 ? undefined : 'needs strace (package strace), to make system calls fail'
}

/** A writer that has loaded all it needs: what fails from here on is the store's. One thread, so that the nth call is one call. */
async function warmUp(directory: string): Promise<WriterProcess> {
  const writer = new WriterProcess({ UV_THREADPOOL_SIZE: '1' })
  await writer.ready
  const job = jobOf(join(directory, 'warm-up'), new Random(0), new Ledger(0))
  writer.begin(job, new Ledger(0))
  await writer.heard('done')
  rmSync(job.directory, { recursive: true, force: true })
  return writer
}

function jobOf(directory: string, random: Random, ledger: Ledger): WriterJob {
  const options = { ...smallOptions(random), mappedFileSizeCommitLog: 4096, flushIntervalCommitLog: 5, flushIntervalConsumeQueue: 5 }
  const reports = options.flushDiskType === 'SYNC_FLUSH' ? 'put' : 'flush'
  return { directory, options, seed: ledger.seed, from: 0, perRound: 24, rounds: 2, inFlight: 3, reports }
}

function planCase(seed: number, index: number): Plan {
  const random = new Random(seed, 'system-errors', index)
  const { name, most } = random.pick(systemCalls)
  // What maps memory does not wait for anything, and so is never interrupted.
  const errorName = random.pick(name === 'mmap' ? errorNames.filter((one) => one !== 'EINTR') : errorNames)
  // A call that is interrupted for ever never returns: the system library repeats it before anybody hears of it.
  return { call: name, nth: random.between(1, most), errorName, forEver: errorName !== 'EINTR' && random.chance(0.5) }
}

async function runCase(context: LayerContext, index: number, writer: WriterProcess, directory: string): Promise<void> {
  const { call, nth, errorName, forEver } = planCase(context.seed, index)
  const ledger = new Ledger(context.seed)
  const job = jobOf(directory, new Random(context.seed, 'system-errors job', index), ledger)
  const record = `${directory}.strace`
  // The engine under us maps memory too, and does not survive without.
  const paths = call === 'mmap' ? [0, 1, 2, 3].map((at) => join(directory, 'commitlog', segmentName(at * 4096))) : []
  const tracer = await Tracer.attach(writer.process.pid!, [`trace=${call}`, `inject=${call}:error=${errorName}:when=${nth}${forEver ? '+' : ''}`], { record, paths })
  try {
    writer.begin(job, ledger)
    if (!(await within(PATIENCE, writer.heard('done')))) throw new Error(`the writer hangs for ${PATIENCE} ms`)
    if (writer.hasEnded) throw new Error(`the writer ended with ${await writer.ended}: ${writer.standardError}`)
  } finally {
    if (writer.hasEnded) await tracer.ended
    else await tracer.detach()
  }
  const isMet = readFileSync(record, 'latin1').includes('(INJECTED)')
  context.add(isMet ? 'faults met' : 'faults not met', 1)
  for (const { code, message } of writer.errors) {
    if (code === undefined) throw new Error(message)
    if (!isMet || errorName === 'EINTR') throw new Error(`${isMet ? 'an interruption is not invisible' : 'an error without a fault'}: ${message}`)
    context.add('typed errors', 1)
  }
  const left = openFiles(writer.process.pid!, directory)
  if (left.length > 0) throw new Error(`left open: ${left.join(', ')}`)
  const wrong = await lookAfter(directory, job.options, ledger)
  if (wrong.length > 0) throw new Error(wrong.join('\n  '))
  context.add('acknowledged', ledger.acknowledged.size)
  rmSync(directory, { recursive: true, force: true })
  rmSync(record, { force: true })
}

/** What of a process's descriptors leads below a directory. */
export function openFiles(processId: number, directory: string): string[] {
  return readdirSync(`/proc/${processId}/fd`).flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/${processId}/fd/${descriptor}`)
      return target.startsWith(`${directory}/`) ? [`${descriptor} ${target}`] : []
    } catch {
      // Closed in the meantime, as the one with which the descriptors were listed.
      return []
    }
  })
}
