import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runCodecBenchmarks } from './codec.js'
import { endProgress } from './demo/progress.js'
import { javaVersion, missingForJava, prepareJava } from './java.js'
import { describeMachine } from './machine.js'
import { runObserveBenchmarks } from './observe.js'
import { describeReport } from './report.js'
import { ours, runRounds } from './rounds.js'
import { makeScratchDirectory } from './scratch-directory.js'
import { smokeOf, workloads } from './workloads.js'

/**
 * npm run bench -- [codec | observe] [--rounds N] [--only NAME]... [--gibibytes N] [--directory D] [--smoke] [--json]
 *
 * Our store and that of RocketMQ at the same work; `codec` measures parts of lib/format instead, `observe` what
 * channels cost that nobody listens to. `--smoke` only shows that everything runs.
 */

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true },
    gibibytes: { type: 'string' },
    directory: { type: 'string', default: tmpdir() },
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
  const java = given.smoke ? undefined : findJava(chosen)
  const rates = await runRounds({ workloads: chosen, sides: { mqstore: ours, ...java?.engines }, rounds, directory })
  endProgress()
  const report = { machine, java, rounds, workloads: chosen, rates }
  if (!given.smoke) save(report)
  console.log(given.json ? JSON.stringify(report, null, 2) : describeReport(report))
}

function chooseWorkloads() {
  const names = new Set(given.only?.flatMap(workloadsNamed))
  const chosen = workloads.filter(({ name }) => given.only === undefined || names.has(name))
  return given.smoke ? chosen.map(smokeOf) : chosen.map(withGibibytes)
}

/** A name, or the beginning of several. */
function workloadsNamed(only) {
  const names = workloads.map(({ name }) => name)
  if (names.includes(only)) return [only]
  const named = names.filter((name) => name.startsWith(`${only}-`))
  if (named.length === 0) throw new Error(`no workload ${only}; there are ${names.join(', ')}`)
  return named
}

/** What a slave has to catch up with is given in the command where it is to be more than takes no time. */
function withGibibytes(workload) {
  if (given.gibibytes === undefined || workload.gibibytes === undefined) return workload
  const gibibytes = Number(given.gibibytes)
  if (!(gibibytes > 0)) throw new Error(`--gibibytes is a number above 0, not ${given.gibibytes}`)
  return { ...workload, gibibytes }
}

/** Those versions of RocketMQ that the workloads ask for, with the commands for each program. */
function findJava(chosen) {
  const missing = missingForJava()
  if (missing !== undefined) {
    console.error(`Without RocketMQ: that needs ${missing}, not found on this machine`)
    return undefined
  }
  const engines = {}
  for (const { engines: versions, program } of chosen) {
    for (const version of versions) (engines[version] ??= {})[program] ??= prepareJava(version, program === 'store' ? 'Bench' : 'Replication')
  }
  return { version: javaVersion(), engines }
}

function save(report) {
  const results = fileURLToPath(new URL('results', import.meta.url))
  mkdirSync(results, { recursive: true })
  writeFileSync(join(results, `${report.machine.date.replaceAll(':', '-')}.json`), `${JSON.stringify(report, null, 2)}\n`)
}
