import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { readMarker } from '../../lib/backup/backup-marker'
import { selectBackend } from '../../lib/storage/backend'
import type { Backend, FileSystem } from '../../lib/storage/ports'
import { firstFileDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { stoppingBackend } from '../support/stopping-backend'
import { FailingBackend } from '../torture/failing-backend'
import { filesOf, withFiles } from '../store/support'
import { append, beside, contentOf, open, range, readNumbers } from './support'

/*
 * The story: the machine stops in the middle of a backup, or a call fails. Wherever that is, there is a whole backup afterwards if
 * there was one before, the store has all its messages, and the next backup finds nothing in its way.
 */

const BEFORE = 20
const COUNT = 40

// Plain runs of node take the default else.
t.setTimeout(300_000)

/** Makes a store with messages, and a backup of the first of them. */
async function makeBackup(test: Test, root: string): Promise<void> {
  const store = await open(test, join(root, 'store'))
  append(store, 0, BEFORE)
  await store.backup(join(root, 'copy'))
  append(store, BEFORE, COUNT)
  await store.close()
}

/** The whole backups at or beside the target, with the numbers of their messages. */
async function wholeBackups(test: Test, root: string): Promise<number[][]> {
  const found: number[][] = []
  for (const name of ['copy', 'copy.unfinished', 'copy.previous']) {
    const directory = join(root, name)
    if (readMarker(selectBackend('auto'), directory)?.isWhole === true) found.push(await readNumbers(test, directory))
  }
  return found
}

t.test('stopped after changes to files, ever later', async (test) => {
  for (const isFirst of [true, false]) {
    let steps = 0
    for (let isDone = false; !isDone; steps += isFirst ? 7 : 3) {
      const root = test.testdir()
      await makeBackup(test, root)
      if (isFirst) rmSync(join(root, 'copy'), { recursive: true })
      const stopping = stoppingBackend(steps)
      const store = await open(test, join(root, 'store'), { ports: { backend: stopping.backend } })
      await store.flush()
      stopping.start()
      const outcome = await store.backup(join(root, 'copy')).catch(() => undefined)
      isDone = !stopping.isStopped
      if (outcome !== undefined) test.same(await readNumbers(test, join(root, 'copy')), range(0, COUNT), `${steps}: what is reported as made is whole`)
      const whole = await wholeBackups(test, root)
      if (!isFirst) test.ok(whole.length > 0, `${steps}: there is a whole one`)
      test.ok(whole.every(({ length }) => length === BEFORE || length === COUNT), `${steps}: and those are`)
      await store.close().catch(() => undefined)

      const again = await open(test, join(root, 'store'))
      const { findings } = await again.backup(join(root, 'copy'), { verify: true })
      test.same(findings, [])
      test.same(beside(join(root, 'copy')), ['copy', 'store'], `${steps}: nothing else is left`)
      await again.close()
      test.same(await readNumbers(test, join(root, 'copy')), range(0, COUNT))
      test.same(await readNumbers(test, join(root, 'store')), range(0, COUNT))
    }
    test.ok(steps > 50, `${steps} changes were made`)
  }
})

t.test('a call fails, once, ever later', async (test) => {
  for (const errorCode of ['ENOSPC', 'EIO']) {
    for (let nth = 1, isHit = true; isHit; nth += errorCode === 'EIO' ? 5 : 11) {
      const root = test.testdir()
      await makeBackup(test, root)
      const before = contentOf(join(root, 'copy'))
      const failing = new FailingBackend(selectBackend('auto'))
      const store = await open(test, join(root, 'store'), { ports: { backend: failing } })
      await store.flush()
      failing.strike({ nth, errorCode, forEver: false })
      const outcome = await store.backup(join(root, 'copy')).catch((error: unknown) => error as { code?: string })
      isHit = failing.failing !== undefined
      const label = `${errorCode} at call ${nth}, ${failing.failing}`
      failing.heal()
      if ('code' in outcome) {
        test.match(outcome.code, /^ERR_(IO|DISK_FULL|FLUSH_FAILED|BACKUP_TARGET)$/, label)
        if (beside(join(root, 'copy')).length === 2) test.ok([BEFORE, COUNT].includes((await readNumbers(test, join(root, 'copy'))).length), label)
      } else {
        test.same(await readNumbers(test, join(root, 'copy')), range(0, COUNT), label)
      }
      const [first] = await wholeBackups(test, root)
      test.ok(first !== undefined, `${label}: a whole one is there`)
      if (first?.length === BEFORE && existsSync(join(root, 'copy'))) {
        expectNoDifference(test, firstFileDifference(before, contentOf(join(root, 'copy'))), `${label}: the one before is as it was`)
      }
      await store.close().catch(() => undefined)
      const again = await open(test, join(root, 'store'))
      await again.backup(join(root, 'copy'))
      await again.close()
      test.same(beside(join(root, 'copy')), ['copy', 'store'], `${label}: the next one clears up`)
      test.same(await readNumbers(test, join(root, 'copy')), range(0, COUNT))
    }
  }
})

/** A backend that knows which files and directories hold something that no flush has covered since. */
function rememberingBackend(): { backend: Backend; unflushed: Set<string>; onRename: (from: string) => void } {
  const real = selectBackend('auto')
  const paths = new Map<number, string>()
  const unflushed = new Set<string>()
  const at = (descriptor: number): string => paths.get(descriptor)!
  const remembering = { unflushed, onRename: (_from: string): void => undefined }
  const changes: Partial<FileSystem> = {
    open(path, mode) {
      const descriptor = real.files.open(path, mode)
      paths.set(descriptor, path)
      if (mode === 'create') unflushed.add(path).add(dirname(path))
      return descriptor
    },
    truncate(descriptor, length) {
      real.files.truncate(descriptor, length)
      unflushed.add(at(descriptor))
    },
    write(descriptor, ...rest) {
      real.files.write(descriptor, ...rest)
      unflushed.add(at(descriptor))
    },
    async copyRange(source, target, ...rest) {
      await real.files.copyRange(source, target, ...rest)
      unflushed.add(at(target))
    },
    async copyFile(from, to) {
      await real.files.copyFile(from, to)
      unflushed.add(to).add(dirname(to))
    },
    link(from, to) {
      real.files.link(from, to)
      unflushed.add(to).add(dirname(to))
    },
    makeDirectory(path) {
      real.files.makeDirectory(path)
      unflushed.add(path).add(dirname(path))
    },
    rename(from, to) {
      remembering.onRename(from)
      real.files.rename(from, to)
      unflushed.delete(from)
      unflushed.add(dirname(to))
    },
    remove(path) {
      real.files.remove(path)
      unflushed.delete(path)
    },
    async sync(descriptor) {
      await real.files.sync(descriptor)
      unflushed.delete(at(descriptor))
    },
    async syncDirectory(path) {
      await real.files.syncDirectory(path)
      unflushed.delete(path)
    },
    async syncFileSystem() {
      unflushed.clear()
    },
  }
  return Object.assign(remembering, { backend: withFiles(real, changes) })
}

t.test('all is on the disk before the copy takes its place, and its name before that is reported', async (test) => {
  for (const count of [COUNT, 700]) {
    const root = test.testdir()
    const remembering = rememberingBackend()
    const store = await open(test, join(root, 'store'), { ports: { backend: remembering.backend } })
    append(store, 0, count)
    const target = join(root, 'copy')
    let waiting: string[] | undefined
    remembering.onRename = (from) => {
      if (from === `${target}.unfinished`) waiting = [...remembering.unflushed].filter((path) => path.startsWith(root) && !path.startsWith(join(root, 'store')))
    }
    await store.backup(target)
    test.same(waiting, [], `${filesOf(target).length} files`)
    test.notOk(remembering.unflushed.has(root))
    test.ok(readdirSync(target).length > 3)
    await store.close()
  }
})
