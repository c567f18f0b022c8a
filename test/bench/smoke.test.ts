import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

/** Tests run from the root of the project; the benchmark runs on dist/. */
const benchmark = join(process.cwd(), 'bench', 'run.js')

// Each workload is a process or two of its own.
t.setTimeout(300_000)

/** What is measured is the default: a backend that reserves blocks by writing them takes a GiB of writing for each of the many stores. */
const { MQSTORE_BACKEND: _, ...env } = process.env

async function run(...options: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [benchmark, '--smoke', ...options], { env })
  return stdout
}

interface Row {
  workload: string
  side: string
  figure: string
  unit: string
  durability: string
  machine: string
  values: number[]
  dirtyBytesBefore: number[]
  dirtyBytesMost: number[]
}

interface Workload {
  name: string
  title: string
  against: string[]
}

/** A slave that keeps up is not behind, and where little is left behind, it is lost in what else the process does. */
const mayBeNothing = new Set(['lagAtEnd', 'lagMax', 'garbage'])

t.test('the benchmark of the store runs, tells what each figure holds for, and leaves nothing behind', async (t) => {
  const directory = t.testdir({ stores: {}, results: {} })
  const report: { workloads: Workload[]; rows: Row[] } = JSON.parse(
    await run('--json', '--directory', join(directory, 'stores'), '--results', join(directory, 'results')),
  )
  t.ok(report.workloads.length > 20)
  for (const { name, against } of report.workloads) {
    const rows = report.rows.filter(({ workload }) => workload === name)
    t.ok(rows.some(({ side }) => side === 'mqstore'), `${name} has figures of ours`)
    t.ok(rows.every(({ side }) => side === 'mqstore' || against.includes(side)), `${name} has the sides that it names`)
  }
  for (const { workload, side, figure, unit, durability, machine, values, dirtyBytesBefore, dirtyBytesMost } of report.rows) {
    const name = `${figure} of ${workload} on ${side}`
    t.equal(values.length, 1, `one round of ${name}`)
    t.ok(values.every((value) => value > 0 || unit === 'share' || (value === 0 && mayBeNothing.has(figure))), `${name} was measured`)
    t.ok(durability !== '' && machine.includes(process.version), `${name} says for what it holds`)
    t.equal(dirtyBytesBefore.length + dirtyBytesMost.length, 2, `${name} has the dirty bytes`)
  }
  t.same(readdirSync(join(directory, 'stores')), [])
  const [results] = readdirSync(join(directory, 'results'))
  const saved = join(directory, 'results', results!)
  t.same(readdirSync(saved).sort(), [...report.workloads.map(({ name }) => `${name}.svg`), 'report.json', 'report.txt'].sort())
  for (const { name, title } of report.workloads) {
    const plot = readFileSync(join(saved, `${name}.svg`), 'utf8')
    t.ok(plot.includes(title) && plot.includes('class="ours"') && plot.includes('prefers-color-scheme: dark'), `${name} has a picture`)
    t.notMatch(plot, /NaN|undefined|Infinity/, `${name} has places for all of it`)
  }
})

t.test('one workload alone, as a table', async (t) => {
  const table = await run('--only', 'put-64')
  t.match(table, /put, 1 KiB, 64 in flight, SYNC_FLUSH/)
  t.notMatch(table, /append/)
})

t.test('a master with a slave, by the beginning of the names, with what the slave costs', async (t) => {
  const table = await run('--only', 'replication')
  for (const row of ['message on the slave', 'what the slave costs', 'SYNC_MASTER costs', 'in log, queues and index']) t.match(table, row)
  t.match(table, /what the slave costs +mqstore( +-?[\d.]+ %){3}/)
  t.notMatch(table, 'put, 1 KiB, 1 in flight')
})

t.test('how much a slave is to catch up with is a number', async (t) => {
  await t.rejects(promisify(execFile)(process.execPath, [benchmark, '--only', 'replication', '--gibibytes', 'much']), {
    message: /--gibibytes is a number above 0, not much/,
  })
})

t.test('the micro-benchmarks run', async (t) => {
  const results = JSON.parse(await run('codec', '--json'))
  t.ok(results.length > 0)
  for (const { name, perSecond } of results) t.ok(perSecond > 0, name)
})

t.test('the benchmark of the channels runs, and knows the channels that it leaves out', async (t) => {
  const { results } = JSON.parse(await run('observe', '--json'))
  t.equal(results.length, 3)
  for (const { title, costs, same, nanoseconds } of results) t.ok([...costs, ...same].every(Number.isFinite) && nanoseconds[0] > 0, title)
})

t.test('an unknown workload is an error that names those there are', async (t) => {
  await t.rejects(run('--only', 'fastest'), { message: /no workload fastest; there are append-128/ })
})
