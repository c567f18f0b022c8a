import { join } from 'node:path'
import t from 'tap'
import { MessageStore } from '../../lib/index'
import { overwrite, names } from '../store/support'
import { command } from './command'
import { expectScreen, stillMachine } from './screen'
import { fillStore, makeStore, smallFiles, smallFilesWords } from './store-of-messages'

/* The story: an operator copies a store that is closed; or one that is open, and is told who has it. */

t.test('a copy, another one, and what is printed', async (t) => {
  const root = t.testdir()
  const [directory, target] = [join(root, 'store'), join(root, 'copy')]
  await makeStore(directory, 300)
  const screen = async (...words: string[]): Promise<string> => (await command(['backup', directory, target, ...words, ...smallFilesWords], '', { machine: stillMachine })).stdout
  const first = await screen()
  expectScreen(t, 'backup', first.replaceAll(root, 'ROOT'), directory)
  expectScreen(t, 'backup-verified', (await screen('--verify')).replaceAll(root, 'ROOT'), directory)
  const { exitCode, stderr, lines } = await command(['backup', directory, join(root, 'other'), '--from', target, '--verify', '--json', ...smallFilesWords])
  t.equal(exitCode, 0)
  t.equal(stderr, '')
  t.match(lines, [{ directory: join(root, 'other'), findings: [] }])
  t.strictSame(Object.keys(lines[0]), ['directory', 'files', 'linkedBytes', 'copiedBytes', 'logEnd', 'findings'])
  const dumps = await Promise.all([directory, target, join(root, 'other')].map((store) => command(['dump', store])))
  t.equal(dumps[1]!.stdout, dumps[0]!.stdout, 'the copy reads the same')
  t.equal(dumps[2]!.stdout, dumps[0]!.stdout)
})

t.test('a store with damage', async (t) => {
  const root = t.testdir()
  const [directory, target] = [join(root, 'store'), join(root, 'copy')]
  await makeStore(directory, 300)
  overwrite(join(directory, 'commitlog', names(directory, 'commitlog')[0]!), 4, Buffer.alloc(4, 255))
  const { exitCode, stdout } = await command(['backup', directory, target, '--verify', ...smallFilesWords], '', { machine: stillMachine })
  t.equal(exitCode, 1)
  expectScreen(t, 'backup-findings', stdout.replaceAll(root, 'ROOT'), directory)
})

t.test('what cannot be copied, or not there', async (t) => {
  const root = t.testdir({ full: { file: 'x' }, empty: {} })
  const directory = join(root, 'store')
  const { store } = await fillStore(directory, 20)
  const target = join(root, 'copy')
  t.match(await command(['backup', directory, target, ...smallFilesWords]), { exitCode: 3, stderr: /ERR_LOCKED: .*held by/ })
  await store.close()
  t.match(await command(['backup', directory, join(root, 'full'), ...smallFilesWords]), { exitCode: 4, stderr: /ERR_BACKUP_TARGET: .*not empty/ })
  t.match(await command(['backup', join(root, 'empty'), target]), { exitCode: 4, stderr: /ERR_NOT_A_STORE/ })
  t.strictSame(names(root, 'empty'), [], 'no store is made')
  t.match(await command(['backup', directory]), { exitCode: 2, stderr: /TARGET is missing/ })
  t.strictSame(names(root), ['empty', 'full', 'store'])
})

t.test('an interrupt', async (t) => {
  const root = t.testdir()
  const directory = join(root, 'store')
  await makeStore(directory, 300)
  t.match(await command(['backup', directory, join(root, 'copy'), ...smallFilesWords], '', { catchInterrupt: () => AbortSignal.abort() }), { exitCode: 1, stderr: /^interrupted/ })
  t.strictSame(names(root), ['store'])
  const again = await MessageStore.open(directory, smallFiles)
  t.equal(again.recovery.label, '@clean', 'the store was closed')
  await again.close()
})
