import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encodeHost } from '../../lib/format/host'
import { CRC_MASK } from '../../lib/format/record'
import { selectBackend } from '../../lib/storage/backend'
import { makeRecord, type RecordContent } from '../support/encoded-record'
import { codeOf, filesOf, markUnclean, message, openStore, overwrite } from '../store/support'

/*
 * The story: a log that someone hands us ("can you tell what is in there?") was written by a program that we do not
 * know. Its records pass every check, since they are well formed; what they say is another matter. Topics become
 * directories: one with a path in it must not write beside the store.
 */

const { crc32 } = selectBackend('auto')

/** A good record, save for what is given. */
function record(fields: Partial<RecordContent> & { topicName?: string }): Buffer {
  const { topicName = 'orders', ...others } = fields
  const body = Buffer.from('body')
  return makeRecord({
    topic: Buffer.from(topicName), body, bodyCRC: crc32(body, 0, body.length) & CRC_MASK, storeTimestamp: 1_700_000_000_000,
    bornHost: encodeHost('127.0.0.1:0'), storeHost: encodeHost('127.0.0.1:0'), ...others,
  })
}

/** A store whose log holds one message of its own, and behind it what was made elsewhere. */
async function storeWith(test: Parameters<typeof openStore>[0], fields: Parameters<typeof record>[0], options = {}, others = 0): Promise<string> {
  const directory = join(test.testdir(), 'a', 'b', 'store')
  const store = await openStore(test, directory, options)
  store.append(message())
  for (let at = 0; at < others; at++) store.append(message({ topic: 'others' }))
  const end = store.maxPhyOffset
  await store.close()
  overwrite(join(directory, 'commitlog', '0'.repeat(20)), end, record({ physicalOffset: end, ...fields }))
  markUnclean(directory)
  return directory
}

for (const topicName of ['../../escaped', '..', '/escaped', 'a/b', '.']) {
  t.test(`the topic ${JSON.stringify(topicName)}`, async (test) => {
    const directory = await storeWith(test, { topicName })
    for (const attempt of ['first', 'second']) {
      const store = await openStore(test, directory)
      await store.flush()
      test.equal(store.maxOffset('orders', 0), 1, `the ${attempt} open: the others are there`)
      await store.close()
    }
    const root = join(directory, '..', '..', '..')
    const outside = [...filesOf(root)].filter((path) => !path.startsWith('a/b/store/'))
    test.same(outside, [], 'nothing is written beside the store')
    test.equal(existsSync('/escaped'), false)
    const beside = [...filesOf(directory)].filter((path) => !/^(commitlog|consumequeue|index)\/|^(abort|checkpoint|lock|mqstore-.*)$/.test(path))
    test.same(beside, [], 'nor where no queue belongs')
  })
}

t.test('a negative queue id', async (test) => {
  const directory = await storeWith(test, { queueId: -1 })
  for (const attempt of ['first', 'second', 'third']) {
    test.equal(await codeOf(async () => (await openStore(test, directory)).close()), undefined, `the ${attempt} open`)
  }
})

t.test('a queue offset that was used already', async (test) => {
  const directory = await storeWith(test, { queueOffset: 0 })
  const store = await openStore(test, directory)
  test.equal(store.maxOffset('orders', 0), 1, 'the first one keeps its place')
  test.equal(store.append(message()).queueOffset, 1)
})

t.test('a queue offset with a gap before it', async (test) => {
  // The 24 that are missing would have had room where the others lie now.
  const directory = await storeWith(test, { queueOffset: 25 }, {}, 30)
  const store = await openStore(test, directory)
  test.equal(store.maxOffset('orders', 0), 26, 'the places of what is missing are kept')
  const found: number[] = []
  for await (const stored of store.read({ topic: 'orders', queueId: 0, offset: 0, follow: false })) found.push(stored.queueOffset)
  test.same(found, [0, 25], 'and passed over')
  test.equal(store.append(message()).queueOffset, 26)
})

t.test('a queue offset that the log cannot have reached', async (test) => {
  // One bit that flips in a header, which no CRC covers, makes 2^22 of 1. With a higher bit this would fill the disk.
  const options = { mappedFileSizeConsumeQueue: 6_000_000 }
  const directory = await storeWith(test, { queueOffset: 2 ** 22 + 1 }, options)
  const store = await openStore(test, directory, options)
  await store.flush()
  const files = filesOf(join(directory, 'consumequeue'))
  test.ok(files.length <= 2, `two messages of one queue take ${files.length} files of 300,000 entries`)
})

t.test('a queue offset beyond all reason', async (test) => {
  for (const queueOffset of [-1, Number.MAX_SAFE_INTEGER, 2 ** 62]) {
    const directory = await storeWith(test, { topicName: 'huge', queueOffset })
    const store = await openStore(test, directory)
    test.equal(store.maxOffset('orders', 0), 1, `${queueOffset}: the others are there`)
    await store.flush()
    await store.close()
  }
})
