import t from 'tap'
import { StoredMessage } from '../../lib/index'
import { bodies, codeOf, message, openStore } from '../store/support'

/*
 * The story: a service keeps messages in its own queues for minutes. They must not change or fault when the store
 * behind them has moved on, and a result that was given back must say so rather than show other bytes.
 *
 * Not proved here: results whose segments are deleted under them (retention/deletion.test.ts).
 */

const request = { topic: 'orders', queueId: 0, offset: 0 }

t.test('what a result knows', async (test) => {
  const store = await openStore(test, test.testdir())
  const first = store.append(message({ body: Buffer.from('a'), properties: { TAGS: 'TagA' } }))
  const second = store.append(message({ body: Buffer.from('bb') }))
  const result = store.get(request)
  test.same(result.commitLogOffsets, [first.offset, second.offset])
  test.same(result.sizes, [first.bytes, second.bytes])
  test.same(result.tagsCodes, [2_598_919, 0])
  test.equal(result.totalSize, first.bytes + second.bytes)
  test.same(bodies(result.messages), ['a', 'bb'])
  test.same(result.buffers.map((bytes) => new StoredMessage(Buffer.from(bytes)).msgId), [first.msgId, second.msgId])
})

t.test('a released result', async (test) => {
  const store = await openStore(test, test.testdir())
  store.append(message())
  const result = store.get(request)
  const [before] = result.messages
  result.release()
  result.release()
  test.equal(await codeOf(() => result.messages), 'ERR_RESULT_RELEASED')
  test.equal(await codeOf(() => result.buffers), 'ERR_RESULT_RELEASED')
  test.same([result.status, result.nextBeginOffset, result.sizes.length], ['FOUND', 1, 1], 'what is no bytes stays')
  test.equal(before.body.toString(), 'body')
  test.equal(store.get(request).messages.length, 1, 'others are not concerned')
})

t.test('a result of a closed store', async (test) => {
  const store = await openStore(test, test.testdir())
  store.append(message())
  const result = store.get(request)
  const [kept] = result.messages
  const found = store.lookup(0)!
  await store.close()
  const code = await codeOf(() => result.messages)
  test.ok(['ERR_STORE_CLOSED', 'ERR_RESULT_RELEASED'].includes(code ?? ''), `an error that says so: ${code}`)
  test.equal(kept.body.toString(), 'body', 'a message that was taken is good')
  test.equal(found.topic, 'orders')
  test.same({ ...kept.properties }, {})
})

t.test('a message owns its bytes', async (test) => {
  const store = await openStore(test, test.testdir())
  store.append(message())
  const [first] = store.get(request).messages
  first.bytes.fill(0)
  test.equal(store.get(request).messages[0].body.toString(), 'body', 'writing to it does not reach the store')
})

t.test('the body given is copied', async (test) => {
  const store = await openStore(test, test.testdir())
  const body = Buffer.from('before')
  store.append(message({ body }))
  body.write('after!')
  test.same(bodies(store.get(request).messages), ['before'])
})
