import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Machine } from '../../lib/cli/machine'
import { SettableClock } from '../support/settable-clock'

/** The directory of the checkout in which the recorded screens are. */
const screens = join(__dirname, '..', '..', '..', 'test', 'cli', 'screens')

/** Half past three on a Tuesday. */
export const NOW = Date.UTC(2024, 0, 2, 15, 30)

const GIB = 1024 ** 3

/** One on which nothing changes. */
export const stillMachine: Machine = {
  platform: 'linux-x64',
  nodeVersion: '20.20.2',
  userId: 1000,
  memory: 16 * GIB,
  disk: { usage: () => ({ totalBytes: 100 * GIB, freeBytes: 40 * GIB, device: 1 }) },
  clock: new SettableClock(NOW),
  read: () => undefined,
  filesLeft: () => 1_000_000,
}

/**
 * Compares what a person sees with what has been recorded in test/cli/screens; with RECORD_SCREENS=1 in the environment it is
 * recorded anew, and the difference is to be read before it is committed.
 * @param directory of the store; stands as STORE in what is recorded
 */
export function expectScreen(test: Test, name: string, text: string, directory: string): void {
  const seen = text
    .replaceAll(directory, 'STORE')
    .replace(/quarantine\/\d[^/\s]*/g, 'quarantine/TIME')
    .replaceAll('mmap-io', 'native')
  const file = join(screens, `${name}.txt`)
  if (process.env['RECORD_SCREENS'] === '1') {
    mkdirSync(screens, { recursive: true })
    writeFileSync(file, seen)
  }
  test.equal(seen, existsSync(file) ? readFileSync(file, 'utf8') : undefined, `the screen ${name}; recorded anew with RECORD_SCREENS=1`)
}
