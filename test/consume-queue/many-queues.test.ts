import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

/*
 * The story: a broker of a large installation has tens of thousands of queues. A store that holds a file or a map for
 * each runs into the limits of the system (65,530 maps, some 20,000 files) at the worst of times.
 *
 * Not proved here: how long it takes, and queues that are all busy at once.
 */

const QUEUES = 50_000
const DESCRIPTORS = 20_000
const MAPS = 65_530

t.setTimeout(180_000)

t.test(`${QUEUES} queues with ${DESCRIPTORS} descriptors`, { skip: process.platform !== 'linux' && 'counts in /proc/self' }, (test) => {
  const child = join(__dirname, 'many-queues-child.js')
  const command = `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`
  const run = spawnSync('sh', ['-c', command, process.execPath, child, test.testdir(), String(QUEUES)], { encoding: 'utf8' })
  test.equal(run.status, 0, 'the process ends well', { stderr: run.stderr.slice(-2000) })
  const report = JSON.parse(run.stdout || '{}') as Record<string, number>
  test.equal(report['read'], QUEUES, 'each queue has its message, after closing and opening')
  test.equal(report['wrong'], 0)
  test.ok(report['maps'] < MAPS, `${report['maps']} maps at most`)
  test.ok(report['descriptors'] < DESCRIPTORS, `${report['descriptors']} descriptors at most`)
  test.end()
})
