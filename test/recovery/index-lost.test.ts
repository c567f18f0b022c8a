/** An index that is lost without a trace, and an open that does not come to the end of making it again. What else may be lost is shown in rows.test.ts. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MessageStore, StoreError } from '../../lib/index'
import { MANIFEST_NAME } from '../../lib/recovery/manifest'
import { selectBackend } from '../../lib/storage/backend'
import { StillClock, codeOf, openStore, withFiles } from '../store/support'

const MESSAGES = 200
const options = { mappedFileSizeCommitLog: 4096, mappedFileSizeConsumeQueue: 200, maxHashSlotNum: 16, maxIndexNum: 40 }

for (const made of [0, 3]) {
  t.test(`an index is whole although its making ended with ${made} files`, async (t) => {
    const directory = t.testdir()
    const clock = new StillClock()
    const first = await openStore(t, directory, { ...options, clock })
    for (let number = 0; number < MESSAGES; number++) {
      clock.advance(1000)
      await first.put({ topic: 'orders', body: Buffer.alloc(100), properties: { KEYS: `key-${number}` } })
    }
    await first.close()
    rmSync(join(directory, 'index'), { recursive: true })
    rmSync(join(directory, MANIFEST_NAME))

    const real = selectBackend('auto')
    let left = made
    const backend = withFiles(real, {
      open(path, mode) {
        if (mode === 'create' && path.includes('/index/') && left-- === 0) throw new StoreError('ERR_IO', 'the disk is gone')
        return real.files.open(path, mode)
      },
    })
    t.equal(await codeOf(() => MessageStore.open(directory, { ...options, clock, ports: { backend } } as object)), 'ERR_IO')

    const second = await openStore(t, directory, { ...options, clock })
    const lost = Array.from({ length: MESSAGES }, (_, number) => `key-${number}`)
      .filter((key) => second.query({ topic: 'orders', key }).messages.length !== 1)
    t.same(lost, [])
  })
}
