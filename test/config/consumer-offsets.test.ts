import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { codeOf } from '../store/support'
import { SteppedClock } from '../torture/stepped-clock'
import { START, openConfig, readText, writeText } from './support'

const NAME = 'consumerOffset.json'

function fixture(version: string, name = NAME): string {
  return readFileSync(join(process.cwd(), 'test', 'fixtures', 'config', version, name), 'utf8')
}

t.test('what the engine wrote is known, and changed in place', async (t) => {
  for (const [version, compatibility] of [['4.9.7', '4.9'], ['5.3.3', '5.3']] as const) {
    const { config, files } = openConfig({ compatibility })
    writeText(files, NAME, fixture(version))
    const { consumerOffsets } = config
    t.equal(consumerOffsets.get({ topic: 'orders', queueId: 0, group: 'g1' }), 13)
    t.equal(consumerOffsets.get({ topic: 'orders', queueId: 12, group: 'g1' }), 3)
    t.equal(consumerOffsets.get({ topic: 'orders', queueId: 1, group: 'g1' }), undefined)
    t.equal(consumerOffsets.get({ topic: 'orders', queueId: 0, group: 'g2' }), undefined)
    t.same(consumerOffsets.groups('payments'), ['g3'])
    consumerOffsets.commit({ topic: 'orders', queueId: 0, group: 'g1', offset: 14 })
    await consumerOffsets.persist()
    const expected = fixture(version).replace('{0:13,', '{0:14,').replace('"counter":0', '"counter":1').replace(/"timestamp":\d+/, `"timestamp":${START}`)
    t.equal(readText(files, NAME), expected)
    t.equal(readText(files, `${NAME}.bak`), fixture(version), 'the content before is kept beside')
    t.equal(readText(files, `${NAME}.tmp`), undefined)
  }
})

t.test('a new file is as the engine writes it', async (t) => {
  const commit = ({ consumerOffsets }: ReturnType<typeof openConfig>['config']): Promise<void> => {
    consumerOffsets.commit({ topic: 'orders', queueId: 3, group: 'g1', offset: 7 })
    consumerOffsets.commit({ topic: 'orders', queueId: 0, group: 'g1', offset: 12 })
    consumerOffsets.commit({ topic: 'payments', queueId: 0, group: 'g1', offset: 1 })
    return consumerOffsets.persist()
  }
  const of49 = openConfig({ compatibility: '4.9' })
  await commit(of49.config)
  t.equal(readText(of49.files, NAME), '{\n\t"offsetTable":{\n\t\t"orders@g1":{0:12,3:7\n\t\t},\n\t\t"payments@g1":{0:1\n\t\t}\n\t}\n}')
  t.equal(readText(of49.files, `${NAME}.bak`), undefined, 'there was nothing before')
  const of53 = openConfig()
  await commit(of53.config)
  t.equal(readText(of53.files, NAME), [
    '{', '\t"dataVersion":{', '\t\t"counter":1,', '\t\t"stateVersion":0,', `\t\t"timestamp":${START}`, '\t},', '\t"groupTopicMap":{',
    '\t\t"g1":["orders","payments"]', '\t},', '\t"offsetTable":{', '\t\t"orders@g1":{0:12,3:7', '\t\t},', '\t\t"payments@g1":{0:1', '\t\t}', '\t}', '}',
  ].join('\n'))
})

t.test('changes get to the disk by themselves, and are not written again', async (t) => {
  const { config, files, clock } = openConfig()
  config.consumerOffsets.commit({ topic: 'orders', queueId: 0, group: 'g1', offset: 7 })
  clock.advance(4999)
  await turns()
  t.equal(readText(files, NAME), undefined)
  clock.advance(1)
  await turns()
  t.match(readText(files, NAME), '{0:7')
  t.notOk(config.consumerOffsets.isChanged)
  config.consumerOffsets.commit({ topic: 'orders', queueId: 0, group: 'g1', offset: 7 })
  t.notOk(config.consumerOffsets.isChanged, 'the same offset is no change')
  config.consumerOffsets.commit({ topic: 'orders', queueId: 0, group: 'g1', offset: 6 })
  clock.advance(5000)
  await turns()
  t.match(readText(files, NAME), '{0:6')
})

t.test('what cannot be written is told and tried again', async (t) => {
  const clock = new SteppedClock(START)
  const files = createMemoryBackend(clock).files
  const { sync } = files
  let fails = true
  files.sync = async (descriptor) => {
    if (fails) throw new Error('no')
    await sync.call(files, descriptor)
  }
  const { config, warnings } = openConfig({ files, clock })
  config.consumerOffsets.commit({ topic: 'orders', queueId: 0, group: 'g1', offset: 7 })
  clock.advance(5000)
  await turns()
  t.equal(warnings.length, 1)
  t.equal(readText(files, NAME), undefined)
  fails = false
  clock.advance(5000)
  await turns()
  t.match(readText(files, NAME), '{0:7')
})

t.test('the slowest group of a queue', async (t) => {
  const { consumerOffsets } = openConfig().config
  t.equal(consumerOffsets.slowestOffset('orders', 0), undefined, 'nobody reads')
  consumerOffsets.commit({ topic: 'orders', queueId: 0, group: 'fast', offset: 9 })
  consumerOffsets.commit({ topic: 'orders', queueId: 0, group: 'slow', offset: 4 })
  consumerOffsets.commit({ topic: 'orders', queueId: 1, group: 'fast', offset: 9 })
  t.same(consumerOffsets.slowest('orders', 0), { group: 'slow', offset: 4 })
  t.same(consumerOffsets.slowest('orders', 1), { group: 'slow', offset: 0 }, 'who reads the topic and has said nothing has read nothing')
  consumerOffsets.forgetGroup('slow')
  t.same(consumerOffsets.slowest('orders', 0), { group: 'fast', offset: 9 })
  consumerOffsets.forgetTopic('orders', 0)
  t.same(consumerOffsets.slowest('orders', 0), { group: 'fast', offset: 0 })
  consumerOffsets.forgetTopic('orders')
  t.equal(consumerOffsets.slowestOffset('orders', 1), undefined)
  t.same(consumerOffsets.topics, [])
})

t.test('what is forgotten is not in the file', async (t) => {
  const { config, files } = openConfig({ compatibility: '4.9' })
  writeText(files, NAME, fixture('4.9.7'))
  for (const topic of [...config.consumerOffsets.topics]) if (topic !== 'payments') config.consumerOffsets.forgetTopic(topic)
  await config.persist()
  t.equal(readText(files, NAME), '{\n\t"offsetTable":{\n\t\t"payments@g3":{100:5\n\t\t}\n\t}\n}')
})

t.test('standard JSON, and what else is in the file', async (t) => {
  const { config, files } = openConfig({ compatibility: '4.9' })
  writeText(files, NAME, '{"offsetTable":{"orders@g1":{"10":5,"9":4},"a@b@c":{"0":1},"none":7},"resetOffsetTable":{}}')
  t.equal(config.consumerOffsets.get({ topic: 'orders', queueId: 10, group: 'g1' }), 5)
  t.same(config.consumerOffsets.topics, ['orders'])
  config.consumerOffsets.commit({ topic: 'orders', queueId: 2, group: 'g1', offset: 3 })
  await config.persist()
  t.equal(readText(files, NAME), '{\n\t"offsetTable":{\n\t\t"orders@g1":{2:3,9:4,10:5\n\t\t},\n\t\t"a@b@c":{0:1\n\t\t}\n\t},\n\t"resetOffsetTable":{}\n}')
})

t.test('the file before is read where the last one is not there, empty or damaged', async (t) => {
  for (const damaged of [undefined, '', ' ', 'null', '{"offsetTable":{"orders@g1":{0:1', '\0\0\0\0']) {
    const { config, files } = openConfig({ compatibility: '4.9' })
    if (damaged !== undefined) writeText(files, NAME, damaged)
    writeText(files, `${NAME}.bak`, fixture('4.9.7'))
    t.equal(config.consumerOffsets.get({ topic: 'payments', queueId: 100, group: 'g3' }), 5, JSON.stringify(damaged))
    config.consumerOffsets.commit({ topic: 'payments', queueId: 100, group: 'g3', offset: 6 })
    await config.persist()
    t.match(readText(files, NAME), '{100:6')
    t.equal(readText(files, `${NAME}.bak`), fixture('4.9.7'), 'what was good stays')
  }
})

t.test('damage without a file before is told, and nothing is written over it', async (t) => {
  const { config, files } = openConfig()
  writeText(files, NAME, '{"offsetTable":')
  t.equal(await codeOf(() => config.consumerOffsets), 'ERR_CORRUPT')
  await config.persist()
  t.equal(readText(files, NAME), '{"offsetTable":')
})

t.test('what is refused', async (t) => {
  const { config } = openConfig()
  const place = { topic: 'orders', queueId: 0, group: 'g1', offset: 1 }
  for (const wrong of [{ topic: '' }, { topic: 'a@b' }, { group: 'a@b' }, { queueId: -1 }, { queueId: 0.5 }, { offset: -1 }, { offset: Number.NaN }]) {
    t.equal(await codeOf(() => config.consumerOffsets.commit({ ...place, ...wrong })), 'ERR_INVALID_ARGUMENT', JSON.stringify(wrong))
  }
  t.notOk(config.consumerOffsets.isChanged)
  const readOnly = openConfig({ readOnly: true })
  t.equal(await codeOf(() => readOnly.config.consumerOffsets.commit(place)), 'ERR_READ_ONLY')
  t.equal(readOnly.config.consumerOffsets.get(place), undefined)
  config.close()
  t.equal(await codeOf(() => config.consumerOffsets.commit(place)), 'ERR_STORE_CLOSED')
})

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resume) => setImmediate(resume))
}
