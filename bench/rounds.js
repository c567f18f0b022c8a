import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { showProgress } from './demo/progress.js'

const imageMaker = fileURLToPath(new URL('image.js', import.meta.url))
/** Commands of our side, by the program of a workload. */
export const ours = {
  store: [process.execPath, fileURLToPath(new URL('ours.js', import.meta.url))],
  replication: [process.execPath, fileURLToPath(new URL('replication/ours.js', import.meta.url))],
}

/**
 * Runs every workload on every side, round after round, so that what changes on the machine in the meantime changes
 * for all; the side that goes first changes from round to round.
 * @param {Record<string, Record<string, string[]>>} sides commands of each side, by the program of a workload; a RocketMQ has its
 * version as its name, and does the workloads that name it
 * @returns for each workload, side and measure the rates of all rounds, per second
 */
export async function runRounds({ workloads, sides, rounds, directory }) {
  const sidesOf = ({ engines }) => Object.keys(sides).filter((side) => side === 'mqstore' || engines.includes(side))
  const rates = Object.fromEntries(workloads.map((workload) => [workload.name, Object.fromEntries(sidesOf(workload).map((side) => [side, {}]))]))
  for (let round = 0; round < rounds; round++) {
    for (const workload of workloads) {
      const order = sidesOf(workload)
      if (round % 2 === 1) order.reverse()
      for (const side of order) {
        showProgress(`round ${round + 1} of ${rounds}: ${workload.title}, ${side}`)
        const image = workload.image === undefined ? undefined : makeImage(workload, directory)
        const figures = await runOnce(sides[side][workload.program], { workload, round }, directory, image)
        for (const [measure, rate] of Object.entries(figures)) (rates[workload.name][side][measure] ??= []).push(rate)
      }
    }
  }
  return rates
}

/** @returns the directory of the store that all rounds of a workload open copies of */
function makeImage(workload, parent) {
  const directory = join(parent, `image-${workload.name}`)
  if (!existsSync(directory)) execFileSync(process.execPath, [imageMaker, JSON.stringify({ workload, directory })])
  return directory
}

async function runOnce([command, ...commandArguments], job, parent, image) {
  const directory = mkdtempSync(join(parent, 'round-'))
  if (image !== undefined) {
    // What is a hole in a file has to stay one: most of a queue is, and of the index.
    execFileSync('cp', ['-a', image, join(directory, 'measured')])
    dropCaches()
  }
  const running = promisify(execFile)(command, [...commandArguments, JSON.stringify({ ...job, directory })])
  const stop = () => running.child.kill('SIGKILL')
  // Before the directory is removed, not after: it would write on.
  process.prependListener('exit', stop)
  try {
    const { stdout } = await running
    return JSON.parse(stdout.trim().split('\n').at(-1))
  } finally {
    process.off('exit', stop)
    rmSync(directory, { recursive: true, force: true })
    dropCaches()
  }
}

/** What one round leaves to be written or kept in memory is not the next one's business. */
function dropCaches() {
  try {
    execFileSync('sync')
    if (process.getuid?.() === 0) writeFileSync('/proc/sys/vm/drop_caches', '3')
  } catch {
    // No such command or file here, or not allowed: the figures then vary more, which the table shows.
  }
}
