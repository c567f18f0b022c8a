import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Quarantine } from '../../lib/repair/quarantine'
import { StoreError } from '../../lib/errors'
import { selectBackend } from '../../lib/storage/backend'
import type { FileSystem } from '../../lib/storage/ports'

/* The story: what a repair takes out has to be somewhere else, whole and on the disk, before it is gone. */

const { files } = selectBackend('auto')

/** A directory that is a mount point: it can be emptied, not renamed. */
function withFailingRename(code: string): FileSystem {
  const rename = (from: string): void => {
    throw new StoreError('ERR_IO', `cannot rename ${from}`, {}, Object.assign(new Error(code), { code }))
  }
  return Object.create(files, { rename: { value: rename } }) as FileSystem
}

t.test('a directory on another file system goes file by file', async (t) => {
  for (const code of ['EXDEV', 'EBUSY']) {
    const root = t.testdir({ index: { one: 'first', deeper: { two: 'second' } } })
    const quarantine = new Quarantine(withFailingRename(code), root, 0)
    let wasThere: boolean | undefined
    await quarantine.move(join(root, 'index'), async () => {
      wasThere = existsSync(join(root, 'index', 'one'))
    })
    t.equal(wasThere, true, 'who has to know is told before')
    t.equal(readFileSync(join(quarantine.path, 'index', 'one'), 'utf8'), 'first')
    t.equal(readFileSync(join(quarantine.path, 'index', 'deeper', 'two'), 'utf8'), 'second')
    t.notOk(existsSync(join(root, 'index', 'one')))
  }
})

t.test('what cannot be moved stays', async (t) => {
  const root = t.testdir({ index: { one: 'first' } })
  const quarantine = new Quarantine(withFailingRename('EACCES'), root, 0)
  await t.rejects(quarantine.move(join(root, 'index'), async () => undefined), { code: 'ERR_IO' })
  t.equal(readFileSync(join(root, 'index', 'one'), 'utf8'), 'first')
})

t.test('each repair has a place of its own', async (t) => {
  const root = t.testdir({ file: 'content' })
  const first = new Quarantine(files, root, 1_700_000_000_000)
  mkdirSync(first.path, { recursive: true })
  const second = new Quarantine(files, root, 1_700_000_000_000)
  t.not(second.path, first.path)
  await second.copy(join(root, 'file'), 2, 5, second.placeOf(join(root, 'file')))
  t.equal(readFileSync(join(second.path, 'file'), 'utf8'), 'nte')
})

t.test('a file from elsewhere stays below it', (t) => {
  const root = t.testdir({ store: {} })
  const quarantine = new Quarantine(files, join(root, 'store'), 0)
  t.equal(quarantine.placeOf(join(root, 'log', 'file')), join(quarantine.path, 'log', 'file'))
  writeFileSync(join(root, 'store', 'x'), '')
  t.strictSame(readdirSync(join(root, 'store')), ['x'], 'nothing is made before it is needed')
  t.end()
})
