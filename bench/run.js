import { realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { runCodecBenchmarks } from './codec.js'
import { endProgress } from './demo/progress.js'
import { describeMachine } from './machine.js'
import { runObserveBenchmarks } from './observe.js'
import { describeReport } from './report.js'
import { makeRows } from './results.js'
import { runRounds } from './rounds.js'
import { saveReport } from './save.js'
import { makeScratchDirectory } from './scratch-directory.js'
import { findSides } from './sides.js'
import { sized, smokeOf } from './sizes.js'
import { workloads } from './workloads.js'

/**
 * npm run bench -- [codec | observe] [--rounds N] [--only NAME]... [--gibibytes N] [--seconds N] [--messages N] [--directory D]
 *   [--results D] [--smoke] [--json]
 *
 * Our store, those of RocketMQ and other packages at the same work; `codec` measures parts of lib/format instead, `observe` what
 * channels cost that nobody listens to. `--smoke` only shows that everything runs.
 */

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true },
    gibibytes: { type: 'string' },
    seconds: { type: 'string' },
    messages: { type: 'string' },
    directory: { type: 'string', default: tmpdir() },
    results: { type: 'string' },
    smoke: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const rounds = given.smoke ? 1 : Number(given.rounds)
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds is a number from 1 on, not ${given.rounds}`)
if (positionals.length === 0) await benchmarkStore()
else if (String(positionals) === 'codec') runCodecBenchmarks(given)
else if (String(positionals) === 'observe') runObserveBenchmarks({ ...given, rounds })
else throw new Error(`there are codec and observe, and the store's benchmark without an argument, but no ${positionals.join(' ')}`)

async function benchmarkStore() {
  const chosen = chooseWorkloads()
  const directory = makeScratchDirectory(realpathSync(given.directory), 'mqstore-bench-')
  const machine = describeMachine(directory)
  const sides = findSides(chosen, { withJava: !given.smoke })
  const { results, failures } = await runRounds({ workloads: chosen, sides, rounds, directory, settles: !given.smoke })
  endProgress()
  const report = { machine, rounds, workloads: chosen, rows: makeRows({ machine, workloads: chosen, sides, results }), failures }
  console.log(given.json ? JSON.stringify(report, null, 2) : describeReport(report))
  for (const { workload, side, round, message } of failures) console.error(`${workload}, ${sides[side].title}, round ${round} failed: ${message}`)
  if (failures.length > 0) process.exitCode = 1
  // What runs in a moment is no result, unless it is asked for.
  if (!given.smoke || given.results !== undefined) console.error(`Saved in ${saveReport(report, given.results)}`)
}

function chooseWorkloads() {
  const names = new Set(given.only?.flatMap(workloadsNamed))
  const chosen = workloads.filter(({ name }) => given.only === undefined || names.has(name)).map((workload) => sized(workload, given))
  return given.smoke ? chosen.map(smokeOf) : chosen
}

/** A name, or the beginning of several. */
function workloadsNamed(only) {
  const names = workloads.map(({ name }) => name)
  if (names.includes(only)) return [only]
  const named = names.filter((name) => name.startsWith(`${only}-`))
  if (named.length === 0) throw new Error(`no workload ${only}; there are ${names.join(', ')}`)
  return named
}
