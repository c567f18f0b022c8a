import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

/*
 * The story: a large installation keeps a million messages in tens of thousands of queues, and each night the old ones go. What a
 * store holds of memory and descriptors does not grow with what has gone through it.
 */

/** A twentieth of it takes seconds; all of it, `MQSTORE_SCALE=full`, some minutes. */
const SHARE = process.env['MQSTORE_SCALE'] === 'full' ? 1 : 20
const QUEUES = 50_000 / SHARE
const MESSAGES = 1_000_000 / SHARE
const DESCRIPTORS = 20_000
const MEMORY = 600 << 20

t.setTimeout(600_000)

t.test(`${MESSAGES} messages over ${QUEUES} queues come and go`, { skip: process.platform !== 'linux' && 'counts in /proc/self' }, (test) => {
  const child = join(__dirname, 'scale-child.js')
  const command = `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`
  const run = spawnSync('sh', ['-c', command, process.execPath, child, test.testdir(), String(QUEUES), String(MESSAGES)], { encoding: 'utf8' })
  test.equal(run.status, 0, 'the process ends well', { stderr: run.stderr.slice(-2000) })
  const report = JSON.parse(run.stdout || '{}') as Record<string, number>
  test.ok(report['expired']! > MESSAGES * 0.8, `${report['expired']} messages are gone: all but those that share a segment with new ones`)
  test.equal(report['wrong'], 0, 'each queue begins with its first message that is left')
  test.equal(report['read'], QUEUES, 'each queue has the message that came last, and is where it was')
  test.ok(report['deletedFiles']! > QUEUES, `${report['deletedFiles']} files deleted`)
  test.ok(report['descriptors']! < DESCRIPTORS, `${report['descriptors']} descriptors at most`)
  test.ok(report['memory']! < MEMORY, `${Math.round(report['memory']! / (1 << 20))} MiB of memory at most, the page cache aside`)
  test.ok(report['descriptorsAfter']! <= report['descriptorsBefore']!, 'no more descriptors than before the deletion')
  test.end()
})
