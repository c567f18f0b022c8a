import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'

/** Tests run from the root of the project; the benchmark runs on dist/. */
const benchmark = join(process.cwd(), 'bench', 'run.js')

// Each workload is a process or two of its own.
t.setTimeout(300_000)

async function run(...options: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [benchmark, '--smoke', ...options])
  return stdout
}

/** A slave that keeps up is not behind. */
const mayBeNothing = new Set(['lagAtEnd', 'lagMax'])

function assertRates(t: Test, rates: Record<string, readonly number[]>): void {
  for (const [measure, values] of Object.entries(rates)) {
    t.equal(values.length, 1, `one round of ${measure}`)
    t.ok(values.every((value) => value > 0 || (value === 0 && mayBeNothing.has(measure))), `${measure} was measured`)
  }
}

t.test('the benchmark of the store runs, and leaves nothing behind', async (t) => {
  const directory = t.testdir()
  const report = JSON.parse(await run('--json', '--directory', directory))
  t.ok(report.workloads.length > 0)
  for (const { name, measures } of report.workloads) {
    t.same(Object.keys(report.rates[name].mqstore), measures, `${name} has all of its figures`)
    assertRates(t, report.rates[name].mqstore)
  }
  t.same(readdirSync(directory), [])
})

t.test('one workload alone, as a table', async (t) => {
  const table = await run('--only', 'put-64')
  t.match(table, /put, 1 KiB, 64 in flight, SYNC_FLUSH/)
  t.notMatch(table, /append/)
})

t.test('a master with a slave, by the beginning of the names, with what the slave costs', async (t) => {
  const table = await run('--only', 'replication')
  for (const row of ['message on the slave', 'what the slave costs', 'SYNC_MASTER costs', 'in log, queues and index']) t.match(table, row)
  t.match(table, /what the slave costs +-?[\d.]+ \(-?[\d.]+ to -?[\d.]+\) %/)
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
