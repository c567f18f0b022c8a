import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { StoreError, type MessageStore } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { checkStore } from '../../lib/check/check-store'
import type { Finding } from '../../lib/check/finding'
import { bodies, codeOf, copyAsIfKilled, markUnclean, message, names, openStore, smallFiles, withFiles } from './support'

/** Puts messages 0 to `count` - 1 of each place. */
function fill(store: MessageStore, places: readonly [string, number][], count: number, prefix = ''): void {
  for (let number = 0; number < count; number++) {
    for (const [topic, queueId] of places) {
      const result = store.append(message({ topic, queueId, body: Buffer.from(`${prefix}${topic}${queueId} ${number}`), properties: { KEYS: `key${number}` } }))
      if (!result.isStored()) throw new Error(result.reason)
    }
  }
}

function read(store: MessageStore, topic: string, queueId = 0): string[] {
  const found: string[] = []
  for (let offset = store.minOffset(topic, queueId); ; ) {
    const result = store.get({ topic, queueId, offset })
    found.push(...bodies(result.messages))
    result.release()
    if (result.nextBeginOffset <= offset) return found
    offset = result.nextBeginOffset
  }
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${prefix} ${number}`)
}

async function findingsOf(directory: string): Promise<Finding[]> {
  const findings: Finding[] = []
  await checkStore(directory, smallFiles, { onFinding: async (finding) => void findings.push(finding), onProgress: () => undefined })
  return findings
}

const places: [string, number][] = [['orders', 0], ['orders', 1], ['payments', 0]]

t.test('a topic that is deleted is gone, with its directory, and stays so', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 30)
  await store.flush()
  const { commitLogOffset } = store.query({ topic: 'orders', key: 'key3' }).messages[0]!
  t.equal(await store.deleteTopic('orders'), 2)
  const check = async (store: MessageStore): Promise<void> => {
    t.same(store.queues().map(({ topic, queueId }) => [topic, queueId]), [['payments', 0]])
    t.equal(store.get({ topic: 'orders', queueId: 0, offset: 0 }).status, 'NO_MESSAGE_IN_QUEUE')
    t.equal(store.maxOffset('orders', 0), 0)
    t.same(store.query({ topic: 'orders', key: 'key3' }).messages, [])
    t.same(bodies(store.query({ topic: 'payments', key: 'key3' }).messages), ['payments0 3'])
    t.equal(store.lookup(commitLogOffset)?.topic, 'orders', 'the log has it until its file goes')
    t.same(read(store, 'payments'), numbered('payments0', 30))
    t.same(names(directory, 'consumequeue'), ['payments'])
  }
  await check(store)
  t.equal(await store.deleteTopic('orders'), 0, 'it is not there any more')
  const killed = copyAsIfKilled(directory, `${directory}-killed`)
  await store.close()
  t.equal(await codeOf(() => store.deleteTopic('payments')), 'ERR_STORE_CLOSED')
  for (const place of [directory, killed]) {
    t.same((await findingsOf(place)).filter(({ file }) => file.includes('consumequeue')), [], 'nothing is missing in the queues')
    const again = await openStore(t, place, { readOnly: true })
    t.equal(await codeOf(() => again.deleteTopic('payments')), 'ERR_READ_ONLY')
    t.same(again.queues().map(({ topic }) => topic), ['payments'])
    await again.close()
  }
  await check(await openStore(t, directory))
})

t.test('it stays so when everything is made again from the log', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 30)
  await store.deleteQueue('orders', 1)
  fill(store, [['orders', 1], ['payments', 0]], 3, 'new ')
  await store.close()
  for (const isUnclean of [false, true]) {
    const copy = copyAsIfKilled(directory, `${directory}-copy${Number(isUnclean)}`)
    if (isUnclean) markUnclean(copy)
    rmSync(join(copy, 'consumequeue'), { recursive: true })
    rmSync(join(copy, 'index'), { recursive: true })
    rmSync(join(copy, 'checkpoint'))
    const again = await openStore(t, copy)
    t.same(read(again, 'orders', 0), numbered('orders0', 30))
    t.same(read(again, 'orders', 1), numbered('new orders1', 3))
    t.same(read(again, 'payments'), [...numbered('payments0', 30), ...numbered('new payments0', 3)])
    t.same(bodies(again.query({ topic: 'orders', key: 'key2' }).messages), ['orders0 2', 'new orders1 2'])
    await again.close()
  }
})

t.test('what is put later begins a new queue at 0, also behind a crash', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 30)
  await store.flush()
  t.equal(await store.deleteQueue('orders', 0), true)
  t.equal(await store.deleteQueue('orders', 0), false)
  t.equal(store.append(message({ topic: 'orders', body: Buffer.from('new orders0 0') })).queueOffset, 0)
  fill(store, [['orders', 0]], 12, 'newer ')
  const expected = ['new orders0 0', ...numbered('newer orders0', 12)]
  t.same(read(store, 'orders', 0), expected)
  t.same(read(store, 'orders', 1), numbered('orders1', 30), 'the other queue is as it was')
  await store.flush()
  t.same(names(directory, 'consumequeue', 'orders', '0'), ['00000000000000000000', '00000000000000000200'])
  const again = await openStore(t, copyAsIfKilled(directory, `${directory}-killed`))
  t.same(read(again, 'orders', 0), expected)
  t.same(read(again, 'orders', 1), numbered('orders1', 30))
  await store.deleteQueue('orders', 0)
  t.same(read(store, 'orders', 0), [], 'and again')
  fill(store, [['orders', 0]], 1, 'last ')
  await store.close()
  t.same(read(await openStore(t, directory), 'orders', 0), ['last orders0 0'])
})

t.test('all is deleted', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 30)
  await Promise.all([store.deleteTopic('orders'), store.deleteTopic('payments')])
  const killed = copyAsIfKilled(directory, `${directory}-killed`)
  await store.close()
  for (const place of [directory, killed]) {
    const again = await openStore(t, place)
    t.same(again.queues(), [])
    t.equal(again.recovery.label, place === killed ? '@crash-queues-missing' : '@clean')
    fill(again, [['orders', 0]], 2)
    t.same(read(again, 'orders'), numbered('orders0', 2))
    await again.close()
  }
})

t.test('a queue that has no file yet', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 3)
  t.equal(await store.deleteTopic('orders'), 2)
  t.same(store.queues().map(({ topic }) => topic), ['payments'])
  await store.close()
  t.same((await openStore(t, directory)).queues().map(({ topic }) => topic), ['payments'])
})

t.test('while a queue is deleted nothing is put there, and until it is it can be read', async (t) => {
  const store = await openStore(t, join(t.testdir(), 'store'))
  fill(store, places, 3)
  const deleting = store.deleteQueue('orders', 0)
  await new Promise((resume) => setImmediate(resume))
  const refused = store.append(message({ topic: 'orders' }))
  t.equal(refused.status, 'SERVICE_NOT_AVAILABLE')
  t.match(refused.reason, 'being deleted')
  t.same(read(store, 'orders'), numbered('orders0', 3))
  t.equal(store.append(message({ topic: 'orders', queueId: 1 })).status, 'PUT_OK')
  t.equal(await deleting, true)
  t.equal(store.append(message({ topic: 'orders' })).queueOffset, 0)
})

t.test('who follows the queue goes on with the one that comes after it', async (t) => {
  const store = await openStore(t, join(t.testdir(), 'store'))
  fill(store, places, 3)
  const [waiting, slow]: [string[], string[]] = [[], []]
  const follow = async (found: string[], pause: () => Promise<void>): Promise<void> => {
    for await (const { body } of store.read({ topic: 'orders', queueId: 0, offset: 0 })) {
      found.push(body.toString())
      await pause()
    }
  }
  let resume!: () => void
  const gate = new Promise<void>((resolve) => {
    resume = resolve
  })
  const done = [follow(waiting, () => Promise.resolve()), follow(slow, () => gate)]
  while (waiting.length < 3) await new Promise((next) => setImmediate(next))
  await store.deleteTopic('orders')
  fill(store, [['orders', 0]], 9, 'new ')
  resume()
  const expected = [...numbered('orders0', 3), ...numbered('new orders0', 9)]
  while (waiting.length + slow.length < 24) await new Promise((next) => setImmediate(next))
  t.same([waiting, slow], [expected, expected])
  await store.close()
  await Promise.all(done)
})

t.test('dispatchers are not told again of what was deleted', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 3)
  await store.deleteTopic('orders')
  fill(store, [['orders', 0]], 1, 'new ')
  await store.close()
  const told: string[] = []
  await openStore(t, directory, { dispatchers: [{ name: 'all', from: 0, dispatch: ({ message }) => void told.push(message.body.toString()) }] })
  t.same(told, [...numbered('payments0', 3), 'new orders0 0'])
})

t.test('what config has of a topic goes with it', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 3)
  const { consumerOffsets, topics } = store.config
  for (const [topic, queueId] of places) consumerOffsets.commit({ topic, queueId, group: 'group', offset: 2 })
  for (const topic of ['orders', 'payments']) topics.set(topic, { readQueueNums: 2 })
  t.match(store.config.oldestUnconsumed(), { topic: 'orders', queueId: 0, queueOffset: 2, group: 'group' })
  await store.deleteQueue('orders', 0)
  t.match(store.config.oldestUnconsumed(), { topic: 'orders', queueId: 1, queueOffset: 2, group: 'group' })
  t.same(topics.names, ['orders', 'payments'], 'the settings are those of the topic')
  await store.deleteTopic('orders')
  t.match(store.config.oldestUnconsumed(), { topic: 'payments', queueId: 0, queueOffset: 2, group: 'group' })
  t.same(topics.names, ['payments'])
  const killed = copyAsIfKilled(directory, `${directory}-killed`)
  const again = await openStore(t, killed)
  t.same(again.config.consumerOffsets.topics, ['payments'])
  t.same(again.config.topics.names, ['payments'])
  consumerOffsets.commit({ topic: 'payments', queueId: 0, group: 'group', offset: 3 })
  t.equal(store.config.oldestUnconsumed(), undefined, 'all is read')
  await store.close()
  t.equal((await openStore(t, directory)).config.consumerOffsets.slowestOffset('payments', 0), 3, 'a close keeps what was committed')
})

t.test('where config is not kept none is made, and one that is damaged is in nobody’s way', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 3)
  await store.deleteTopic('payments')
  t.notOk(existsSync(join(directory, 'config')))
  const path = join(directory, 'config', 'consumerOffset.json')
  mkdirSync(dirname(path))
  writeFileSync(path, '{"offsetTable":')
  t.equal(await store.deleteTopic('orders'), 2)
  t.equal(readFileSync(path, 'utf8'), '{"offsetTable":')
})

t.test('a list that there is no room for: nothing is deleted, and puts go on', async (t) => {
  const directory = join(t.testdir(), 'store')
  let isFull = false
  const plain = selectBackend('auto')
  const backend = withFiles(plain, {
    open: (path, mode) => {
      if (isFull && path.endsWith('.draft')) throw new StoreError('ERR_DISK_FULL', 'no room', { file: path })
      return plain.files.open(path, mode)
    },
  })
  const store = await openStore(t, directory, { ports: { backend } })
  fill(store, places, 3)
  isFull = true
  t.equal(await codeOf(() => store.deleteTopic('orders')), 'ERR_DISK_FULL')
  t.same(read(store, 'orders', 0), numbered('orders0', 3))
  t.equal(store.append(message({ topic: 'orders' })).queueOffset, 3)
  t.equal(store.failure, undefined)
  isFull = false
  t.equal(await store.deleteTopic('orders'), 2)
  await store.close()
})

t.test('a file that cannot be removed stops the store, and the next open removes it', async (t) => {
  const directory = join(t.testdir(), 'store')
  const plain = selectBackend('auto')
  const backend = withFiles(plain, {
    remove: (path) => {
      if (path.includes('orders')) throw new StoreError('ERR_IO', 'cannot remove', { file: path })
      plain.files.remove(path)
    },
  })
  const store = await openStore(t, directory, { ports: { backend } })
  fill(store, places, 30)
  store.config.consumerOffsets.commit({ topic: 'orders', queueId: 0, group: 'group', offset: 2 })
  await store.flush()
  t.equal(await codeOf(() => store.deleteQueue('orders', 0)), 'ERR_FLUSH_FAILED')
  t.equal(store.failure?.code, 'ERR_FLUSH_FAILED')
  await store.close()
  t.same(names(directory, 'consumequeue', 'orders', '0').length, 3)
  t.same((await findingsOf(directory)).filter(({ file }) => file.includes('orders')), [], 'what is left is none of the check’s concern')
  const readOnly = await openStore(t, directory, { readOnly: true })
  t.same(readOnly.queues().map(({ topic, queueId }) => `${topic}${queueId}`), ['orders1', 'payments0'])
  await readOnly.close()
  t.same(names(directory, 'consumequeue', 'orders', '0').length, 3, 'who reads only removes nothing')
  const again = await openStore(t, directory)
  t.same(names(directory, 'consumequeue', 'orders'), ['1'])
  t.same(again.config.consumerOffsets.topics, [])
  t.same(read(again, 'orders', 1), numbered('orders1', 30))
})

t.test('without the log the queues that were deleted say that there was one', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 3)
  await store.deleteTopic('orders')
  await store.deleteTopic('payments')
  await store.close()
  rmSync(join(directory, 'commitlog'), { recursive: true })
  t.equal(await codeOf(() => openStore(t, directory)), 'ERR_LOG_MISSING')
  rmSync(join(directory, 'mqstore-manifest.json'))
  const again = await openStore(t, directory)
  fill(again, [['orders', 0]], 2)
  t.same(read(again, 'orders'), numbered('orders0', 2))
})

t.test('without the list, queues that are made again show where one was deleted', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 30)
  await store.deleteTopic('orders')
  fill(store, [['orders', 0]], 15, 'new ')
  fill(store, [['orders', 1]], 1, 'new ')
  await store.close()
  for (const [name, change] of [
    ['gone', (place: string) => rmSync(place)],
    ['damaged', (place: string) => writeFileSync(place, 'none')],
  ] as const) {
    const copy = copyAsIfKilled(directory, `${directory}-${name}`)
    change(join(copy, 'mqstore-manifest.json'))
    rmSync(join(copy, 'consumequeue'), { recursive: true })
    const again = await openStore(t, copy)
    t.same(read(again, 'orders', 0), numbered('new orders0', 15), name)
    t.same(read(again, 'orders', 1), numbered('orders1', 30), 'a single message is no proof')
    t.equal(again.append(message({ topic: 'orders' })).queueOffset, 15)
    await again.close()
    const third = await openStore(t, copy)
    t.same(read(third, 'orders', 0).length, 16)
    await third.close()
    markUnclean(copy)
    t.same(read(await openStore(t, copy), 'orders', 0).length, 16, 'what was found is known from now on')
  }
})

t.test('without the list, behind a crash', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 30)
  await store.deleteTopic('orders')
  fill(store, [['orders', 0]], 15, 'new ')
  await store.flush()
  const copy = copyAsIfKilled(directory, `${directory}-killed`)
  writeFileSync(join(copy, 'mqstore-manifest.json'), 'none')
  const again = await openStore(t, copy)
  t.same(read(again, 'orders', 0), numbered('new orders0', 15))
  await again.flush()
  t.same(names(copy, 'consumequeue', 'orders', '0'), ['00000000000000000000', '00000000000000000200'])
})

/** The queues that the list has as deleted. */
function listedAsDeleted(directory: string): unknown {
  return (JSON.parse(readFileSync(join(directory, 'mqstore-manifest.json'), 'utf8').split('\n')[0]!) as { deleted: unknown }).deleted
}

t.test('a log that has lost its end: what is stored there later is not deleted', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 60)
  await store.deleteTopic('orders')
  const upTo = store.maxPhyOffset
  await store.close()
  const segments = names(directory, 'commitlog')
  t.ok(segments.length > 2)
  rmSync(join(directory, 'commitlog', segments.at(-1)!))
  const again = await openStore(t, directory)
  t.ok(again.maxPhyOffset < upTo)
  fill(again, [['orders', 0]], 5, 'new ')
  t.ok(again.maxPhyOffset < upTo, 'before the end as it was when the topic was deleted')
  await again.close()
  rmSync(join(directory, 'consumequeue'), { recursive: true })
  t.same(read(await openStore(t, directory), 'orders'), numbered('new orders0', 5))
})

t.test('what was deleted is forgotten once the log begins behind it', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await openStore(t, directory)
  fill(store, places, 60)
  await store.deleteTopic('orders')
  const upTo = store.maxPhyOffset
  t.same(listedAsDeleted(directory), [{ topic: 'orders', queueId: 0, upTo }, { topic: 'orders', queueId: 1, upTo }])
  fill(store, [['orders', 0]], 60, 'new ')
  await store.close()
  t.same(listedAsDeleted(directory), [{ topic: 'orders', queueId: 0, upTo }, { topic: 'orders', queueId: 1, upTo }])
  const behind = names(directory, 'commitlog').filter((name) => Number(name) < upTo)
  for (const name of behind) rmSync(join(directory, 'commitlog', name))
  await (await openStore(t, directory)).close()
  t.same(listedAsDeleted(directory), [])
  const again = await openStore(t, directory)
  const left = read(again, 'orders')
  t.ok(left.length > 0)
  t.same(left, numbered('new orders0', 60).slice(-left.length))
})
