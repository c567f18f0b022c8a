import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runCodecBenchmarks } from './codec.js'
import { endProgress } from './demo/progress.js'
import { javaVersion, missingForJava, prepareJava, rocketmqVersion } from './java.js'
import { describeMachine } from './machine.js'
import { runObserveBenchmarks } from './observe.js'
import { describeReport } from './report.js'
import { ours, runRounds } from './rounds.js'
import { makeScratchDirectory } from './scratch-directory.js'
import { smokeOf, workloads } from './workloads.js'

/**
 * npm run bench -- [codec | observe] [--rounds N] [--only NAME]... [--directory D] [--smoke] [--json]
 *
 * Our store and that of RocketMQ at the same work; `codec` measures parts of lib/format instead, `observe` what
 * channels cost that nobody listens to. `--smoke` only shows that everything runs.
 */

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true },
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
  const java = given.smoke ? undefined : findJava()
  const sides = java === undefined ? { mqstore: ours } : { mqstore: ours, rocketmq: java.command }
  const rates = await runRounds({ workloads: chosen, sides, rounds, directory })
  endProgress()
  const report = { machine, java, rounds, workloads: chosen, rates }
  if (!given.smoke) save(report)
  console.log(given.json ? JSON.stringify(report, null, 2) : describeReport(report))
}

function chooseWorkloads() {
  const unknown = (given.only ?? []).filter((name) => !workloads.some((workload) => workload.name === name))
  if (unknown.length > 0) throw new Error(`no workload ${unknown.join(', ')}; there are ${workloads.map(({ name }) => name).join(', ')}`)
  const chosen = workloads.filter(({ name }) => given.only?.includes(name) ?? true)
  return given.smoke ? chosen.map(smokeOf) : chosen
}

function findJava() {
  const missing = missingForJava()
  if (missing === undefined) return { rocketmq: rocketmqVersion, version: javaVersion(), command: prepareJava() }
  console.error(`Without RocketMQ: that needs ${missing}, not found on this machine`)
  return undefined
}

function save(report) {
  const results = fileURLToPath(new URL('results', import.meta.url))
  mkdirSync(results, { recursive: true })
  writeFileSync(join(results, `${report.machine.date.replaceAll(':', '-')}.json`), `${JSON.stringify(report, null, 2)}\n`)
}
