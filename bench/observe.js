import { execFileSync } from 'node:child_process'
import { mkdirSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { endProgress, showProgress } from './demo/progress.js'
import { describeMachine } from './machine.js'
import { makeScratchDirectory } from './scratch-directory.js'
import { summarize } from './statistics.js'
import { formatCount, formatTable } from './table.js'

/**
 * What channels and metrics cost while nobody listens: the library as it is, held against a copy that does not ask whether anybody
 * does; and, to see what such a figure is worth, against a copy that is the same.
 */

const roundScript = fileURLToPath(new URL('observe-round.js', import.meta.url))
const LIMIT = 0.03
const common = { topics: 8, queues: 4 }
const workloads = [
  { ...common, title: 'append, 128 B', bodySize: 128, operation: 'append', operations: 5000, warmUpSlices: 40, pairs: 300 },
  { ...common, title: 'append, 1 KiB', bodySize: 1024, operation: 'append', operations: 2500, warmUpSlices: 40, pairs: 200 },
  { ...common, title: 'get, 1 message', bodySize: 128, operation: 'get', operations: 5000, warmUpSlices: 40, pairs: 300 },
]

export function runObserveBenchmarks({ rounds, smoke, json, directory: parent }) {
  const directory = makeScratchDirectory(realpathSync(parent), 'mqstore-observe-')
  const machine = describeMachine(directory)
  const results = workloads.map((workload) => {
    const measured = smoke ? { ...workload, operations: 1000, warmUpSlices: 1, pairs: 2 } : workload
    const found = { title: workload.title, nanoseconds: [], costs: [], same: [] }
    for (let round = 0; round < rounds; round++) {
      showProgress(`round ${round + 1} of ${rounds}: ${workload.title}`)
      const swapped = round % 2 === 1
      const { cost, nanoseconds } = runRound({ workload: measured, without: true, swapped }, directory)
      found.costs.push(cost)
      found.nanoseconds.push(nanoseconds)
      found.same.push(runRound({ workload: measured, without: false, swapped }, directory).cost)
    }
    return found
  })
  endProgress()
  console.log(json ? JSON.stringify({ machine, rounds, results }, null, 2) : describe(results, rounds, machine))
  // What runs in a moment says nothing.
  if (!smoke && results.some(({ costs }) => summarize(costs).median > LIMIT)) process.exitCode = 1
}

function runRound(round, parent) {
  const directory = join(parent, 'round')
  mkdirSync(directory)
  try {
    return JSON.parse(execFileSync(process.execPath, [roundScript, JSON.stringify({ ...round, directory })], { encoding: 'utf8' }))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function describe(results, rounds, { processor, node, loadBefore }) {
  return [
    `${processor}; Node ${node}; load before ${loadBefore.toFixed(2)}; ${rounds} rounds, each the median of its pairs; at most ${LIMIT * 100} % is allowed`,
    '',
    formatTable([
      ['median (min–max)', 'ns a call', 'cost of asking', 'of nothing at all'],
      ...results.map(({ title, nanoseconds, costs, same }) => [
        title, formatCount(summarize(nanoseconds).median), formatCosts(costs), formatCosts(same),
      ]),
    ]),
  ].join('\n')
}

function formatCosts(costs) {
  const { median, min, max } = summarize(costs)
  return `${formatPercent(median)} (${formatPercent(min)} – ${formatPercent(max)})`
}

function formatPercent(share) {
  return `${share < 0 ? '−' : '+'}${Math.abs(share * 100).toFixed(1)} %`
}
