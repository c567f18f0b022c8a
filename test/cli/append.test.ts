import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { MessageStore } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { goldenStores } from '../support/golden'
import { command, spawnCommand } from './command'

/* The story: a script pipes messages into a store, reads the result of each, and has to learn of every one that failed. */

const fieldsOfResult = ['status', 'offset', 'bytes', 'queueOffset', 'storeTimestamp', 'msgId']

t.test('what the engine stored, stored again', async (t) => {
  for (const golden of goldenStores().filter(({ kind }) => kind === 'basic')) {
    const directory = join(t.testdir(), golden.name)
    const words = Object.entries({ ...golden.settings, compatibility: golden.compatibility }).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    const input = golden.messages().map((message) => JSON.stringify(message)).join('\n')
    const { exitCode, lines } = await command(['append', directory, ...words], input)
    const puts = golden.puts()
    t.equal(exitCode, puts.every(({ status }) => status === 'PUT_OK') ? 0 : 1)
    t.strictSame(
      lines.map(({ status, offset, bytes, queueOffset, msgId }) => ({ status, offset, bytes, queueOffset, msgId })),
      puts.map(({ status, offset, bytes, queueOffset, msgId }) => ({ status, offset, bytes, queueOffset, msgId })),
    )
    for (const line of lines) t.strictSame(Object.keys(line), fieldsOfResult)
    t.equal((await command(['check', directory, ...words])).exitCode, 0)
  }
})

t.test('bodies, batches and what is left out', async (t) => {
  const directory = join(t.testdir(), 'store')
  const file = join(t.testdir(), 'messages.ndjson')
  writeFileSync(file, [
    '{"topic":"t","body":"grün","properties":{"z":"1","a":"2"}}\r',
    '',
    '{"topic":"t","bodyBase64":"AAEC","queueId":1,"flag":-1,"reconsumeTimes":3,"preparedTransactionOffset":9,"bornHost":"10.0.0.1:1","storeHost":"[::1]:2"}',
    '{"topic":"t","properties":{"common":"x"},"batch":[{"body":"a"},{"bodyBase64":"Yg==","properties":{"KEYS":"k"},"flag":5}]}',
  ].join('\n'))
  const { exitCode, lines } = await command(['append', directory, file])
  t.equal(exitCode, 0)
  t.strictSame(lines.map(({ queueOffset }) => queueOffset), [0, 0, 1])
  const messages = (await command(['dump', directory])).lines.filter((line) => 'bodyBase64' in line)
  t.match(messages, [
    { body: undefined, bodyBase64: Buffer.from('grün').toString('base64'), bornHost: '127.0.0.1:0', storeHost: '127.0.0.1:0', properties: { a: '2', z: '1' } },
    { bodyBase64: 'YQ==', properties: { common: 'x' } },
    { bodyBase64: 'Yg==', flag: 5, properties: { common: 'x', KEYS: 'k' } },
    { queueId: 1, bodyBase64: 'AAEC', flag: -1, reconsumeTimes: 3, preparedTransactionOffset: 9, bornHost: '10.0.0.1:1', storeHost: '0:0:0:0:0:0:0:1:2' },
  ])
})

t.test('lines that cannot be put', async (t) => {
  const directory = join(t.testdir(), 'store')
  const bad: [string, object][] = [
    ['{"sleepMs":5}', { error: /no field "sleepMs"/ }],
    ['not json', { error: /not JSON/ }],
    ['[]', { error: /a message is an object/ }],
    ['null', { error: /a message is an object/ }],
    ['{"body":"x"}', { error: /topic is missing/ }],
    ['{"topic":"t"}', { error: /body is missing/ }],
    ['{"topic":"t","body":"x","bodyBase64":"eA=="}', { error: /not both/ }],
    ['{"topic":"t","bodyBase64":"x"}', { error: /bodyBase64 is base64/ }],
    ['{"topic":5,"body":"x"}', { error: /topic is a text/ }],
    ['{"topic":"t","body":"x","propertys":{}}', { error: /no field "propertys"; the nearest is properties/ }],
    ['{"topic":"t","body":"x","properties":{"a":1}}', { error: /properties is an object of texts/ }],
    ['{"topic":"t","body":"x","flag":4294967296}', { error: /flag is a 32-bit number/ }],
    ['{"topic":"t","body":"x","bornHost":"nowhere"}', { error: /ip:port/ }],
    ['{"topic":"t","body":"x","batch":[]}', { error: /a body or a batch/ }],
    ['{"topic":"t","preparedTransactionOffset":1,"batch":[{"body":"x"}]}', { error: /no preparedTransactionOffset/ }],
    ['{"topic":"t","batch":[{"body":"x","topic":"u"}]}', { error: /a message of a batch has no field "topic"/ }],
    ['{"topic":"","body":"x"}', { status: 'MESSAGE_ILLEGAL', reason: /not empty/ }],
    ['{"topic":"t","queueId":-1,"body":"x"}', { status: 'MESSAGE_ILLEGAL', reason: /queue id/ }],
  ]
  const good = '{"topic":"t","body":"good"}'
  const { exitCode, lines, stderr } = await command(['append', directory], bad.flatMap(([line]) => [line, good]).join('\n'))
  t.equal(exitCode, 1)
  t.equal(stderr, '')
  for (const [index, [line, expected]] of bad.entries()) {
    const answer = lines[2 * index]
    t.match(answer, expected, line)
    const isError = 'error' in answer
    t.strictSame(Object.keys(answer), isError ? ['error', 'code', 'line'] : ['status', 'reason'])
    if (isError) t.match(answer, { code: 'ERR_INVALID_ARGUMENT', line: 2 * index + 1 })
    t.equal(lines[2 * index + 1].queueOffset, index, 'the others go on')
  }
})

t.test('many in flight under SYNC_FLUSH, results in order', async (t) => {
  const directory = join(t.testdir(), 'store')
  const count = 5000
  const input = Array.from({ length: count }, (_, number) => JSON.stringify({ topic: 't', body: `${number}` })).join('\n')
  const { exitCode, lines } = await command(['append', directory, '--set', 'flushDiskType=SYNC_FLUSH'], input)
  t.equal(exitCode, 0)
  t.strictSame(lines.map(({ queueOffset }) => queueOffset), Array.from({ length: count }, (_, number) => number))
})

t.test('each line is answered when it has been put, not when the input ends', async (t) => {
  const directory = join(t.testdir(), 'store')
  const { child, ended, stdout } = spawnCommand(['append', directory, '--set', 'flushDiskType=SYNC_FLUSH'])
  child.stdin.write('{"topic":"t","body":"1"}\n{"topic":"t","bo')
  await stdout.waitFor(/"queueOffset":0/)
  child.stdin.write('dy":"2"}\n')
  await stdout.waitFor(/"queueOffset":1/)
  if (selectBackend('auto').capabilities.has('lock')) {
    const other = await command(['append', directory], '{"topic":"t","body":"3"}')
    t.match(other, { exitCode: 3, stdout: '', stderr: new RegExp(`ERR_LOCKED.*process ${child.pid}`) }, 'a directory has one writer')
    t.match(await command(['repair', directory, '--apply']), { exitCode: 3, stderr: /ERR_LOCKED/ })
    t.match((await command(['info', directory, '--json'])).lines[0], {
      lock: { holder: `process ${child.pid}` }, abort: String(child.pid), recovery: { label: /^@crash/ },
    })
    const check = await command(['check', directory])
    t.match(check, { exitCode: 0, stderr: new RegExp(`process ${child.pid} has the store open`) }, 'what is still in memory there is no finding')
  }
  child.kill('SIGINT')
  const { exitCode, stderr } = await ended
  t.equal(exitCode, 1)
  t.match(stderr, /interrupted/)
  t.notOk(existsSync(join(directory, 'abort')), 'the store was closed in order')
})

t.test('a reader that goes ends it, in order', async (t) => {
  const directory = join(t.testdir(), 'store')
  const { child, ended } = spawnCommand(['append', directory])
  child.stdout.once('data', () => child.stdout.destroy())
  child.stdin.on('error', () => undefined)
  const feed = setInterval(() => child.stdin.write('{"topic":"t","body":"1"}\n'), 5)
  const { exitCode, stderr } = await ended
  clearInterval(feed)
  t.equal(exitCode, 0)
  t.equal(stderr, '')
  t.notOk(existsSync(join(directory, 'abort')))
})

t.test('a store that stops ends it', async (t) => {
  const directory = join(t.testdir(), 'store')
  const input = new PassThrough()
  const ended = command(['append', directory, '--set', 'flushDiskType=SYNC_FLUSH', '--set', 'mappedFileSizeCommitLog=65536'], input)
  input.write('{"topic":"t","body":"1"}\n')
  await pause(200)
  rmSync(join(directory, 'abort'))
  input.write('{"topic":"t","body":"2"}\n')
  const { exitCode, stderr, lines } = await ended
  t.equal(exitCode, 4)
  t.match(lines, [{ status: 'PUT_OK' }, { code: 'ERR_FILE_REPLACED', line: 2 }])
  t.match(stderr, /ERR_FILE_REPLACED/)
})

t.test('an input that is not there makes no store', async (t) => {
  const directory = join(t.testdir(), 'store')
  t.match(await command(['append', directory, join(directory, 'none')]), { exitCode: 4, stderr: /ENOENT/ })
  t.notOk(existsSync(directory))
})


t.test('the store that append makes is one for the library', async (t) => {
  const directory = join(t.testdir(), 'store')
  await command(['append', directory], '{"topic":"t","body":"x"}')
  const store = await MessageStore.open(directory)
  t.equal(store.maxOffset('t', 0), 1)
  await store.close()
})
