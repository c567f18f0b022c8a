/**
 * The guard lives in the process, beside V8's own handler, in any number of threads, and touches nothing that is not its own. Each
 * scenario is a process, since the other outcome is that it dies.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { selectBackend } from '../../lib/storage/backend'

const skip = selectBackend('auto').capabilities.has('guard') ? false : 'this backend has no guard'

function run(t: Test, scenario: string): { status: number | null; signal: string | null; stderr: string } {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-guard-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return spawnSync(process.execPath, [join(__dirname, 'guard-child.js'), scenario, directory], { encoding: 'utf8', timeout: 60_000 })
}

function expectLife(t: Test, scenario: string): void {
  t.match(run(t, scenario), { status: 0, signal: null })
}

t.test('a fault in the main thread', { skip }, async (t) => expectLife(t, 'fault'))

t.test('faults in workers at the same time', { skip }, async (t) => expectLife(t, 'workers'))

t.test('a file that another process cuts', { skip }, async (t) => expectLife(t, 'cutByAnother'))

t.test('V8 still meets its own faults', { skip }, async (t) => expectLife(t, 'webAssembly'))

t.test('what is not ours ends the process as it would have', { skip }, async (t) => {
  t.equal(run(t, 'signal').signal, 'SIGBUS')
  t.equal(run(t, 'crash').signal, 'SIGABRT')
})

t.test('also once the workers that had loaded the addon are gone', { skip }, async (t) => {
  t.equal(run(t, 'signalAfterWorkers').signal, 'SIGBUS')
})
