import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { CHECKPOINT_LENGTH, decodeCheckpoint } from '../../lib/format/checkpoint-layout'
import { QUEUE_ENTRY_LENGTH } from '../../lib/format/queue-entry'
import type { Random } from './random'

/** What did not reach the disk. */
export type Loss = 'the end of the log' | 'pages of the log' | 'ends of queues' | 'all queues' | 'pages of the index' | 'the index' | 'the checkpoint'

const PAGE = 4096
const SECTOR = 512

/**
 * Takes from the files of a store that was killed what the power would have taken too: of the log only what was not flushed,
 * of queues, index and checkpoint, which the log makes again, anything. Nothing is damaged below what a checkpoint vouches for.
 */
export function cutPower(directory: string, random: Random, durableTo: number): Loss[] {
  const losses: Loss[] = []
  // Pages in the middle of what was not flushed are a torn tail only where the checkpoint tells how far the flush went.
  const { confirmPhyOffset } = readCheckpoint(directory)
  const log = join(directory, 'commitlog')
  const losesPages = confirmPhyOffset > 0 && random.chance(0.5)
  if (losesPages) {
    losses.push('pages of the log')
    forEachPage(log, durableTo, () => random.chance(0.3))
  } else if (random.chance(0.8)) {
    losses.push('the end of the log')
    const from = random.chance(0.5) ? 0.3 : 0
    let isLost = false
    forEachPage(log, durableTo, () => (isLost ||= random.chance(from)))
  }
  if (random.chance(0.3)) {
    losses.push('all queues')
    rmSync(join(directory, 'consumequeue'), { recursive: true, force: true })
  } else if (random.chance(0.5)) {
    losses.push('ends of queues')
    forEachQueue(directory, (queue) => cutQueue(queue, random))
  }
  if (random.chance(0.2)) {
    losses.push('the index')
    rmSync(join(directory, 'index'), { recursive: true, force: true })
  } else if (random.chance(0.3)) {
    losses.push('pages of the index')
    for (const name of namesIn(join(directory, 'index'))) zeroPages(join(directory, 'index', name), random)
  }
  if (!losesPages && random.chance(0.3)) {
    losses.push('the checkpoint')
    if (random.chance(0.5)) rmSync(join(directory, 'checkpoint'), { force: true })
    else writeFileSync(join(directory, 'checkpoint'), Buffer.alloc(CHECKPOINT_LENGTH))
  }
  return losses
}

function readCheckpoint(directory: string): ReturnType<typeof decodeCheckpoint> {
  const path = join(directory, 'checkpoint')
  return decodeCheckpoint(existsSync(path) ? readFileSync(path) : Buffer.alloc(0))
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : []
}

/** Makes zeros of the sectors behind `durableTo` for which `isLost`, page by page to the end of what was written. */
function forEachPage(log: string, durableTo: number, isLost: () => boolean): void {
  for (const name of namesIn(log)) {
    const start = Number(name)
    change(join(log, name), (bytes) => {
      for (let at = 0; at < bytes.length; at += PAGE) {
        const from = Math.max(at, durableTo - start)
        if (from < at + PAGE && isLost()) bytes.fill(0, from, at + PAGE)
      }
    })
  }
}

function forEachQueue(directory: string, visit: (queue: string) => void): void {
  const queues = join(directory, 'consumequeue')
  for (const topic of namesIn(queues)) for (const queueId of namesIn(join(queues, topic))) visit(join(queues, topic, queueId))
}

/** The entries from some place on, and the files behind it. */
function cutQueue(queue: string, random: Random): void {
  const names = namesIn(queue)
  const last = random.below(names.length)
  for (const name of names.slice(last + 1)) rmSync(join(queue, name))
  change(join(queue, names[last]!), (bytes) => bytes.fill(0, QUEUE_ENTRY_LENGTH * random.below(bytes.length / QUEUE_ENTRY_LENGTH)))
}

function zeroPages(file: string, random: Random): void {
  change(file, (bytes) => {
    for (let at = 0; at < bytes.length; at += SECTOR) if (random.chance(0.4)) bytes.subarray(at, at + SECTOR).fill(0)
  })
}

function change(file: string, edit: (bytes: Buffer) => void): void {
  const descriptor = openSync(file, 'r+')
  const bytes = Buffer.alloc(fstatSync(descriptor).size)
  readSync(descriptor, bytes)
  edit(bytes)
  writeSync(descriptor, bytes, 0, bytes.length, 0)
  closeSync(descriptor)
}
