import { join } from 'node:path'
import t from 'tap'
import { StoreError } from '../../lib/errors'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { codeOf, openStore } from '../store/support'
import { SteppedClock } from '../torture/stepped-clock'
import { START, openConfig, readText } from './support'

const place = { topic: 'orders', queueId: 0, group: 'group' }

t.test('what is committed while a store closes is kept, or refused', async (test) => {
  const directory = join(test.testdir(), 'store')
  const store = await openStore(test, directory)
  let accepted = 0
  let refusal: unknown
  const commit = (): void => {
    try {
      store.config.consumerOffsets.commit({ ...place, offset: accepted + 1 })
      accepted++
      setImmediate(commit)
    } catch (error) {
      refusal = error
    }
  }
  commit()
  await store.close()
  test.match(refusal, { code: 'ERR_STORE_CLOSED' })
  const again = await openStore(test, directory, { readOnly: true })
  test.equal(again.config.consumerOffsets.get(place), accepted)
})

t.test('a file that cannot be written keeps no other from the disk', async (test) => {
  const { files } = createMemoryBackend(new SteppedClock(START))
  const open = files.open.bind(files)
  files.open = (path, mode) => {
    if (mode === 'create' && path.includes('consumerOffset')) throw new StoreError('ERR_IO', 'refused', { reason: 'EACCES' })
    return open(path, mode)
  }
  const { config } = openConfig({ files })
  config.consumerOffsets.commit({ ...place, offset: 1 })
  config.topics.set('orders', { perm: 4 })
  test.equal(await codeOf(() => config.persist()), 'ERR_IO')
  test.match(readText(files, 'topics.json'), /"orders"/)
})
