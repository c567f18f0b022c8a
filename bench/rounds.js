import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { showProgress } from './demo/progress.js'
import { DirtyBytesWatch } from './dirty-bytes.js'

const imageMaker = fileURLToPath(new URL('image.js', import.meta.url))

/**
 * Runs every workload on every side, round after round, so that what changes on the machine in the meantime changes
 * for all; the side that goes first changes from round to round.
 * @param options.sides see sides.js; each does the workloads that name it, and ours does all
 * @param options.settles whether the disk is at rest and the page cache empty before each
 * @returns for each workload and side what each round gave: figures, notes on them, and the dirty bytes; and which rounds failed, since
 * what the others have measured in an hour is not lost for one
 */
export async function runRounds({ workloads, sides, rounds, directory, settles }) {
  const results = Object.fromEntries(workloads.map((workload) => [workload.name, Object.fromEntries(sidesOf(workload, sides).map((side) => [side, []]))]))
  const failures = []
  for (let round = 0; round < rounds; round++) {
    for (const workload of workloads) {
      const order = sidesOf(workload, sides)
      if (round % 2 === 1) order.reverse()
      for (const side of order) {
        showProgress(`round ${round + 1} of ${rounds}: ${workload.title}, ${sides[side].title}`)
        const command = sides[side].commands[workload.program]
        try {
          const image = workload.image === undefined ? undefined : makeImage(workload, directory, settles)
          results[workload.name][side].push(await runOnce(command, { workload, round }, { parent: directory, image, settles }))
        } catch (error) {
          failures.push({ workload: workload.name, side, round: round + 1, message: error.stderr || error.message })
        }
      }
    }
  }
  return { results, failures }
}

function sidesOf({ against }, sides) {
  return Object.keys(sides).filter((side) => side === 'mqstore' || against.includes(side))
}

/** @returns the directory of the store that all rounds of a workload open copies of */
function makeImage(workload, parent, settles) {
  const directory = join(parent, `image-${workload.name}`)
  if (existsSync(directory)) return directory
  execFileSync(process.execPath, [imageMaker, JSON.stringify({ workload, directory })])
  // The first copy is made as all others are, from the disk: whoever goes first is not to find it busier than those who follow.
  if (settles) settle({ dropsCaches: true })
  return directory
}

async function runOnce([command, ...commandArguments], job, { parent, image, settles }) {
  const directory = mkdtempSync(join(parent, 'round-'))
  if (image !== undefined) {
    // What is a hole in a file has to stay one: most of a queue is, and of the index.
    execFileSync('cp', ['-a', image, join(directory, 'measured')])
  }
  if (settles) settle({ dropsCaches: !job.workload.isCached })
  const watch = new DirtyBytesWatch()
  const running = promisify(execFile)(command, [...commandArguments, JSON.stringify({ ...job, directory })])
  const stop = () => running.child.kill('SIGKILL')
  // Before the directory is removed, not after: it would write on.
  process.prependListener('exit', stop)
  try {
    const { stdout } = await running
    const dirty = watch.end()
    const { notes = {}, ...figures } = JSON.parse(stdout.trim().split('\n').at(-1))
    return { figures, notes, dirty }
  } finally {
    watch.end()
    process.off('exit', stop)
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What one round leaves to be written or kept in memory is not the next one's business. */
function settle({ dropsCaches }) {
  try {
    execFileSync('sync')
    if (dropsCaches && process.getuid?.() === 0) writeFileSync('/proc/sys/vm/drop_caches', '3')
  } catch {
    // No such command or file here, or not allowed: the figures then vary more, which the table shows.
  }
}
