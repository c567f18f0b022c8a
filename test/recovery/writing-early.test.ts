/**
 * While an open still reads the log, entries go to the files of queues already. The story: whenever the machine stops in the
 * middle of that, the next open finds every message, whatever was lost before and can no longer be seen; and no backup changes.
 * That no queue is on the disk before its log is shown in power-loss.test.ts.
 */
import { cpSync, linkSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore, StoreError, type OpenOptions } from '../../lib/index'
import { MANIFEST_NAME } from '../../lib/recovery/manifest'
import { selectBackend } from '../../lib/storage/backend'
import type { Backend } from '../../lib/storage/ports'
import { StillClock, codeOf, markUnclean, withFiles } from '../store/support'
import { stoppingBackend } from '../support/stopping-backend'
import { appendMessages, makeStore, range, readNumbers, small, temporaryDirectory } from './support'

// Also where it runs by itself to notice a planted bug: to run out of time is not to notice it.
t.setTimeout(300_000)

/** Each of the four queues has several files, and more entries than are kept in memory. */
const COUNT = 300

/** One message a second, so that the checkpoint vouches for all segments but the last; the first one is alone in its queue. */
async function makeStoreOverTime(t: Test): Promise<string> {
  const directory = temporaryDirectory(t)
  const clock = new StillClock()
  const store = await MessageStore.open(directory, { ...small, clock })
  store.append({ topic: 'old', body: Buffer.from('message -1') })
  for (let number = 0; number < COUNT; number++) {
    clock.advance(1000)
    appendMessages(store, number, number + 1)
  }
  await store.close()
  return directory
}

const queue = (directory: string, ...path: string[]): string => join(directory, 'consumequeue', 'orders', '0', ...path)

const losses: Record<string, (directory: string) => void> = {
  'nothing, but the checkpoint': (directory) => {
    markUnclean(directory)
    rmSync(join(directory, 'checkpoint'))
  },
  'the first file of a queue': (directory) => rmSync(queue(directory, '00000000000000000000')),
  'the first file of a queue, and the list of them': (directory) => {
    rmSync(queue(directory, '00000000000000000000'))
    rmSync(join(directory, MANIFEST_NAME))
  },
  'a queue': (directory) => rmSync(queue(directory), { recursive: true }),
  'all queues': (directory) => rmSync(join(directory, 'consumequeue'), { recursive: true }),
  'all queues, and the list of them': (directory) => {
    rmSync(join(directory, 'consumequeue'), { recursive: true })
    rmSync(join(directory, MANIFEST_NAME))
  },
  'the index, and the list of its files': (directory) => {
    rmSync(join(directory, 'index'), { recursive: true })
    rmSync(join(directory, MANIFEST_NAME))
  },
}

for (const [what, lose] of Object.entries(losses)) {
  t.test(`lost: ${what}; and the open that makes it again is stopped at each of its changes`, async (t) => {
    const whole = await makeStoreOverTime(t)
    lose(whole)
    const directory = `${whole}-stopped`
    let stops = 0
    for (let steps = 0; ; steps++) {
      cpSync(whole, directory, { recursive: true })
      const { backend, start } = stoppingBackend(steps)
      start()
      const ports: { backend: Backend } = { backend }
      const isOpen = await MessageStore.open(directory, { ...small, ports } as OpenOptions).then((store) => store.close()).then(() => true, () => false)
      if (isOpen) break
      stops++
      const store = await MessageStore.open(directory, small)
      const numbers = await readNumbers(store)
      await store.close()
      rmSync(directory, { recursive: true })
      if (numbers.length === COUNT + 1) continue
      t.same(numbers, range(-1, COUNT), `stopped after ${steps} changes`)
      break
    }
    t.ok(stops > 30, `every message was there after ${stops} stops`)
  })
}

t.test('a queue of which a backup has the same files goes on, and the backup does not', async (t) => {
  const directory = await makeStore(t, 100)
  const backup = `${directory}-queue`
  cpSync(queue(directory), backup, { recursive: true })
  const store = await MessageStore.open(directory, small)
  appendMessages(store, 100, COUNT)
  await store.close()
  // The queue is put back from its backup, which has a quarter of the first hundred.
  rmSync(queue(directory), { recursive: true })
  mkdirSync(queue(directory))
  const names = readdirSync(backup)
  for (const name of names) linkSync(join(backup, name), queue(directory, name))
  const contentOf = (): string[] => names.map((name) => readFileSync(join(backup, name)).toString('hex'))
  const before = contentOf()
  const again = await MessageStore.open(directory, small)
  t.equal(again.recovery.label, '@clean-queue-damaged')
  t.same(await readNumbers(again), range(0, COUNT))
  await again.close()
  t.same(contentOf(), before)
})

t.test('what is written meanwhile is flushed meanwhile, and a flush that fails ends the open', async (t) => {
  const directory = temporaryDirectory(t)
  const first = await MessageStore.open(directory, { flushDiskType: 'ASYNC_FLUSH', messageIndexEnable: false, mappedFileSizeCommitLog: 128 << 20 })
  const count = 300_000
  for (let number = 0; number < count; number++) first.append({ topic: 'orders', body: Buffer.alloc(100) })
  await first.close()
  markUnclean(directory)
  rmSync(join(directory, 'checkpoint'))

  const real = selectBackend('auto')
  const queueFiles = new Set<number>()
  const events: string[] = []
  let fails = true
  const backend = withFiles(real, {
    open(path, mode) {
      const descriptor = real.files.open(path, mode)
      if (path.startsWith(queue(directory))) queueFiles.add(descriptor)
      else queueFiles.delete(descriptor)
      return descriptor
    },
    async sync(descriptor) {
      if (!queueFiles.has(descriptor)) return real.files.sync(descriptor)
      events.push('queue flushed')
      if (!fails) return real.files.sync(descriptor)
      fails = false
      throw new StoreError('ERR_IO', 'the disk is gone')
    },
  })
  const recovery = { onProgress: ({ phase }: { phase: string }): unknown => phase === 'log' && events.push('log read') }
  const open = (): Promise<MessageStore> => MessageStore.open(directory, { recovery, ports: { backend } } as object)
  t.equal(await codeOf(open), 'ERR_IO')
  t.notOk(fails)
  events.length = 0
  const store = await open()
  t.equal(store.maxOffset('orders', 0), count)
  t.ok(events.indexOf('queue flushed') < events.lastIndexOf('log read'), events.join(', '))
  await store.close()
})
