/**
 * The story: the machine runs out of something, or does not let the store write, or its disk cannot be read. Each of these is an
 * error that says what; the process lives; what was acknowledged can be read.
 *
 * The scenarios are in limits-child.ts, in processes and mount namespaces of their own. Where such a thing cannot be had without
 * being root, the test is skipped and says so.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { fileError } from '../../lib/storage/node-file-system'
import type { Backend, Capability } from '../../lib/storage/ports'
import { inNamespace, mountInMemory, noNamespace, succeeds } from '../support/small-volume'
import { codeOf, messageOfSize, smallFiles } from './support'

const child = join(__dirname, 'limits-child.js')
const { capabilities } = selectBackend('auto')
const isRoot = process.getuid?.() === 0

function lacks(capability: Capability): string | false {
  return capabilities.has(capability) ? false : `this backend lacks the capability ${capability}`
}

function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-limits-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Runs a scenario behind commands of the shell. `$directory` is the one it works in. */
function observe(t: Test, scenario: string, directory: string, before = ':', wrapper: readonly string[] = []): Record<string, unknown> {
  const command = [...wrapper, 'bash', '-c', `${before} && exec "$node" "$child" "$scenario" "$directory"`]
  const run = spawnSync(command[0]!, command.slice(1), {
    encoding: 'utf8', timeout: 60_000, env: { ...process.env, node: process.execPath, child, scenario, directory },
  })
  t.equal(run.signal, null, 'no crash')
  t.equal(run.status, 0, `it ends as it should: ${run.stderr}`)
  return run.status === 0 ? JSON.parse(run.stdout) as Record<string, unknown> : {}
}

/** The same on a small file system in memory. */
function observeOnSmallDisk(t: Test, scenario: string): Record<string, unknown> {
  const directory = temporaryDirectory(t)
  return observe(t, scenario, directory, mountInMemory('4M'), inNamespace)
}

t.test('a sparse segment on a full disk', { skip: noNamespace || lacks('guard') }, async (t) => {
  const seen = observeOnSmallDisk(t, 'sparse')
  t.match(seen, { failure: { code: 'ERR_FLUSH_FAILED', file: /commitlog/, offset: Number } }, 'the put that met it says where')
  t.match(seen, { later: { code: 'ERR_FLUSH_FAILED' } }, 'the store has stopped')
  t.ok(Number(seen.acknowledged) > 1000, `${seen.acknowledged} were acknowledged before`)
  t.equal(seen.found, seen.acknowledged, 'they can be read')
  t.equal(seen.foundAgain, seen.acknowledged, 'also after opening again')
})

t.test('a full disk is an error before anything is written, and writing goes on once there is room', { skip: noNamespace }, async (t) => {
  const seen = observeOnSmallDisk(t, 'full')
  t.match(seen, { failure: { code: 'ERR_DISK_FULL', reason: 'ENOSPC' }, stopped: undefined, status: 'PUT_OK' })
  t.ok(Number(seen.acknowledged) > 500)
  t.equal(seen.found, Number(seen.acknowledged) + 1)
})

t.test('too little address space for a segment', { skip: lacks('guard') }, async (t) => {
  const seen = observe(t, 'memory', temporaryDirectory(t), 'ulimit -v 2500000')
  t.match(seen, { huge: { code: /^ERR_(IO|FLUSH_FAILED)$/, file: /commitlog/ }, status: 'PUT_OK' })
})

t.test('the system gives no more maps', async (t) => {
  const real = selectBackend('auto')
  let left = 8
  const mapper: Backend['mapper'] = {
    map(descriptor, length, access) {
      if (left-- > 0) return real.mapper.map(descriptor, length, access)
      throw fileError('map', 'the file', Object.assign(new Error('ENOMEM: cannot allocate memory, mmap'), { code: 'ENOMEM' }))
    },
  }
  const backend = { name: real.name, capabilities: real.capabilities, files: real.files, crc32: real.crc32.bind(real), mapper }
  const directory = temporaryDirectory(t)
  const options = { ...smallFiles, flushDiskType: 'SYNC_FLUSH' } satisfies OpenOptions
  const store = await MessageStore.open(directory, { ...options, ports: { backend } } as OpenOptions)
  let acknowledged = 0
  let code: string | undefined
  while (code === undefined && acknowledged < 1000) {
    code = await codeOf(() => store.put(messageOfSize(1024)))
    if (code === undefined) acknowledged++
  }
  t.equal(code, 'ERR_FLUSH_FAILED')
  t.match(store.failure, { details: { reason: /ENOMEM/ } })
  t.equal(store.get({ topic: 'orders', queueId: 0, offset: 0 }).status, 'FOUND', 'reading goes on')
  await store.close()
  const again = await MessageStore.open(directory, options)
  t.ok(acknowledged > 0 && again.maxOffset('orders', 0) >= acknowledged, `${acknowledged} were acknowledged`)
  await again.close()
})

t.test('too few descriptors', async (t) => {
  const seen = observe(t, 'descriptors', temporaryDirectory(t), 'ulimit -n 64')
  t.match(seen, { failure: { code: /^ERR_/, file: /commitlog/ } })
  t.ok(Number(seen.acknowledged) > 20)
})

t.test('a directory that belongs to somebody else', { skip: isRoot ? false : 'needs root, to make one' }, async (t) => {
  const directory = temporaryDirectory(t)
  observe(t, 'make', directory)
  chmodSync(directory, 0o755)
  // Only once it has loaded: the checkout need not be open to anybody else.
  const seen = observe(t, 'unwritable', directory, 'export becomes=65534')
  t.match(seen, { write: { code: 'ERR_IO', reason: 'EACCES', file: join(directory, 'store', 'lock') }, found: 3 })
})

t.test('a file system that is mounted read-only', { skip: noNamespace }, async (t) => {
  const directory = temporaryDirectory(t)
  observe(t, 'make', directory)
  const remount = 'mount --bind "$directory" "$directory" && mount -o remount,ro,bind "$directory"'
  const seen = observe(t, 'unwritable', directory, remount, inNamespace)
  t.match(seen, { write: { code: 'ERR_IO', reason: 'EROFS', file: join(directory, 'store', 'lock') }, found: 3 })
})

/** What keeps the test below from running, if anything does. */
function noLoopDevice(): string | false {
  if (!isRoot) return 'loop devices need root'
  return ['losetup', 'mkfs.ext4', 'filefrag'].every((tool) => succeeds('which', tool)) ? false : 'needs losetup, mkfs.ext4 and filefrag'
}

t.test('sectors that cannot be read', { skip: noLoopDevice() || lacks('guard') }, async (t) => {
  const root = temporaryDirectory(t)
  const image = join(root, 'image')
  const directory = join(root, 'disk')
  mkdirSync(directory)
  execFileSync('truncate', ['-s', '32M', image])
  execFileSync('mkfs.ext4', ['-qF', '-b', '4096', image])
  execFileSync('mount', ['-o', 'loop', image, directory])
  let isMounted = true
  const unmount = (): void => {
    if (isMounted) execFileSync('umount', [directory])
    isMounted = false
  }
  t.teardown(unmount)
  observe(t, 'fill', directory)
  const extents = execFileSync('filefrag', ['-b4096', '-v', join(directory, 'store', 'commitlog', '0'.repeat(20))], { encoding: 'utf8' })
  const [, logical, physical] = /^\s*0:\s*(\d+)\.\.\s*\d+:\s*(\d+)\.\./m.exec(extents)!.map(Number)
  t.equal(logical, 0)
  unmount()
  execFileSync('mount', ['-o', 'loop,ro,noload', image, directory])
  isMounted = true
  // The device has no sectors any more from the tenth page of the log on.
  truncateSync(image, (physical! + 10) * 4096)
  execFileSync('bash', ['-c', 'echo 3 > /proc/sys/vm/drop_caches || true'])
  const seen = observe(t, 'sectors', directory)
  t.match(seen, { good: true, bad: 0, after: 10 * 4096, read: { code: 'ERR_IO', reason: 'EIO', offset: 10 * 4096 } })
  t.equal(seen.before, undefined)
  t.match(seen, { opened: { code: 'ERR_IO' } }, 'nothing behind it can be read: the open does not take that for the end of the log')
})
