import { join } from 'node:path'
import t from 'tap'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { codeOf, copyAsIfKilled, message, names, openStore } from '../store/support'

/*
 * The story: a message that is indexed twice is found twice, and whoever counts orders counts it twice. Closing and
 * opening, or a kill, must leave the index as it was, wherever in an index file it happens.
 */

const options = { mappedFileSizeCommitLog: 1 << 16, maxIndexNum: 4 }

for (const killed of [false, true]) {
  for (const { keyed, unkeyed } of [2, 3, 4, 6].flatMap((keyed) => [0, 1].map((unkeyed) => ({ keyed, unkeyed })))) {
    t.test(`${keyed} messages with a key and ${unkeyed} without, ${killed ? 'then a kill' : 'then a close'}`, async (test) => {
      const directory = join(test.testdir(), 'store')
      const store = await openStore(test, directory, options)
      for (let at = 0; at < keyed; at++) store.append(message({ properties: { KEYS: 'k' } }))
      for (let at = 0; at < unkeyed; at++) store.append(message())
      await store.flush()
      const next = killed ? copyAsIfKilled(directory, `${directory}-killed`) : directory
      await store.close()
      for (let round = 1; round <= 3; round++) {
        const again = await openStore(test, next, options)
        test.same(
          again.query({ topic: 'orders', key: 'k' }).messages.map(({ queueOffset }) => queueOffset),
          Array.from({ length: keyed }, (_, at) => at), `open ${round}: each once`,
        )
        await again.close()
      }
    })
  }
}

t.test('another geometry than the files have', async (test) => {
  const backend = createMemoryBackend()
  const store = await openStore(test, '/store', { ...options, ports: { backend } })
  store.append(message({ properties: { KEYS: 'k' } }))
  await store.close()
  const open = (more: object) => codeOf(() => openStore(test, '/store', { ...options, ...more, ports: { backend } }))
  test.equal(await open({ maxIndexNum: 5 }), 'ERR_INVALID_OPTION')
  test.equal(await open({ maxHashSlotNum: 17 }), 'ERR_INVALID_OPTION')
  test.equal(await open({}), undefined, 'the directory is as it was')
})

t.test('index files are begun with their first key', async (test) => {
  const directory = join(test.testdir(), 'store')
  const store = await openStore(test, directory, options)
  store.append(message())
  await store.flush()
  test.same(names(directory, 'index'), [])
  store.append(message({ properties: { KEYS: ' ' } }))
  await store.flush()
  test.same(names(directory, 'index'), [], 'a space is no key')
  store.append(message({ properties: { UNIQ_KEY: 'u' } }))
  await store.flush()
  test.equal(names(directory, 'index').length, 1)
})
