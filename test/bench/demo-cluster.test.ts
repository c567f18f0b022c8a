import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

/*
 * The story: somebody who wonders whether to trust a pair of stores runs one command, and is told whether it held.
 */

/** Tests run from the root of the project; the demo runs on dist/. */
const bench = join(process.cwd(), 'bench')

// Four processes, and one of them twice.
t.setTimeout(300_000)

t.test('the demo of the cluster runs in small, and everything that it claims holds', async (t) => {
  const demo = join(bench, 'demo-cluster.js')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [demo, '--messages', '300', '--json'])
  const { acknowledged, acknowledgedBefore, checks, logs } = JSON.parse(stdout)
  t.equal(stderr, '', 'nothing but the object')
  t.same(checks.filter(({ holds }: { holds: boolean }) => !holds), [])
  t.equal(checks.length, 11)
  t.ok(acknowledgedBefore >= 1)
  t.ok(acknowledged['broker-a'] > acknowledgedBefore, 'the master that was killed took messages again')
  t.ok(acknowledged['broker-b'] >= 2)
  t.same(Object.keys(logs), ['broker-a', 'broker-b'])
})

t.test('logs that are not the same are told from those that are', async (t) => {
  const { differenceOfLogs } = await import(pathToFileURL(join(bench, 'demo', 'cluster', 'same-log.js')).href)
  const log = Buffer.from(Array.from({ length: 64 }, (_, index) => index))
  const changed = Buffer.from(log)
  changed[40] = 0
  const directory = t.testdir({
    one: { commitlog: { '00': log, '64': log } },
    same: { commitlog: { '00': log, '64': log } },
    changed: { commitlog: { '00': log, '64': changed } },
    short: { commitlog: { '00': log, '64': log.subarray(0, 30) } },
    less: { commitlog: { '00': log } },
  })
  const differenceFrom = (name: string, end = 128): string | undefined => differenceOfLogs(join(directory, 'one'), join(directory, name), end)
  t.equal(differenceFrom('same'), undefined)
  t.equal(differenceFrom('changed'), 'the logs differ at offset 104')
  t.equal(differenceFrom('changed', 104), undefined, 'behind the end')
  t.equal(differenceFrom('short'), 'the logs differ at offset 94')
  t.equal(differenceFrom('less'), 'the files are 00,64, and 00')
})
