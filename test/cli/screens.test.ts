import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Collector, command } from './command'
import { NOW, expectScreen, stillMachine } from './screen'
import { makeStoreInTime, smallFilesWords, writeConsumerOffsets } from './store-of-messages'

/*
 * The story: a person reads what the commands print. Each screen is recorded in test/cli/screens, so that whoever changes one
 * sees in the difference what people will see.
 *
 * Not proved here: that what the screens say is true. That the numbers are right, the tests of the verbs show.
 */

const MINUTE = 60_000
const HOUR = 60 * MINUTE

// Hours of deleteWhen are those of the process.
process.env['TZ'] = 'UTC'

/** A store of 300 messages in five hours up to ten minutes ago. */
async function storeOf(test: Test): Promise<string> {
  const directory = join(test.testdir(), 'store')
  await makeStoreInTime(directory, 300, NOW - 310 * MINUTE, MINUTE)
  return directory
}

async function show(...words: string[]): Promise<string> {
  const { stdout, stderr } = await command([...words, ...smallFilesWords], '', { machine: stillMachine })
  return stderr === '' ? stdout : `${stdout}--- stderr\n${stderr}`
}

/** How much a file takes on the disk is the file system's to say; and what else is there changes by the version. */
function withoutDiskUse(screen: string): string {
  return screen.replace(/^((?:commitlog|consumequeue|index) .*?B)  .*$/gm, '$1').replace(/^(other|all) .*$/gm, '$1')
}

t.test('help', async (t) => {
  const { stdout } = await command(['--help'])
  expectScreen(t, 'help', stdout, '/nowhere')
})

t.test('info', async (t) => {
  const directory = await storeOf(t)
  expectScreen(t, 'info', await show('info', directory), directory)
  writeFileSync(join(directory, 'abort'), '4711')
  expectScreen(t, 'info-unclean', await show('info', directory), directory)
  appendFileSync(join(directory, 'commitlog', '00000000000000016384'), 'too long')
  expectScreen(t, 'info-refused', await show('info', directory), directory)
})

t.test('stats', async (t) => {
  const directory = await storeOf(t)
  expectScreen(t, 'stats', withoutDiskUse(await show('stats', directory)), directory)
  expectScreen(t, 'stats-topic', withoutDiskUse(await show('stats', directory, '--topic', 'orders', '--begin', String(NOW - 60 * MINUTE))), directory)
})

t.test('retention', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStoreInTime(directory, 300, NOW - 300 * HOUR, HOUR)
  expectScreen(t, 'retention', await show('retention', directory), directory)
  writeConsumerOffsets(directory, { 'orders@slow': { 0: 10 } })
  expectScreen(t, 'retention-now', await show('retention', directory, '--set', 'deleteWhen=03;15'), directory)
  expectScreen(t, 'retention-forced', await show('retention', directory, '--set', 'diskSpaceCleanForciblyRatio=50', '--set', 'fileReservedTime=720'), directory)
})

t.test('check and repair', async (t) => {
  const directory = await storeOf(t)
  expectScreen(t, 'check', await show('check', directory), directory)
  expectScreen(t, 'repair-nothing', await show('repair', directory), directory)
  expectScreen(t, 'rebuild', await show('rebuild', directory, 'index'), directory)
  const log = join(directory, 'commitlog', '00000000000000016384')
  const bytes = readFileSync(log)
  bytes.fill(255, 1000, 1100)
  writeFileSync(log, bytes)
  rmSync(join(directory, 'consumequeue', 'orders', '0', '00000000000000000400'))
  expectScreen(t, 'check-findings', await show('check', directory), directory)
  expectScreen(t, 'repair-plan', await show('repair', directory), directory)
  expectScreen(t, 'repair-applied', await show('repair', directory, '--apply'), directory)
})

t.test('colour, where it is wanted', async (t) => {
  const directory = await storeOf(t)
  const shown = async (isTTY: boolean, environment: Record<string, string>): Promise<string> => {
    const stdout = Object.assign(new Collector(), { isTTY })
    await command(['info', directory, ...smallFilesWords], '', { stdout, environment })
    return stdout.text
  }
  t.match(await shown(true, {}), '\u001b[2mdirectory     \u001b[0m')
  t.match(await shown(true, { NO_COLOR: '' }), '\u001b[', 'an empty variable says nothing')
  t.notMatch(await shown(true, { NO_COLOR: '1' }), '\u001b')
  t.notMatch(await shown(true, { TERM: 'dumb' }), '\u001b')
  t.notMatch(await shown(false, {}), '\u001b', 'a file or a pipe')
})
