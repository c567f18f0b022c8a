import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import t from 'tap'
import { run } from '../../lib/cli/run'
import { Collector, command, spawnCommand, terminalOf } from './command'
import { makeStore, smallFilesWords } from './store-of-messages'

/* The story: somebody types a command wrong, and is told what is right. */

const verbs = ['info', 'dump', 'append', 'get', 'query', 'lookup', 'offset-by-time', 'tail', 'stats', 'retention', 'doctor', 'backup', 'check', 'repair', 'rebuild', 'bench']

t.test('help and version', async (t) => {
  const help = await command(['--help'])
  t.equal(help.exitCode, 0)
  for (const verb of verbs) {
    t.match(help.stdout, new RegExp(`^  ${verb} `, 'm'))
    const { exitCode, stdout } = await command([verb, '--help'])
    t.equal(exitCode, 0)
    t.match(stdout, `mqstore ${verb} `)
    t.match(stdout, /Options:[^]*--set KEY=VALUE[^]*Example:\n  .*mqstore [^]*Exit codes: 0 fine/)
  }
  t.match(await command(['--version']), { exitCode: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

t.test('wrong words', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /a verb is missing/],
    [['dumb', 'x'], /no verb "dumb"; the nearest is dump\. Verbs: info, dump, /],
    [['dump', 'x', '--topik', 't'], /no option --topik; the nearest is --topic/],
    [['dump', 'x', '-x'], /no option -x/],
    [['dump'], /DIR is missing; usage: mqstore dump DIR/],
    [['dump', 'x', 'y'], /"y" is too much/],
    [['get', 'x', 't'], /QUEUE is missing/],
    [['get', 'x', 't', 'zero', '0'], /QUEUE is a whole number of at least 0, not "zero"/],
    [['get', 'x', 't', '0', '0', '--max', '0'], /--max is a whole number of at least 1/],
    [['get', 'x', 't', '0', '0', '--max'], /--max wants a value: --max N/],
    [['get', 'x', 't', '0', '0', '--max', '--tags'], /--max wants a value/],
    [['info', 'x', '--json=yes'], /--json takes no value/],
    [['info', 'x', '--set', 'nonsense'], /--set takes KEY=VALUE/],
    [['info', 'x', '--set', 'maxIndexNun=1'], /ERR_UNKNOWN_PROPERTY.*the nearest is maxIndexNum/],
    [['info', 'x', '--set', 'maxIndexNum=many'], /ERR_INVALID_OPTION.*an integer from 2/],
    [['info', 'x', '--set', 'flushDiskType=a #b\\'], /ERR_INVALID_OPTION.*'a #b\\\\': it takes/],
    [['rebuild', t.testdir(), 'everything'], /rebuild makes queues or index/],
  ]
  for (const [words, message] of cases) t.match(await command(words), { exitCode: 2, stdout: '', stderr: message }, words.join(' '))
})

t.test('a broker’s file', async (t) => {
  const root = t.testdir()
  const directory = join(root, 'store')
  await makeStore(directory, 300)
  const file = join(root, 'broker.properties')
  writeFileSync(file, 'storePathRootDir=/nowhere\nmaxHashSlotNum=50\nmaxIndexNum=100\nbrokerName=a\n')
  const query = await command(['query', directory, 'orders', 'k4', '-c', file])
  t.equal(query.exitCode, 0)
  t.equal(query.lines.length, 1, 'the directory given counts, and the sizes of the file')
  t.match((await command(['info', directory, '--json', '--config', file])).lines[0].unusedProperties, [{ key: 'brokerName', line: 4 }])
  t.equal((await command(['query', directory, 'orders', 'k4', '-c', file, '--set', 'messageIndexEnable=false'])).lines.length, 0, '--set counts more')
  t.match(await command(['info', directory, '-c', join(root, 'none')]), { exitCode: 4, stderr: /ENOENT/ })
})

t.test('warnings go to stderr, progress only to a terminal', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 20)
  writeFileSync(join(directory, 'index', 'notes.txt'), 'x')
  const { stdout, stderr } = await command(['query', directory, 'orders', 'k4', '--set', 'maxHashSlotNum=50', '--set', 'maxIndexNum=100'])
  t.match(stderr, /^warning: not an index file: ignored: .*notes\.txt\n$/)
  t.match(stdout, /^\{"topic":"orders"/)
  t.equal((await command(['get', directory, 'orders', '0', '0'])).stderr, '', 'who does not ask the index is not bothered')
  let shown = ''
  const terminal = Object.assign(new Writable({ write: (chunk, _, done) => { shown += String(chunk); done() } }), { isTTY: true })
  const sink = new Writable({ write: (_chunk, _, done) => done() })
  await run(['dump', directory], terminalOf({ stdout: sink, stderr: terminal }))
  t.match(shown, /\rreading queues: 0 of 4 queues, 0 %/)
})

t.test('long work says how far it is, where somebody watches', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 300)
  const verbs = [['info'], ['stats'], ['retention'], ['doctor', '--no-trial'], ['check'], ['repair', '--apply'], ['rebuild', 'queues', '--apply']]
  for (const [verb, ...operands] of verbs) {
    const words = [verb!, directory, ...operands, ...smallFilesWords]
    const watched = Object.assign(new Collector(), { isTTY: true })
    const { stdout } = await command(words, '', { stderr: watched })
    t.match(watched.text, /\rreading (queues|index|log): \d/, `${verb} shows its progress`)
    const lastLine = watched.text.split('\r').at(-1)!.split('\n').at(-1)!
    t.equal(lastLine.trim(), '', `${verb} clears it in the end`)
    t.notMatch(stdout, 'reading')
    t.notMatch((await command(words)).stderr, 'reading')
  }
})

t.test('a reader that has seen enough', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 2000)
  const { child, ended } = spawnCommand(['dump', directory])
  child.stdout.once('data', () => child.stdout.destroy())
  const { exitCode, stderr } = await ended
  t.equal(exitCode, 0)
  t.equal(stderr, '')
})

t.test('an output that fails otherwise', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 2000)
  const stderr = new Collector()
  const stdout = new Writable({ write: (_chunk, _, done) => done(new Error('the disk is full')) })
  t.equal(await run(['dump', directory], terminalOf({ stdout, stderr })), 4)
  t.match(stderr.text, /the disk is full/)
})

t.test('bench writes beside the directory, and leaves nothing', async (t) => {
  const root = t.testdir({ store: { file: 'x' } })
  const { exitCode, lines } = await command(['bench', join(root, 'store'), '--json'])
  t.equal(exitCode, 0)
  t.strictSame(lines.map(({ name }) => name), [
    'append, 128 bytes', 'append, 1024 bytes', 'sync put, 1 in flight', 'sync put, 64 in flight', 'pull 32, 1024 bytes', 'query by key',
  ])
  for (const { perSecond } of lines) t.ok(perSecond > 0)
  t.strictSame(readdirSync(root), ['store'])
})
