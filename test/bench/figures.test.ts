import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'

/*
 * How the benchmark comes to its figures. What it measures is not shown here.
 */

/** Tests run from the root of the project. */
function load(name: string) {
  return import(pathToFileURL(join(process.cwd(), 'bench', name)).href)
}

interface Row {
  side: string
  figure: string
  ratio?: number
}

t.test('what is measured beside ours: durability, and ratios by which ours is better', async (t) => {
  const { makeRows } = await load('results.js')
  const round = (figures: Record<string, number>) => ({ figures, notes: {}, dirty: { before: 1, most: 2 } })
  const workload = { name: 'w', title: 'w', measures: ['put'], flushDiskType: 'SYNC_FLUSH' }
  const rows: Row[] = makeRows({
    machine: {},
    workloads: [workload],
    sides: { mqstore: { title: 'mqstore' }, other: { title: 'Other', durability: { SYNC_FLUSH: 'each commit' } } },
    results: {
      w: {
        mqstore: [round({ put: 30, p50: 1 }), round({ put: 20, p50: 3 }), round({ put: 40, p50: 2 })],
        other: [round({ put: 10, p50: 8 }), round({ put: 20, p50: 6 }), round({ put: 15, p50: 7 })],
      },
    },
  })
  const rowOf = (side: string, figure: string) => rows.find((row) => row.side === side && row.figure === figure)!
  t.match(rowOf('mqstore', 'put'), { durability: 'SYNC_FLUSH', median: 30, min: 20, max: 40, values: [30, 20, 40] })
  t.equal(rowOf('mqstore', 'put').ratio, undefined)
  t.match(rowOf('other', 'put'), { durability: 'each commit', median: 15, ratio: 2 })
  t.match(rowOf('other', 'p50'), { median: 7, ratio: 3.5 }, 'less time is better')
  t.equal(rowOf('other', 'p99'), undefined, 'what was not measured has no row')
})

t.test('a side that fails costs its own figures, is told, and makes the run a failure', async (t) => {
  const { runRounds } = await load('rounds.js')
  const workload = { name: 'w', title: 'w', against: ['broken'], program: 'store' }
  const side = (script: string) => ({ title: script, commands: { store: [process.execPath, '-e', script] } })
  const { results, failures } = await runRounds({
    workloads: [workload],
    sides: { mqstore: side(`console.log('{"put":1,"notes":{"put":"once"}}')`), broken: side(`throw new Error('no such store')`), other: side('') },
    rounds: 2,
    directory: t.testdir(),
    settles: false,
  })
  t.match(results.w.mqstore, [{ figures: { put: 1 }, notes: { put: 'once' } }, { figures: { put: 1 } }])
  t.same(results.w.broken, [])
  t.match(failures, [{ workload: 'w', side: 'broken', round: 1, message: /no such store/ }, { round: 2 }])
  t.notOk('other' in results.w, 'what the workload does not name takes no part')
})

t.test('percentiles are of all calls, and the longest is one of them', async (t) => {
  const { Latencies } = await load('latencies.js')
  const latencies = new Latencies(2000)
  for (let number = 1000; number >= 1; number--) latencies.add(number)
  t.same(latencies.figures(), { p50: 501, p95: 951, p99: 991, p999: 1000, longest: 1000 }, 'what has room and was not called is left out')
})

t.test('a command changes the sizes that a workload has', async (t) => {
  const { sized } = await load('sizes.js')
  const recovery = { gibibytes: 1, messages: 1000 }
  t.same(sized(recovery, {}), recovery)
  t.same(sized(recovery, { gibibytes: '8' }), { gibibytes: 8, messages: 8000 })
  t.same(sized({ messages: 10, warmUp: { messages: 8 } }, { gibibytes: '8', messages: '5' }), { messages: 5, warmUp: { messages: 5 } })
  t.same(sized({ perSecond: 100, seconds: 60 }, { seconds: '0.5' }), { perSecond: 100, seconds: 0.5, messages: 50 })
  t.throws(() => sized(recovery, { messages: '-1' }), { message: '--messages is a number above 0, not -1' })
})

t.test('the longest stall is told with what it held', async (t) => {
  const { StallWatch } = await load('measures/stall-watch.js')
  const listeners: Record<string, (event: object) => void> = {}
  const watch = new StallWatch({ on: (name: string, listener: (event: object) => void) => (listeners[name] = listener) })
  const wait = (milliseconds: number) => {
    const started = performance.now()
    while (performance.now() - started < milliseconds);
  }
  watch.turn(0)
  wait(30)
  listeners.roll!({})
  listeners.flush!({ milliseconds: 12 })
  watch.turn(25)
  watch.turn(1)
  const { stall, notes } = await watch.end()
  t.ok(stall >= 30)
  t.match(notes.stall, /^the longest append in it took 25\.0 ms; a segment was begun; a flush of 12 ms ran; .*ms of processor, \d+ preemptions, \d+ pages/)
})
