/**
 * A process of small-volume.test.ts. Without a life to lead it is the story: it has a volume of its own, on which it lets others
 * live one after the other, and looks at what each has left. As a life, it puts until the volume is full, round by round.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, rmSync, statSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageStore, isStoreError, type OpenOptions, type StoreError } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import type { Clock } from '../../lib/storage/ports'

const KIBIBYTE = 1024
const SEGMENT = 64 * KIBIBYTE
const PUTTERS = 6
/** Between two looks at the disk, in the store's milliseconds. */
const LOOK = 1000
/** The store's seconds are so much shorter. */
const HASTE = 100
const ROUNDS_PER_LIFE = 10
/** A file that is unmapped late takes its room for a while after it was deleted: nobody can say when there is some again. */
const kinds = selectBackend('auto').capabilities.has('unmap') ? (['limit', 'disk', 'retention'] as const) : (['limit', 'disk'] as const)
/** How much of the volume is no ballast at first. */
const sparedBy = { limit: 0.12, disk: 0.03, retention: 0.4 }
const QUEUE = { topic: 'orders', queueId: 0 }

const hastyClock: Clock = {
  now: () => Date.now(),
  startTimer(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds / HASTE).unref()
    return () => clearTimeout(timer)
  },
}

/** What a life is like. */
interface Life {
  directory: string
  ballast: string
  /** The most; it ends before, once no ballast is left. */
  rounds: number
  /**
   * `limit`: full by a limit in percent, until the ballast is made smaller by what the store says. `disk`: full by the last
   * block. `retention`: full by the limit, until the store itself deletes files before their time.
   */
  kind: 'limit' | 'disk' | 'retention'
  compatibility: '4.9' | '5.3'
  /** Ends with a close, or in the middle of it all. */
  closes: boolean
}

/** What it has to tell. */
interface Report {
  acknowledged: { number: number; queueOffset: number }[]
  problems: string[]
  rounds: number
}

function optionsOf({ kind, compatibility }: Life): OpenOptions {
  return {
    flushDiskType: 'SYNC_FLUSH', compatibility, clock: hastyClock,
    mappedFileSizeCommitLog: SEGMENT, mappedFileSizeConsumeQueue: 4000, maxHashSlotNum: 100, maxIndexNum: 1000,
    diskSpaceWarningLevelRatio: kind === 'disk' ? 100 : 90, diskSpaceCleanForciblyRatio: kind === 'disk' ? 100 : 89, cleanFileForciblyEnable: kind === 'retention',
  }
}

async function live(life: Life): Promise<Report> {
  const store = await MessageStore.open(life.directory, optionsOf(life))
  const report: Report = { acknowledged: [], problems: [], rounds: 0 }
  const expect = (what: string, holds: boolean): void => {
    if (!holds) report.problems.push(what)
  }
  const levels: string[] = []
  store.on('diskLevel', ({ volume }) => levels.push(volume.level))
  let next = 0
  let isOver = false
  const refusals = new Array<number>(PUTTERS).fill(0)
  let refusal: StoreError | undefined
  const putting = Array.from({ length: PUTTERS }, async (_, putter) => {
    while (!isOver) {
      const number = next++
      try {
        const { status, queueOffset } = await store.put({ ...QUEUE, body: bodyOf(number), properties: { KEYS: `key-${number}` } })
        if (status === 'PUT_OK') report.acknowledged.push({ number, queueOffset })
        else report.problems.push(`${number}: ${status}`)
      } catch (error) {
        if (!isStoreError(error) || error.code !== 'ERR_DISK_FULL') throw error
        refusal = error
        refusals[putter]!++
        await sleep(1)
      }
    }
  })
  const stopped = Promise.all(putting).catch((error: unknown) => {
    report.problems.push(String(error))
    isOver = true
  })
  for (let round = 0; round < life.rounds && !isOver; round++) {
    const before = refusals.slice()
    await until(() => isOver || refusals.every((count, putter) => count > before[putter]! + 1))
    if (life.kind !== 'retention') {
      // What has been taken goes to the disk yet, and is part of what has to go.
      await store.flush().catch((error: StoreError) => expect(`${round}: flush ends with ${error.code}`, error.code === 'ERR_DISK_FULL'))
      await sleep((2 * LOOK) / HASTE)
      expect(`${round}: flagged, and not only ${store.running.names}`, store.running.names.includes('DISK_FULL') && levels.at(-1) === 'full')
    }
    const { details, message } = refusal!
    expect(`${round}: the store lives`, store.failure === undefined)
    expect(`${round}: ${message} says what has to go`, details.pressure?.[0]?.reason === 'diskFull' && message.includes(`${details.pressure[0].bytes} have to go`))
    expect(`${round}: reads go on`, reads(store))
    const acknowledged = report.acknowledged.length
    // By the limit, just what is said has to be enough; a disk that is really full wants room for queues and index as well.
    const room = { limit: store.pressure()[0]?.bytes ?? NaN, disk: (store.pressure()[0]?.bytes ?? NaN) + 2 * SEGMENT, retention: 0 }[life.kind]
    if (room > 0 && !shrink(life.ballast, room)) break
    await until(() => isOver || report.acknowledged.length > acknowledged + PUTTERS)
    report.rounds++
  }
  isOver = true
  await stopped
  if (life.closes) {
    shrink(life.ballast, SEGMENT)
    await store.close()
  }
  return report
}

/** Whether the last message can be read. */
function reads(store: MessageStore): boolean {
  const result = store.get({ ...QUEUE, offset: store.maxOffset('orders', 0) - 1 })
  const isFound = result.messages.length === 1
  result.release()
  return isFound
}

function bodyOf(number: number): Buffer {
  return Buffer.alloc(900, `${number} `)
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(1)
}

/** Gives `bytes` of the volume back. @returns whether so much of the ballast was left */
function shrink(ballast: string, bytes: number): boolean {
  const { size } = statSync(ballast)
  const descriptor = openSync(ballast, 'r+')
  ftruncateSync(descriptor, Math.max(0, Math.floor((size - bytes) / 4096) * 4096))
  closeSync(descriptor)
  return size >= bytes
}

/** Takes all of the volume but `spared`. */
function fill(ballast: string, spared: number): void {
  const { bavail, bsize } = statfsSync(join(ballast, '..'))
  const descriptor = openSync(ballast, 'w')
  for (let written = 0; written < bavail * bsize - spared; written += 4096) writeSync(descriptor, Buffer.alloc(4096, 1))
  closeSync(descriptor)
}

/** What a store holds once it is opened again: all that was acknowledged, but for what retention has deleted. */
async function audit(life: Life, { acknowledged }: Report, problems: string[]): Promise<void> {
  const store = await MessageStore.open(life.directory, optionsOf(life))
  const minOffset = store.minOffset('orders', 0)
  if (life.kind !== 'retention' && minOffset !== 0) problems.push(`the queue begins at ${minOffset}`)
  const found = new Map<string, number>()
  for (let offset = minOffset; offset < store.maxOffset('orders', 0);) {
    const result = store.get({ ...QUEUE, offset, maxMessages: 1000 })
    for (const { body } of result.messages) found.set(body.toString(), (found.get(body.toString()) ?? 0) + 1)
    offset = result.nextBeginOffset
    result.release()
  }
  for (const { number, queueOffset } of acknowledged) {
    const times = found.get(bodyOf(number).toString()) ?? 0
    const expected = queueOffset < minOffset ? 0 : 1
    if (times !== expected) problems.push(`message ${number} was acknowledged as ${queueOffset} of ${minOffset} and more, and is there ${times} times`)
  }
  for (const { number } of acknowledged.filter(({ queueOffset }) => queueOffset >= minOffset).slice(-100)) {
    if (store.query({ topic: 'orders', key: `key-${number}` }).messages.length !== 1) problems.push(`key-${number} is not found`)
  }
  const { damage } = store.recovery
  if (damage.length > 0) problems.push(`${damage.length} damages`)
  await store.close()
}

async function tell(root: string, rounds: number): Promise<object> {
  const problems: string[] = []
  let acknowledged = 0
  let done = 0
  let lives = 0
  for (; done < rounds && problems.length === 0; lives++) {
    const kind = kinds[lives % kinds.length]!
    const life: Life = {
      directory: join(root, 'store'), ballast: join(root, 'ballast'), rounds: ROUNDS_PER_LIFE, kind,
      compatibility: lives % 2 === 0 ? '5.3' : '4.9', closes: lives % 4 < 2,
    }
    const { blocks, bsize } = statfsSync(root)
    fill(life.ballast, sparedBy[kind] * blocks * bsize)
    const { signal, status, stdout, stderr } = spawnSync(process.execPath, [__filename, JSON.stringify(life)], { encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 26 })
    if (status !== 0) return { problems: [...problems, `life ${lives} ended with ${signal ?? status}: ${stderr}`] }
    const report = JSON.parse(stdout) as Report
    problems.push(...report.problems.map((problem) => `life ${lives}: ${problem}`))
    // Opening again wants some room: what the process has left in memory goes to the disk now.
    shrink(life.ballast, 4 * SEGMENT)
    await audit(life, report, problems)
    acknowledged += report.acknowledged.length
    done += report.rounds
    rmSync(life.directory, { recursive: true })
    rmSync(life.ballast)
  }
  return { problems, acknowledged, rounds: done, lives }
}

async function main(): Promise<void> {
  const [, , first, rounds] = process.argv
  const result = rounds === undefined ? await live(JSON.parse(first!) as Life) : await tell(first!, Number(rounds))
  // Also where a store was left open.
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}

void main()
