import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MessageStore } from '../../lib/index'
import { spawnCommand } from './command'
import { fillStore, makeStore, smallFiles } from './store-of-messages'

/* The story: somebody watches a topic while another process writes to it, and later crashes and recovers. */

function put(store: MessageStore, from: number, to: number): void {
  for (let number = from; number < to; number++) {
    store.append({ topic: 'orders', queueId: number % 2, body: Buffer.from(`${number} `.repeat(50)), properties: { TAGS: 'a' } })
    store.append({ topic: 'others', body: Buffer.from(`${number}`) })
  }
}

t.test('messages of another process, over many segments', async (t) => {
  const directory = join(t.testdir(), 'store')
  const { store } = await fillStore(directory, 50)
  const all = spawnCommand(['tail', directory, 'orders'])
  const one = spawnCommand(['tail', directory, 'orders', '1'])
  await Promise.all([all.stderr.waitFor(/following orders/), one.stderr.waitFor(/following orders/)])
  put(store, 0, 300)
  await all.stdout.waitFor(/"queueOffset":162/)
  put(store, 300, 400)
  await Promise.all([all.stdout.waitFor(/"queueId":1,"queueOffset":211/), one.stdout.waitFor(/"queueOffset":211/)])
  for (const { child } of [all, one]) child.kill('SIGINT')
  const [allEnded, oneEnded] = await Promise.all([all.ended, one.ended])
  t.equal(allEnded.exitCode, 0)
  t.strictSame(allEnded.lines.map(({ bodyBase64 }) => parseInt(Buffer.from(bodyBase64, 'base64').toString())), Array.from({ length: 400 }, (_, number) => number))
  t.strictSame(oneEnded.lines, allEnded.lines.filter(({ queueId }) => queueId === 1))
  t.equal(allEnded.lines[0].tagsCode, '97')
  await store.close()
})

t.test('a store that has no message yet', async (t) => {
  const directory = join(t.testdir(), 'store')
  const store = await MessageStore.open(directory, smallFiles)
  const { child, ended, stdout, stderr } = spawnCommand(['tail', directory, 'orders'])
  await stderr.waitFor(/following orders/)
  put(store, 0, 1)
  await stdout.waitFor(/\n/)
  child.kill('SIGTERM')
  t.match(await ended, { exitCode: 0, lines: [{ queueOffset: 0 }] })
  await store.close()
})

t.test('the last messages of each queue, then those to come', async (t) => {
  const directory = join(t.testdir(), 'store')
  const { store } = await fillStore(directory, 50)
  const { child, ended, stdout, stderr } = spawnCommand(['tail', directory, 'orders', '--last', '3', '--no-body'])
  await stderr.waitFor(/following orders/)
  put(store, 0, 2)
  await stdout.waitFor(/"queueId":1,"queueOffset":12,/)
  child.kill('SIGINT')
  const { exitCode, lines } = await ended
  t.equal(exitCode, 0)
  const of = (queueId: number): number[] => lines.filter((line) => line.queueId === queueId).map(({ queueOffset }) => queueOffset)
  t.strictSame([of(0), of(1)], [[10, 11, 12, 13], [9, 10, 11, 12]])
  const offsets = lines.map(({ commitLogOffset }) => commitLogOffset)
  t.strictSame(offsets, [...offsets].sort((left, right) => left - right), 'in the order of the log')
  for (const line of lines) t.ok(line.bodyLength > 0 && !('bodyBase64' in line))
  await store.close()
})

t.test('a log that is cut under the reader', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, 50)
  const first = await MessageStore.open(directory, smallFiles)
  const { child, ended, stdout, stderr } = spawnCommand(['tail', directory, 'orders'])
  await stderr.waitFor(/following orders/)
  put(first, 0, 10)
  await stdout.waitFor(/"queueId":1,"queueOffset":16/)
  await first.close()
  // A new store in the same place is the deepest cut.
  rmSync(directory, { recursive: true })
  await makeStore(directory, 20)
  await stderr.waitFor(/the log was cut before offset[^]*following orders from offset/)
  const second = await MessageStore.open(directory, smallFiles)
  put(second, 500, 501)
  await stdout.waitFor(/"queueId":0,"queueOffset":5,/)
  child.kill('SIGINT')
  t.equal((await ended).exitCode, 0)
  await second.close()
})
