import t, { type Test } from 'tap'
import type { Message, MessageBatch, PutResult, StoreOptions } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { codeOf, message, openStore, type TestOptions } from './support'

/*
 * The story: what the engine refuses is refused with its status, so that a client that knows RocketMQ understands
 * the answer; and what the engine accepts and then cannot read again is refused too. Each limit is tried at its
 * edge: the last that is allowed, and one more. Whatever was refused must have left nothing behind.
 *
 * Not proved here: refusals for want of disk space (test/storage).
 */

interface Case {
  name: string
  options?: StoreOptions
  versions?: ('4.9' | '5.3')[]
  message?: Partial<Message>
  batch?: Partial<MessageBatch>
  /** Absent: accepted. */
  refused?: { status: string; reason: RegExp }
}

const both = ['4.9', '5.3'] as const
const illegal = (reason: RegExp) => ({ status: 'MESSAGE_ILLEGAL', reason })
const tooLong = (reason: RegExp) => ({ status: 'PROPERTIES_SIZE_EXCEEDED', reason })
const checked = { brokerChecks: true }
const body = Buffer.from('body')
const part = (properties?: Record<string, string>) => ({ body, properties })
/** Properties whose text has that many characters, all ASCII, with (5.3) or without (4.9) the last separator. */
const propertiesOf = (characters: number) => ({ k: 'v'.repeat(characters - 2) })

const cases: Case[] = [
  // topic
  { name: 'topic of 127 bytes', message: { topic: 'T'.repeat(127) } },
  { name: 'topic of 128 bytes', versions: ['4.9'], message: { topic: 'T'.repeat(128) }, refused: illegal(/128 bytes, 4\.9 stores 127/) },
  { name: 'topic of 128 bytes', versions: ['5.3'], message: { topic: 'T'.repeat(128) } },
  { name: 'topic of 255 bytes', versions: ['5.3'], message: { topic: 'T'.repeat(255) } },
  { name: 'topic of 256 bytes', message: { topic: 'T'.repeat(256) }, refused: illegal(/256 bytes, at most 255/) },
  { name: '42 CJK characters, 126 bytes', message: { topic: '标'.repeat(42) } },
  { name: '43 CJK characters, 129 bytes', versions: ['4.9'], message: { topic: '标'.repeat(43) }, refused: illegal(/129 bytes/) },
  { name: '43 CJK characters, 129 bytes', versions: ['5.3'], message: { topic: '标'.repeat(43) } },
  { name: '85 CJK characters, 255 bytes', versions: ['5.3'], message: { topic: '标'.repeat(85) } },
  { name: '86 CJK characters, 258 bytes', message: { topic: '标'.repeat(86) }, refused: illegal(/258 bytes/) },
  {
    name: 'topic of 128 bytes without autoMessageVersionOnTopicLen', versions: ['5.3'], options: { autoMessageVersionOnTopicLen: false },
    message: { topic: 'T'.repeat(128) }, refused: illegal(/autoMessageVersionOnTopicLen/),
  },
  {
    name: 'topic of 128 bytes, as the broker checks', versions: ['5.3'], options: checked, message: { topic: 'T'.repeat(128) },
    refused: illegal(/retry topics/),
  },
  {
    name: 'retry topic of 255 bytes, as the broker checks', versions: ['5.3'], options: checked,
    message: { topic: '%RETRY%'.padEnd(255, 'g') },
  },
  { name: 'empty topic', message: { topic: '' }, refused: illegal(/not empty/) },
  { name: 'topic that is no text', message: { topic: 5 as never }, refused: illegal(/text/) },
  { name: 'missing topic', message: { topic: undefined as never }, refused: illegal(/text/) },
  ...['.', '..', 'a/b', '../up', '/', 'a\0b'].map((topic): Case => (
    { name: `topic ${JSON.stringify(topic)}`, message: { topic }, refused: illegal(/name of a directory/) })),
  // Files know UTF-8 only: two topics of such halves would be one directory.
  ...['\ud800', 'a\udc00b'].map((topic): Case => (
    { name: `topic with half a character, ${JSON.stringify(topic)}`, message: { topic }, refused: illegal(/topic/) })),
  { name: 'topic with dots', message: { topic: '...' } },
  { name: 'topic with %', message: { topic: '%RETRY%group' } },

  // queue id
  { name: 'queue 0', message: { queueId: 0 } },
  { name: 'queue 2^31 - 1', message: { queueId: 2 ** 31 - 1 } },
  ...[2 ** 31, -1, 1.5, NaN, '1'].map((queueId): Case => (
    { name: `queue ${String(queueId)}`, message: { queueId: queueId as number }, refused: illegal(/queue id/) })),

  // body
  { name: 'body of maxMessageSize', options: { maxMessageSize: 100 }, message: { body: Buffer.alloc(100) } },
  { name: 'one byte more', options: { maxMessageSize: 100 }, message: { body: Buffer.alloc(101) }, refused: illegal(/101 bytes, maxMessageSize is 100/) },
  { name: 'empty body', message: { body: Buffer.alloc(0) } },
  { name: 'body that is a plain Uint8Array', message: { body: new Uint8Array([1, 2]) } },
  { name: 'text for a body', message: { body: 'text' as never }, refused: illegal(/Uint8Array/) },
  { name: 'no body', message: { body: undefined as never }, refused: illegal(/Uint8Array/) },

  // properties
  { name: 'properties of 32767 bytes', versions: ['4.9'], message: { properties: propertiesOf(32_767) } },
  { name: 'properties of 32767 bytes', versions: ['5.3'], message: { properties: propertiesOf(32_766) } },
  { name: 'properties of 32768 characters', versions: ['4.9'], message: { properties: propertiesOf(32_768) }, refused: illegal(/properties/) },
  { name: 'properties of 32768 bytes', versions: ['5.3'], message: { properties: propertiesOf(32_767) }, refused: tooLong(/32767 bytes/) },
  {
    name: '32767 characters that are 32768 bytes', versions: ['4.9'], message: { properties: { k: `${'v'.repeat(32_764)}é` } },
    refused: tooLong(/32767 bytes/),
  },
  { name: '11000 CJK characters', message: { properties: { k: '值'.repeat(11_000) } }, refused: tooLong(/32767 bytes/) },
  {
    name: 'properties too long, one of them undefined',
    message: { properties: { a: undefined as never, k: '值'.repeat(11_000) } }, refused: tooLong(/32767 bytes/),
  },
  {
    name: 'properties of 32747 bytes and a CRC of 20', versions: ['5.3'], options: { enabledAppendPropCRC: true },
    message: { properties: propertiesOf(32_746) },
  },
  {
    name: 'properties of 32748 bytes and a CRC of 20', versions: ['5.3'], options: { enabledAppendPropCRC: true },
    message: { properties: propertiesOf(32_747) }, refused: tooLong(/32767 bytes/),
  },
  { name: 'a number for a property', message: { properties: { level: 5 as never } }, refused: illegal(/propert/) },
  { name: 'an object for a property', message: { properties: { level: {} as never } }, refused: illegal(/propert/) },

  { name: 'null for properties that the store looks at', message: { properties: { TAGS: null as never, KEYS: null as never, UNIQ_KEY: null as never } } },
  { name: 'undefined for them', message: { properties: { TAGS: undefined as never, KEYS: undefined as never, UNIQ_KEY: undefined as never } } },
  { name: 'null for all properties', message: { properties: null as never } },
  { name: '0x02 in a value', message: { properties: { a: 'b\u0002WAIT\u0001false' } }, refused: illegal(/0x02/) },
  { name: '0x01 in a name', message: { properties: { 'a\u0001b': 'c' } }, refused: illegal(/0x01/) },
  { name: '0x01 in a value', message: { properties: { a: 'b\u0001c' } } },
  ...['flag', 'sysFlag', 'bornTimestamp', 'reconsumeTimes', 'preparedTransactionOffset'].flatMap((name) => [NaN, 0.5, '1', {}].map((value): Case => (
    { name: `${name} ${JSON.stringify(value)}`, message: { [name]: value }, refused: illegal(/whole numbers/) }))),

  // record
  { name: 'a record that fills a segment', options: { mappedFileSizeCommitLog: 1024 }, message: { body: Buffer.alloc(1024 - 8 - 97) } },
  {
    name: 'a record of one byte more', options: { mappedFileSizeCommitLog: 1024 }, message: { body: Buffer.alloc(1024 - 8 - 96) },
    refused: illegal(/1017 bytes do not fit a commit log file, which takes 1016/),
  },

  // delayed
  { name: 'DELAY that is no number', versions: ['4.9'], message: { properties: { DELAY: 'soon' } }, refused: illegal(/DELAY/) },
  { name: 'DELAY that is no number', versions: ['5.3'], options: checked, message: { properties: { DELAY: '' } }, refused: illegal(/DELAY/) },
  { name: 'DELAY that nobody heeds', versions: ['5.3'], message: { properties: { DELAY: 'soon' } } },
  {
    name: 'a delayed message whose topic is too long', versions: ['4.9'], message: { topic: 'T'.repeat(128), properties: { DELAY: '1' } },
    refused: illegal(/128 bytes/),
  },

  // batch queues
  { name: 'INNER_NUM', versions: ['5.3'], message: { properties: { INNER_NUM: '2' } }, refused: illegal(/batch consume queues/) },
  { name: 'the inner batch bit', versions: ['5.3'], message: { sysFlag: 0x80 }, refused: illegal(/batch consume queues/) },
  { name: 'INNER_NUM, which 4.9 does not know', versions: ['4.9'], message: { properties: { INNER_NUM: '2' }, sysFlag: 0x80 } },

  // batches
  ...['text', ['a'], new Map([['a', 'b']])].map((properties): Case => ({
    name: `a batch with ${JSON.stringify(properties)} as properties of a message`, batch: { messages: [part(), part(properties as never)] },
    refused: illegal(/an object of names and texts/),
  })),
  { name: 'batch', batch: {} },
  { name: 'empty batch', batch: { messages: [] }, refused: illegal(/at least one/) },
  ...[4, 8, 12].map((sysFlag): Case => ({ name: `batch with transaction bits ${sysFlag}`, batch: { sysFlag }, refused: illegal(/transactional/) })),
  { name: 'delayed batch', batch: { properties: { DELAY: '1' } }, refused: illegal(/delayed/) },
  { name: 'batch with one delayed message', batch: { messages: [part(), part({ DELAY: '2' })] }, refused: illegal(/delayed/) },
  { name: 'batch with DELAY 0', batch: { properties: { DELAY: '0' } } },
  { name: 'batch of maxMessageSize', options: { maxMessageSize: 8 }, batch: {} },
  { name: 'batch of one byte more', options: { maxMessageSize: 7 }, batch: {}, refused: illegal(/more than maxMessageSize 7/) },
  {
    name: 'batch that fills a segment', options: { mappedFileSizeCommitLog: 1024 },
    batch: { messages: [{ body: Buffer.alloc(508 - 97) }, { body: Buffer.alloc(508 - 97) }] },
  },
  {
    name: 'batch of one byte more', options: { mappedFileSizeCommitLog: 1024 },
    batch: { messages: [{ body: Buffer.alloc(508 - 97) }, { body: Buffer.alloc(509 - 97) }] }, refused: illegal(/1017 bytes do not fit/),
  },
  {
    name: 'batch whose message has too many properties with those of the batch', versions: ['5.3'],
    batch: { properties: { a: 'v'.repeat(20_000) }, messages: [part({ b: 'v'.repeat(20_000) })] }, refused: tooLong(/32767 bytes/),
  },
  { name: 'batch in queue -1', batch: { queueId: -1 }, refused: illegal(/queue id/) },
  { name: 'batch without a topic', batch: { topic: '' }, refused: illegal(/not empty/) },
  { name: 'batch with a text for a body', batch: { messages: [{ body: 'text' as never }] }, refused: illegal(/Uint8Array/) },
  { name: 'batch without a body', batch: { messages: [{ body: undefined as never }] }, refused: illegal(/Uint8Array/) },

  // roles
  { name: 'a slave', options: { brokerRole: 'SLAVE' }, message: {}, refused: { status: 'SERVICE_NOT_AVAILABLE', reason: /slave/i } },
]

async function tryOut(test: Test, given: Case, compatibility: '4.9' | '5.3'): Promise<void> {
  const options: TestOptions = {
    mappedFileSizeCommitLog: 1 << 18, ...given.options, compatibility, ports: { backend: createMemoryBackend() },
  }
  const store = await openStore(test, '/store', options)
  const calls: (() => PutResult | Promise<PutResult>)[] = []
  if (given.message !== undefined) {
    const tried = message(given.message)
    calls.push(() => store.append(tried), () => store.put(tried))
  }
  if (given.batch !== undefined) {
    const tried: MessageBatch = { topic: 'orders', messages: [part(), part()], ...given.batch }
    calls.push(() => store.appendBatch(tried), () => store.putBatch(tried))
  }
  for (const call of calls) {
    const before = store.maxPhyOffset
    const result = await call()
    if (given.refused === undefined) {
      test.equal(result.status, 'PUT_OK')
      test.equal(result.reason, undefined)
      test.equal(result.isStored(), true)
      test.equal(store.lookup(result.offset)?.commitLogOffset, result.offset, 'and reads back')
    } else {
      test.equal(result.status, given.refused.status)
      test.match(result.reason, given.refused.reason)
      test.equal(result.isStored(), false)
      test.same([result.offset, result.bytes, result.msgId, result.messageCount], [-1, 0, '', 0])
      test.equal(store.maxPhyOffset, before, 'nothing was written')
      test.equal(store.failure, undefined)
    }
  }
  if (given.refused !== undefined) {
    test.same(store.queues(), [], 'there is no queue')
    if (given.refused.status !== 'SERVICE_NOT_AVAILABLE') test.equal((await store.put(message({ body: Buffer.alloc(1) }))).status, 'PUT_OK', 'the store goes on')
  }
}

for (const given of cases) {
  for (const compatibility of given.versions ?? both) {
    t.test(`${compatibility}: ${given.name}`, (test) => tryOut(test, given, compatibility))
  }
}

t.test('what is no message throws', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  for (const value of [undefined, null, 'text', 5]) {
    test.throws(() => store.append(value as never), { code: 'ERR_INVALID_ARGUMENT' }, `append ${String(value)}`)
    test.throws(() => store.appendBatch(value as never), { code: 'ERR_INVALID_ARGUMENT' }, `appendBatch ${String(value)}`)
    await test.rejects(store.put(value as never), { code: 'ERR_INVALID_ARGUMENT' }, `put ${String(value)}`)
    await test.rejects(store.putBatch(value as never), { code: 'ERR_INVALID_ARGUMENT' }, `putBatch ${String(value)}`)
  }
  test.equal(store.maxPhyOffset, 0)
})

t.test('hosts that are none throw', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  for (const host of ['localhost:1', '1.2.3.4', '', 5 as never]) {
    for (const name of ['bornHost', 'storeHost']) {
      test.equal(await codeOf(() => store.append(message({ [name]: host }))), 'ERR_INVALID_ARGUMENT', `${name} ${String(host)}`)
    }
  }
  test.equal(store.maxPhyOffset, 0)
  test.equal((await store.put(message())).offset, 0, 'the store goes on')
})

t.test('batches that are none throw', async (test) => {
  const store = await openStore(test, '/store', { ports: { backend: createMemoryBackend() } })
  for (const messages of [undefined, null, [null], ['text']] as never[]) {
    const code = await codeOf(() => {
      const result = store.appendBatch({ topic: 'orders', messages })
      return Promise.reject({ code: result.status })
    })
    test.ok(['ERR_INVALID_ARGUMENT', 'MESSAGE_ILLEGAL'].includes(code ?? ''), `${JSON.stringify(messages) ?? 'undefined'}: ${code}`)
  }
  test.equal(store.maxPhyOffset, 0)
})

t.test('4.9 refuses long topics that 5.3 has stored before', async (test) => {
  const backend = createMemoryBackend()
  const topic = 'T'.repeat(128)
  const newer = await openStore(test, '/store', { ports: { backend } })
  await newer.put(message({ topic }))
  await newer.close()
  const older = await openStore(test, '/store', { ports: { backend }, compatibility: '4.9' })
  test.equal(older.maxOffset(topic, 0), 1, 'it reads them')
  test.equal((await older.put(message({ topic }))).status, 'MESSAGE_ILLEGAL', 'but a 4.9 broker cannot read another one')
})
