import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codeOf } from '../store/support'
import { START, openConfig, readText, writeText } from './support'

function fixture(version: string, name: string): string {
  return readFileSync(join(process.cwd(), 'test', 'fixtures', 'config', version, name), 'utf8')
}

for (const [version, compatibility] of [['4.9.7', '4.9'], ['5.3.3', '5.3']] as const) {
  t.test(`the topics and groups of ${version}`, async (t) => {
    const { config, files } = openConfig({ compatibility })
    for (const name of ['topics.json', 'subscriptionGroup.json', 'delayOffset.json']) writeText(files, name, fixture(version, name))
    const { topics, groups } = config
    t.match(topics.get('payments'), { topicName: 'payments', order: true, topicSysFlag: 3, topicFilterType: 'MULTI_TAG', readQueueNums: 16, perm: 6 })
    t.ok(topics.names.includes('SCHEDULE_TOPIC_XXXX'))
    t.equal(topics.get('unheard of'), undefined)
    t.match(groups.get('TOOLS_CONSUMER'), { groupName: 'TOOLS_CONSUMER', consumeEnable: true, retryMaxTimes: 16 })
    topics.set('payments', { readQueueNums: 4 })
    t.equal(topics.delete('orders'), true)
    t.equal(topics.delete('orders'), false)
    await config.persist()
    const text = fixture(version, 'topics.json')
    const orders = new RegExp(`\\t\\t"orders":\\{[^]*?\\n\\t\\t\\},\\n`)
    const expected = text.replace(orders, '').replace(/"counter":2/, '"counter":3').replace(/"timestamp":\d+/, `"timestamp":${START}`)
      .replace(/("payments":\{[^]*?"readQueueNums":)16/, '$14')
    t.not(expected, text)
    t.equal(readText(files, 'topics.json'), expected)
    t.equal(readText(files, 'subscriptionGroup.json'), fixture(version, 'subscriptionGroup.json'), 'what is not changed is not written')
  })

  t.test(`a topic and a group that are made have the settings that ${version} gives them`, async (t) => {
    const { config, files } = openConfig({ compatibility })
    config.topics.set('orders', { readQueueNums: 4, writeQueueNums: 4, ...(compatibility === '5.3' && { attributes: { 'message.type': 'FIFO' } }) })
    config.groups.set('TOOLS_CONSUMER', {})
    await config.persist()
    const entry = (text: string, name: string): string => new RegExp(`\\t\\t"${name}":\\{[^]*?\\n\\t\\t\\}`).exec(text)![0]
    t.equal(entry(readText(files, 'topics.json')!, 'orders'), entry(fixture(version, 'topics.json'), 'orders'))
    t.equal(entry(readText(files, 'subscriptionGroup.json')!, 'TOOLS_CONSUMER'), entry(fixture(version, 'subscriptionGroup.json'), 'TOOLS_CONSUMER'))
    t.equal(readText(files, 'consumerOffset.json'), undefined, 'what nobody has asked for is not made')
  })

  t.test(`how far ${version} has delivered delayed messages`, async (t) => {
    const { config, files } = openConfig({ compatibility })
    writeText(files, 'delayOffset.json', fixture(version, 'delayOffset.json'))
    config.delayOffsets.set(3, 8)
    t.equal(config.delayOffsets.get(3), 8)
    t.equal(config.delayOffsets.get(2), undefined)
    config.delayOffsets.set(1, 100)
    await config.persist()
    const table = compatibility === '4.9' ? '{1:100,3:8\n\t}' : '{1:100,3:8,18:7\n\t}'
    t.equal(readText(files, 'delayOffset.json')!.split('"offsetTable":')[1], `${table}\n}`)
    t.equal(await codeOf(() => config.delayOffsets.set(1.5, 1)), 'ERR_INVALID_ARGUMENT')
  })
}

t.test('members that are not known stay', async (t) => {
  const { config, files } = openConfig({ compatibility: '4.9' })
  writeText(files, 'topics.json', '{"topicConfigTable":{"orders":{"topicName":"orders","fancy":9007199254740993,"perm":6}},"unknown":[1,{"a":1}]}')
  config.topics.set('orders', { perm: 4 })
  await config.persist()
  t.equal(readText(files, 'topics.json'), [
    '{', '\t"dataVersion":{', '\t\t"counter":1,', `\t\t"timestamp":${START}`, '\t},', '\t"topicConfigTable":{', '\t\t"orders":{',
    '\t\t\t"fancy":9007199254740993,', '\t\t\t"perm":4,', '\t\t\t"topicName":"orders"', '\t\t}', '\t},', '\t"unknown":[1,{', '\t\t"a":1', '\t}]', '}',
  ].join('\n'))
})
