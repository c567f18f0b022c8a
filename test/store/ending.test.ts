/**
 * The story: a program does not close its store. It exits in the middle of a put, terminates the worker that writes, or loses the
 * last reference to a store. Nothing of that is a crash, and whatever was acknowledged is there afterwards.
 *
 * Not proved here: kill -9 and power cuts (test/torture).
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { audit } from '../torture/audit'
import { Ledger } from '../torture/ledger'
import { storeOptions } from './ending-options'

const child = join(__dirname, 'ending-child.js')
const { capabilities } = selectBackend('auto')

function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-ending-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'store')
}

/** Runs a child to its end. @returns what it had been told, and its other lines */
function end(t: Test, how: string, directory: string, seed: number): { ledger: Ledger; lines: string[] } {
  const run = spawnSync(process.execPath, ['--expose-gc', child, how, directory, `${seed}`], { encoding: 'utf8', timeout: 60_000 })
  t.equal(run.signal, null, 'it does not crash')
  t.equal(run.status, 0, `it ends as it should: ${run.stderr}`)
  const ledger = new Ledger(seed)
  ledger.sent = Number.MAX_SAFE_INTEGER
  const lines: string[] = []
  for (const line of run.stdout.split('\n')) {
    const [number, offset, queueOffset] = line.split(' ').map(Number)
    if (/^\d+ \d+ \d+$/.test(line)) ledger.acknowledge(number!, { offset: offset!, queueOffset: queueOffset! })
    else if (line !== '') lines.push(line)
  }
  return { ledger, lines }
}

async function expectAcknowledged(t: Test, directory: string, ledger: Ledger): Promise<void> {
  t.ok(ledger.acknowledged.size > 0, `${ledger.acknowledged.size} were acknowledged`)
  const store = await MessageStore.open(directory, storeOptions)
  t.strictSame(audit(store, ledger), [])
  await store.close()
}

t.test('process.exit in the middle of a put', async (t) => {
  for (let seed = 1; seed <= 4; seed++) {
    const directory = temporaryDirectory(t)
    const { ledger, lines } = end(t, 'exit', directory, seed)
    t.strictSame(lines, [])
    await expectAcknowledged(t, directory, ledger)
  }
})

t.test('workers that are terminated in the middle of a put', { skip: capabilities.has('lock') ? false : 'this backend knows no lock between workers' }, async (t) => {
  for (let seed = 1; seed <= 2; seed++) {
    const directory = temporaryDirectory(t)
    const { ledger, lines } = end(t, 'workers', directory, seed)
    t.equal(lines.length, 1)
    t.match(lines[0], /^opened /)
    await expectAcknowledged(t, directory, ledger)
  }
})

t.test('stores that nobody has closed are collected', async (t) => {
  t.strictSame(end(t, 'collected', temporaryDirectory(t), 1).lines, [])
})
