import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { firstFileDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { filesBelow } from '../support/files'
import { goldenStores, type GoldenProbe } from '../support/golden'
import { command } from './command'
import { makeStore, smallFilesWords } from './store-of-messages'

/*
 * The story: an operator looks into a directory of a broker from the shell, or a program parses what we print.
 * What the real engine answered about its own stores is what the commands have to print.
 */

for (const golden of goldenStores()) {
  const words = Object.entries({ ...golden.settings, compatibility: golden.compatibility }).flatMap(([key, value]) => ['--set', `${key}=${value}`])

  t.test(golden.name, async (t) => {
    const directory = golden.unpack(t.testdir())
    const dump = await command(['dump', directory, ...words])
    t.equal(dump.exitCode, 0)
    t.equal(dump.stdout, golden.read().map((line) => `${JSON.stringify(line)}\n`).join(''), 'the dump is the engine’s, byte for byte')
    const check = await command(['check', directory, '--json', ...words])
    t.equal(check.exitCode, 0, 'nothing is wrong with what the engine wrote')
    t.equal(check.lines.at(-1).findings, 0)
    const probes = golden.probe()
    for (const operation of ['get', 'time', 'key'] as const) {
      // One open each: some of them are enough, since the answers of the store have tests of their own.
      for (const probe of probes.filter(({ op }) => op === operation).slice(0, 5)) await expectAnswer(t, directory, words, probe)
    }
    expectNoDifference(t, firstFileDifference(golden.files(), filesBelow(directory)), 'nothing was written')
  })
}

async function expectAnswer(test: Test, directory: string, words: readonly string[], probe: GoldenProbe): Promise<void> {
  switch (probe.op) {
    case 'get': {
      const { topic, queueId, offset, max, filter, status, nextBeginOffset, minOffset, maxOffset, commitLogOffsets } = probe
      const tags = filter === undefined ? [] : ['--tags', filter]
      const { stdout } = await command(['get', directory, topic, `${queueId}`, `${offset}`, '--max', `${max}`, ...tags, ...words])
      test.equal(stdout, `${JSON.stringify({ status, nextBeginOffset, minOffset, maxOffset, commitLogOffsets })}\n`, `get ${offset}`)
      return
    }
    case 'time': {
      const { topic, queueId, timestamp, offset } = probe
      const { stdout } = await command(['offset-by-time', directory, topic, `${queueId}`, `${timestamp}`, ...words])
      test.equal(stdout, `${offset}\n`, `offset by time ${timestamp}`)
      return
    }
    case 'key': {
      const { topic, key, max, commitLogOffsets } = probe
      const { lines } = await command(['query', directory, topic, key, '--max', `${max}`, ...words])
      test.strictSame(lines.map((line) => line.commitLogOffset), commitLogOffsets, `query ${key}`)
      for (const line of lines) test.notOk('tagsCode' in line)
    }
  }
}

t.test('parts of a dump', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 100)
  const all = (await command(['dump', directory])).lines
  const dump = async (...words: string[]) => (await command(['dump', directory, ...words])).lines
  const isMessage = (line: any) => 'commitLogOffset' in line
  t.strictSame((await dump('--topic', 'orders')).slice(1), all.slice(1).filter((line) => line.topic === 'orders'))
  t.strictSame((await dump('--queue', '1')).slice(1), all.slice(1).filter((line) => line.queueId === 1))
  t.strictSame(
    (await dump('--topic', 'orders', '--queue', '0', '--from', '7', '--limit', '3')).filter(isMessage),
    all.filter((line) => isMessage(line) && line.topic === 'orders' && line.queueId === 0 && line.queueOffset >= 7 && line.queueOffset < 10),
  )
  t.equal((await dump('--limit', '30')).filter(isMessage).length, 30, 'the limit is for all queues together')
  for (const line of (await dump('--no-body')).filter(isMessage)) {
    t.notOk('bodyBase64' in line)
    t.ok(line.bodyLength > 0)
  }
})

t.test('places of a dump that cannot be read', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 300)
  rmSync(join(directory, 'commitlog', '00000000000000016384'))
  const { exitCode, lines } = await command(['dump', directory, '--topic', 'orders', '--queue', '0'])
  t.equal(exitCode, 0)
  const holes = lines.filter((line) => 'getStatus' in line)
  t.ok(holes.length > 0)
  for (const hole of holes) t.match(hole, { topic: 'orders', queueId: 0, queueOffset: Number, getStatus: 'MESSAGE_WAS_REMOVING', next: Number })
  t.equal(lines.at(-1).queueOffset, 74, 'what is behind the hole is printed')
})

t.test('a damaged message in a dump', async (t) => {
  const directory = join(t.testdir(), 'store')
  const [first] = await makeStore(directory, 20)
  const log = join(directory, 'commitlog', '00000000000000000000')
  const bytes = readFileSync(log)
  // The length of the properties.
  bytes[first.offset + first.bytes - 1] = 0
  bytes.writeInt32BE(first.bytes - 1, first.offset)
  writeFileSync(log, bytes)
  const { exitCode, lines } = await command(['dump', directory, '--topic', 'orders', '--queue', '0'])
  t.equal(exitCode, 0)
  t.match(lines[2], { queueOffset: 0, getStatus: 'MESSAGE_WAS_REMOVING', next: 1 })
  t.strictSame(lines.slice(3).map(({ queueOffset }) => queueOffset), [1, 2, 3, 4])
})

t.test('property names that look like numbers are sorted like the others', async (t) => {
  const directory = join(t.testdir(), 'store')
  await command(['append', directory], '{"topic":"t","body":"x","properties":{"b":"1","10":"2","9":"3","!":"4"}}\n')
  t.match((await command(['dump', directory])).stdout, '"properties":{"!":"4","10":"2","9":"3","b":"1"}')
})

t.test('lookup, by id and by offset', async (t) => {
  const directory = join(t.testdir(), 'store')
  const results = await makeStore(directory, 20)
  for (const wanted of [results[7].msgId, String(results[7].offset)]) {
    const { exitCode, lines } = await command(['lookup', directory, wanted])
    t.equal(exitCode, 0)
    t.equal(lines[0].msgId, results[7].msgId)
    t.equal(lines[0].commitLogOffset, results[7].offset)
    t.notOk('tagsCode' in lines[0])
  }
  t.match(await command(['lookup', directory, String(results[7].offset + 1)]), { exitCode: 1, stdout: '', stderr: /no message begins/ })
  t.match(await command(['lookup', directory, '99999999']), { exitCode: 1, stdout: '', stderr: /no message 99999999/ })
  t.match(await command(['lookup', directory, 'nonsense']), { exitCode: 2 })
})

t.test('a boundary for the time', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 20)
  const ask = (...words: string[]) => command(['offset-by-time', directory, 'orders', '0', ...words])
  t.match(await ask('0'), { exitCode: 0, stdout: '0\n' })
  t.match(await ask('9999999999999', '--boundary', 'upper'), { exitCode: 0, stdout: '4\n' })
  t.match(await ask('0', '--boundary', 'middle'), { exitCode: 2, stderr: /lower or upper/ })
})

t.test('info', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 300)
  const { exitCode, stdout } = await command(['info', directory, ...smallFilesWords])
  t.equal(exitCode, 0)
  t.match(stdout, /an open would +@clean/)
  t.match(stdout, /segments +5 of 16 KiB/)
  t.match((await command(['info', directory, '--json', ...smallFilesWords])).lines[0], {
    directory, segmentSize: 16_384, abort: null, refusal: null, lock: { holder: null }, recovery: { label: '@clean' }, damage: [],
    versions: ['the checkpoint has fields that only 5.x writes', 'properties end with a separator, as 5.x writes them'],
    queues: [{ topic: 'orders', queueId: 0, minOffset: 0, maxOffset: 75 }, {}, {}, {}],
  })
})

t.test('info about a directory that no open would take', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 300)
  appendFileSync(join(directory, 'commitlog', '00000000000000016384'), 'too long')
  const { exitCode, lines, stderr } = await command(['info', directory, '--json'])
  t.equal(exitCode, 4)
  t.equal(stderr, '')
  t.match(lines[0], { refusal: { code: 'ERR_SEGMENT_SIZE' }, segmentSize: null })
  t.match(await command(['info', directory]), { exitCode: 4, stdout: /refused +ERR_SEGMENT_SIZE/ })
})

t.test('what is not a store', async (t) => {
  for (const verb of [['info'], ['dump'], ['check'], ['repair'], ['get', 't', '0', '0'], ['query', 't', 'k'], ['lookup', '0'], ['offset-by-time', 't', '0', '0']]) {
    const [name, ...operands] = verb
    t.match(await command([name, t.testdir(), ...operands]), { exitCode: 4, stdout: '', stderr: /ERR_NOT_A_STORE/ }, name)
  }
})
