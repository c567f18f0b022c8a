/**
 * The story: a volume of 8 MiB is filled to the last block, or to its limit, while messages are being put; puts are refused with
 * what has to go, that much goes, and puts go on: 100 rounds, in stores of both versions that are closed in the end or not. Room
 * comes from a ballast file that is made smaller, or from retention. What was acknowledged is there when the store is opened
 * again, but for what retention has deleted. small-volume-child.ts has it all.
 *
 * Not proved here: what other file systems do than the one in memory; the torture's layers run on some.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { inNamespace, mountInMemory, noNamespace } from '../support/small-volume'

const ROUNDS = 100

t.test('a small volume that is full, and has room again, a hundred times', { skip: noNamespace, timeout: 300_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-volume-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const [command, ...flags] = inNamespace
  const script = `${mountInMemory('8M')} && exec "$node" "$child" "$directory" ${ROUNDS}`
  const environment = { ...process.env, directory, node: process.execPath, child: join(__dirname, 'small-volume-child.js') }
  const run = spawnSync(command!, [...flags, 'bash', '-c', script], { encoding: 'utf8', env: environment })
  t.equal(run.signal, null)
  t.equal(run.status, 0, run.stderr)
  const { problems, rounds, acknowledged } = JSON.parse(run.stdout) as { problems: string[]; rounds: number; acknowledged: number }
  t.same(problems, [])
  t.ok(rounds >= ROUNDS, `${rounds} rounds`)
  t.comment(`${acknowledged} messages were acknowledged`)
})
