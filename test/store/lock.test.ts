/**
 * A directory has one writer: a second open of ours is refused in the same process, in a worker and in another process, and the
 * error names who holds it. That Java's lock and ours meet is shown by the interop tests.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { MessageStore } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'

const options = { mappedFileSizeCommitLog: 65_536, maxHashSlotNum: 10, maxIndexNum: 100 }
const needsLock = selectBackend('auto').capabilities.has('lock') ? false : 'this backend has no operating-system lock'
const opener = join(__dirname, 'opener.js')

function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-lock-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

t.test('in the same process', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await MessageStore.open(directory, options)
  await t.rejects(MessageStore.open(directory, options), {
    code: 'ERR_LOCKED', details: { file: join(directory, 'lock'), holder: 'this process' },
  })
  t.equal(readFileSync(join(directory, 'lock'), 'latin1'), 'lock', 'the content is the engine’s')
  t.equal((await store.put({ topic: 'a', body: Buffer.from('still works') })).status, 'PUT_OK')
  await store.close()
  const again = await MessageStore.open(directory, options)
  t.equal(again.recovery.label, '@clean', 'the open that was refused left no mark')
  await again.close()
})

t.test('read-only takes no lock, and sees what is there', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await MessageStore.open(directory, options)
  store.append({ topic: 'a', body: Buffer.from('one') })
  const reader = await MessageStore.open(directory, { ...options, readOnly: true })
  t.equal(reader.maxOffset('a', 0), 1)
  t.throws(() => reader.append({ topic: 'a', body: Buffer.from('two') }), { code: 'ERR_READ_ONLY' })
  await reader.close()
  await store.close()
})

t.test('in a worker', { skip: needsLock }, async (t) => {
  const directory = temporaryDirectory(t)
  const store = await MessageStore.open(directory, options)
  const worker = new Worker(opener, { workerData: { directory, options } })
  const [answer] = await once(worker, 'message')
  t.match(answer, { code: 'ERR_LOCKED', holder: 'this process' })
  await worker.terminate()
  await store.close()
})

t.test('in another process, both ways; the end of the process ends the lock', { skip: needsLock }, async (t) => {
  const directory = temporaryDirectory(t)
  const store = await MessageStore.open(directory, options)
  const refused = fork(opener, [JSON.stringify({ directory, options })])
  const [answer] = await once(refused, 'message')
  t.match(answer, { code: 'ERR_LOCKED', holder: `process ${process.pid}` })
  refused.kill('SIGKILL')
  await store.close()

  const holder = fork(opener, [JSON.stringify({ directory, options })])
  const [opened] = await once(holder, 'message')
  t.match(opened, { code: 'OPEN' })
  await t.rejects(MessageStore.open(directory, options), { code: 'ERR_LOCKED', details: { holder: `process ${holder.pid}` } })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const again = await MessageStore.open(directory, options)
  t.match(again.recovery.label, /^@(crash|fresh)/)
  await again.close()
})
