import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import t from 'tap'
import type { ReplicatedLog, StoreError } from '../../lib/index'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import { systemClock } from '../../lib/storage/system-clock'
import { message, openStore } from '../store/support'
import { until } from '../replication/pair'
import { firstReadDifference } from '../replication/support'

/*
 * The story: somebody copies the transport out of docs/replication.md. It works as it stands there.
 */

const checkout = join(__dirname, '..', '..', '..')
const text = readFileSync(join(checkout, 'docs', 'replication.md'), 'utf8')

interface Transport {
  serve(log: ReplicatedLog, port: MessagePort, replica: string): void
  follow(log: ReplicatedLog, port: MessagePort, onError: (error: Error) => void): void
}

function transport(): Transport {
  const [, code] = /<!-- the transport.*-->\n```js\n([^]*?)```/.exec(text)!
  return new Function(`${code}; return { serve, follow }`)() as Transport
}

t.test('the transport of the document', async (test) => {
  const { serve, follow } = transport()
  const open = (brokerRole: 'SYNC_MASTER' | 'SLAVE') =>
    openStore(test, '/store', { brokerRole, inSyncReplicas: 2, slaveTimeout: 600_000, clock: systemClock, ports: { backend: createMemoryBackend() } })
  const [master, slave] = [await open('SYNC_MASTER'), await open('SLAVE')]
  for (let index = 0; index < 50; index++) master.append(message({ body: Buffer.alloc(200, 'x') }))
  const { port1, port2 } = new MessageChannel()
  const errors: Error[] = []
  serve(master.replication.log, port1, 'the slave')
  follow(slave.replication.log, port2, (error) => errors.push(error))
  await until(() => slave.maxPhyOffset === master.maxPhyOffset)
  const results = await Promise.all(Array.from({ length: 50 }, () => master.put(message())))
  test.ok(results.every(({ status }) => status === 'PUT_OK'))
  test.ok(slave.flushedOffset >= results.at(-1)!.offset)
  test.equal(firstReadDifference(master, slave), undefined, 'from the first message on')
  test.match(master.replication.status(), { isRunning: false, replicas: [{ replica: 'the slave', lagBytes: 0 }] })
  port2.close()
  await until(() => master.replication.status().replicas.length === 0)
  test.same(errors, [])
})

t.test('and where the logs differ it ends', async (test) => {
  const { serve, follow } = transport()
  const open = (brokerRole: 'ASYNC_MASTER' | 'SLAVE', backend = createMemoryBackend()) => openStore(test, '/store', { brokerRole, ports: { backend } })
  const backend = createMemoryBackend()
  const before = await open('ASYNC_MASTER', backend)
  before.append(message({ body: Buffer.from('mine') }))
  await before.close()
  const [master, slave] = [await open('ASYNC_MASTER'), await open('SLAVE', backend)]
  for (let index = 0; index < 3; index++) master.append(message({ body: Buffer.from('his!') }))
  const { port1, port2 } = new MessageChannel()
  const errors: StoreError[] = []
  serve(master.replication.log, port1, 'the slave')
  follow(slave.replication.log, port2, (error) => errors.push(error as StoreError))
  await until(() => errors.length > 0)
  test.equal(errors[0]!.code, 'ERR_DIVERGED')
  test.equal(slave.maxOffset('orders', 0), 1)
})

t.test('every test that the document names is there', async (test) => {
  const names = new Set([...text.matchAll(/\b(?:store|flush|read|replication)\/[a-z-]+\b/g)].map(([name]) => name))
  test.ok(names.size >= 5)
  for (const name of names) test.ok(readFileSync(join(checkout, 'test', `${name}.test.ts`), 'utf8'), name)
})
