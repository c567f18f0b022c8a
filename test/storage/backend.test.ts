import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { PerformanceObserver, constants, type PerformanceEntry } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import * as zlib from 'node:zlib'
import t, { type Test } from 'tap'
import { isStoreError } from '../../lib/errors'
import { type BackendName, selectBackend } from '../../lib/storage/backend'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Backend, Capability } from '../../lib/storage/ports'

const backendModule = require.resolve('../../lib/storage/backend')

interface Bench {
  backend: Backend
  /** An empty directory that the backend can write to. */
  directory: string
}

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'mqstore-backend-')))
t.teardown(() => fs.rmSync(root, { recursive: true, force: true }))

type Scenario = (t: Test, bench: Bench) => void | Promise<void>

const scenarios: { name: string; needs: Capability[]; onDisk: boolean; run: Scenario }[] = []

/** Runs on every backend that has what it needs. */
function scenario(name: string, needs: Capability[], run: Scenario): void {
  scenarios.push({ name, needs, onDisk: false, run })
}

/** As {@link scenario}, for what only real files show. */
function scenarioOnDisk(name: string, needs: Capability[], run: Scenario): void {
  scenarios.push({ name, needs, onDisk: true, run })
}

function createFile({ backend, directory }: Bench, name: string, length: number): { file: string; descriptor: number } {
  const file = path.join(directory, name)
  const descriptor = backend.files.open(file, 'create')
  backend.files.truncate(descriptor, length)
  return { file, descriptor }
}

function readText({ backend }: Bench, descriptor: number, position: number, length: number): string {
  const target = Buffer.alloc(length)
  return target.toString('latin1', 0, backend.files.read(descriptor, target, 0, length, position))
}

/** The operating system's view of this process: does it have the file mapped? */
function isMapped(file: string): boolean {
  return fs.readFileSync('/proc/self/maps', 'utf8').includes(file)
}

function isStoreErrorOn(code: string, file: string) {
  return (error: unknown) => isStoreError(error) && error.code === code && error.details.file === file
}

function throwsStoreError(t: Test, call: () => unknown, code: string, file: string): void {
  try {
    call()
    t.fail(`expected ${code}`)
  } catch (error) {
    t.ok(isStoreErrorOn(code, file)(error), `${code} that names the file: ${error}`)
  }
}

async function rejectsWithStoreError(t: Test, promise: Promise<unknown>, code: string, file: string): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  )
  t.ok(isStoreErrorOn(code, file)(error), `${code} that names the file: ${error}`)
}

// --- maps

scenario('what is stored in a map is read from the file, and the other way round', [], async (t, bench) => {
  const { files, mapper } = bench.backend
  const { descriptor } = createFile(bench, 'log', 64 * 1024)
  const mapping = mapper.map(descriptor, 64 * 1024, 'write')
  t.equal(mapping.bytes.length, 64 * 1024)
  t.equal(mapping.view.byteLength, 64 * 1024)
  mapping.bytes.write('hello', 5000, 'latin1')
  mapping.view.setInt32(40_000, 0x41424344)
  await mapping.flush(5000, 5005)
  await mapping.flush(40_000, 40_004)
  await mapping.flush(0, 64 * 1024)
  await mapping.flush(9, 9)
  t.equal(readText(bench, descriptor, 5000, 5), 'hello')
  t.equal(readText(bench, descriptor, 40_000, 4), 'ABCD')
  files.write(descriptor, Buffer.from('..there'), 2, 5, 8000)
  t.equal(mapping.bytes.toString('latin1', 8000, 8005), 'there')
  mapping.unmap()
  files.close(descriptor)
})

scenario('a map outlives its descriptor and flushes without it', [], async (t, bench) => {
  const { files, mapper } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 4096)
  const mapping = mapper.map(descriptor, 4096, 'write')
  files.close(descriptor)
  mapping.bytes.write('still here', 100, 'latin1')
  await mapping.flush(100, 110)
  mapping.unmap()
  const again = files.open(file, 'read')
  t.equal(readText(bench, again, 100, 10), 'still here')
  files.close(again)
})

scenario('a file renamed while it is open can be mapped', [], async (t, bench) => {
  const { files, mapper } = bench.backend
  const { file, descriptor } = createFile(bench, 'log.new', 4096)
  files.rename(file, path.join(bench.directory, 'log'))
  const mapping = mapper.map(descriptor, 4096, 'write')
  mapping.bytes.write('renamed', 0, 'latin1')
  await mapping.flush(0, 7)
  t.equal(readText(bench, descriptor, 0, 7), 'renamed')
  mapping.unmap()
  files.close(descriptor)
})

scenario('a map for reading follows writes to the file', [], (t, bench) => {
  const { files, mapper } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 8192)
  const reader = files.open(file, 'read')
  const mapping = mapper.map(reader, 8192, 'read')
  files.write(descriptor, Buffer.from('news'), 0, 4, 4094)
  t.equal(mapping.bytes.toString('latin1', 4094, 4098), 'news')
  mapping.unmap()
  files.close(reader)
  files.close(descriptor)
})

scenario('two maps of a file share it, and one ends without the other', [], (t, bench) => {
  const { files, mapper } = bench.backend
  const { descriptor } = createFile(bench, 'log', 4096)
  const first = mapper.map(descriptor, 4096, 'write')
  const second = mapper.map(descriptor, 4096, 'write')
  first.bytes.write('shared', 0, 'latin1')
  first.unmap()
  t.equal(first.bytes.length, 0)
  t.equal(second.bytes.toString('latin1', 0, 6), 'shared')
  second.unmap()
  t.equal(readText(bench, descriptor, 0, 6), 'shared')
  files.close(descriptor)
})

scenario('what a map no longer shows comes again when it is touched, stores that nobody flushed included', [], (t, bench) => {
  const { files, mapper } = bench.backend
  const { descriptor } = createFile(bench, 'log', 64 * 1024)
  files.write(descriptor, Buffer.from('written'), 0, 7, 20_000)
  const mapping = mapper.map(descriptor, 64 * 1024, 'write')
  mapping.bytes.write('stored', 5000, 'latin1')
  mapping.unload?.(4096, 64 * 1024)
  files.dropCache(descriptor, 4096, 64 * 1024)
  t.equal(mapping.bytes.toString('latin1', 5000, 5006), 'stored')
  t.equal(mapping.bytes.toString('latin1', 20_000, 20_007), 'written')
  t.equal(readText(bench, descriptor, 5000, 6), 'stored')
  mapping.unmap()
  files.close(descriptor)
})

scenario('after unmap there is nothing left to touch', [], async (t, bench) => {
  const { files, mapper } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 4096)
  const mapping = mapper.map(descriptor, 4096, 'write')
  mapping.unmap()
  t.equal(mapping.bytes.length, 0)
  mapping.unmap()
  await rejectsWithStoreError(t, mapping.flush(0, 10), 'ERR_IO', file)
  files.close(descriptor)
})

scenario('views kept from before unmap are empty', ['unmap'], (t, bench) => {
  const { files, mapper } = bench.backend
  const { descriptor } = createFile(bench, 'log', 4096)
  const mapping = mapper.map(descriptor, 4096, 'write')
  const kept = mapping.bytes
  const slice = kept.subarray(10, 20)
  const { view } = mapping
  mapping.unmap()
  t.equal(kept.length, 0)
  t.equal(slice.length, 0)
  t.throws(() => view.getInt8(0), TypeError)
  files.close(descriptor)
})

scenarioOnDisk('unmap gives the address space back at once', ['unmap'], (t, bench) => {
  const { files, mapper } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 1024 * 1024)
  const mapping = mapper.map(descriptor, 1024 * 1024, 'write')
  t.equal(isMapped(file), true)
  mapping.unmap()
  t.equal(isMapped(file), false)
  files.close(descriptor)
})

scenario('unmapping while flushes and populates are under way lets them finish', [], async (t, bench) => {
  const { files, mapper } = bench.backend
  const length = 8 * 1024 * 1024
  const { descriptor } = createFile(bench, 'log', length)
  for (let round = 0; round < 20; round++) {
    const mapping = mapper.map(descriptor, length, 'write')
    mapping.bytes.fill(round)
    const flushes = [mapping.flush(0, length), mapping.flush(0, 4096), mapping.flush(length - 1, length)]
    for (let from = 0; from < length; from += length / 8) mapping.populate(from, from + length / 8, round % 2 === 0)
    mapping.unmap()
    t.equal(mapping.bytes.length, 0)
    await Promise.all(flushes)
  }
  t.equal(readText(bench, descriptor, length - 1, 1), '\x13')
  files.close(descriptor)
})

/** Collects garbage until the file is no longer mapped, or long enough to say that it stays. */
async function collectMapOf(file: string): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  for (let round = 0; round < 100 && isMapped(file); round++) {
    collectGarbage()
    await nextTurn()
  }
}

scenarioOnDisk('a map that nobody unmaps goes with the garbage', ['unmap'], async (t, bench) => {
  const { files, mapper } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 1024 * 1024)
  await mapper.map(descriptor, 1024 * 1024, 'write').flush(0, 4096)
  await collectMapOf(file)
  t.equal(isMapped(file), false)
  files.close(descriptor)
})

scenarioOnDisk('memory that was transferred out of a map stays until it is collected', ['unmap'], async (t, bench) => {
  const transfer: unknown = Reflect.get(ArrayBuffer.prototype, 'transfer')
  if (typeof transfer !== 'function') {
    await t.skip('ArrayBuffer.prototype.transfer came with Node 21', async () => {})
    return
  }
  const { files, mapper } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 4096)
  const mapping = mapper.map(descriptor, 4096, 'write')
  const useElsewhere = () => {
    const bytes = Buffer.from(transfer.call(mapping.bytes.buffer) as ArrayBuffer)
    mapping.unmap()
    bytes.write('elsewhere', 0, 'latin1')
  }
  useElsewhere()
  t.equal(readText(bench, descriptor, 0, 9), 'elsewhere')
  await collectMapOf(file)
  t.equal(isMapped(file), false)
  await rejectsWithStoreError(t, mapping.flush(0, 10), 'ERR_IO', file)
  files.close(descriptor)
})

scenarioOnDisk('maps are no memory for which everything stops until all garbage is collected', ['guard'], async (t, bench) => {
  const length = 512 << 20
  const { descriptor } = createFile(bench, 'large', length)
  let collections = 0
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as (PerformanceEntry & { detail: { flags: number } })[]) {
      if ((detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_ALL_AVAILABLE_GARBAGE) !== 0) collections++
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  const mappings = Array.from({ length: 24 }, () => bench.backend.mapper.map(descriptor, length, 'read'))
  for (const mapping of mappings) mapping.unmap()
  // It is told of collections in a later turn.
  for (let turn = 0; turn < 5; turn++) await nextTurn()
  observer.disconnect()
  t.equal(collections, 0)
  bench.backend.files.close(descriptor)
})

scenarioOnDisk('a range outside of the map is refused', ['range-flush'], async (t, bench) => {
  const { files, mapper } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 4096)
  const mapping = mapper.map(descriptor, 4096, 'write')
  await rejectsWithStoreError(t, mapping.flush(0, 4097), 'ERR_IO', file)
  await rejectsWithStoreError(t, mapping.flush(-1, 10), 'ERR_IO', file)
  await rejectsWithStoreError(t, mapping.flush(20, 10), 'ERR_IO', file)
  throwsStoreError(t, () => mapping.populate(0, 4097, false), 'ERR_IO', file)
  mapping.unmap()
  files.close(descriptor)
})

scenarioOnDisk('populate brings in the pages', ['populate'], async (t, bench) => {
  const { files, mapper } = bench.backend
  const length = 4 * 1024 * 1024
  for (const inSinglePages of [false, true]) {
    const { file, descriptor } = createFile(bench, `log-${inSinglePages}`, length)
    const mapping = mapper.map(descriptor, length, 'write')
    const residentKilobytes = () => {
      const all = fs.readFileSync('/proc/self/smaps', 'utf8')
      return Number(/^Rss:\s+(\d+)/m.exec(all.slice(all.indexOf(file)))?.[1])
    }
    t.equal(residentKilobytes(), 0)
    mapping.populate(0, length, inSinglePages)
    const deadline = Date.now() + 10_000
    while (residentKilobytes() < length / 1024 && Date.now() < deadline) await nextTurn()
    t.equal(residentKilobytes(), length / 1024)
    mapping.unmap()
    files.close(descriptor)
  }
})

scenario('mapping nothing is an error that names the file', [], (t, bench) => {
  const { files, mapper } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 0)
  throwsStoreError(t, () => mapper.map(descriptor, 0, 'write'), 'ERR_IO', file)
  files.close(descriptor)
})

// --- room

scenario('reserve makes a file as long as asked and keeps what it holds', [], async (t, bench) => {
  const { files } = bench.backend
  const { descriptor } = createFile(bench, 'log', 0)
  files.reserve(descriptor, 0)
  files.write(descriptor, Buffer.from('kept'), 0, 4, 0)
  files.reserve(descriptor, 100_000)
  t.equal(files.statusOf(descriptor).size, 100_000)
  await files.reserveAsync(descriptor, 3_000_001)
  t.equal(files.statusOf(descriptor).size, 3_000_001)
  files.reserve(descriptor, 10)
  t.equal(files.statusOf(descriptor).size, 3_000_001, 'never shrinks')
  t.equal(readText(bench, descriptor, 0, 5), 'kept\0')
  t.equal(readText(bench, descriptor, 2_999_999, 10), '\0\0')
  files.close(descriptor)
})

scenarioOnDisk('reserve fills the holes of a sparse file', [], async (t, bench) => {
  const { files } = bench.backend
  const length = 5 * 1024 * 1024
  const reservations = [
    { name: 'sync', reserve: (descriptor: number) => files.reserve(descriptor, length) },
    { name: 'async', reserve: (descriptor: number) => files.reserveAsync(descriptor, length) },
  ]
  for (const { name, reserve } of reservations) {
    const { file, descriptor } = createFile(bench, name, length)
    files.write(descriptor, Buffer.from('in the middle'), 0, 13, 3_000_000)
    t.ok(fs.statSync(file).blocks * 512 < length, 'sparse before')
    await reserve(descriptor)
    t.ok(fs.statSync(file).blocks * 512 >= length, 'blocks after')
    t.equal(readText(bench, descriptor, 3_000_000, 14), 'in the middle\0')
    files.close(descriptor)
  }
})

scenarioOnDisk('a full disk is ERR_DISK_FULL', [], async (t, bench) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    await t.skip('only root can mount a small file system', async () => {})
    return
  }
  const small = path.join(bench.directory, 'small')
  fs.mkdirSync(small)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4M', 'tmpfs', small], { stdio: 'pipe' })
  } catch (error) {
    await t.skip(`cannot mount a small file system: ${(error as Error).message}`, async () => {})
    return
  }
  try {
    const { files } = bench.backend
    const { file, descriptor } = createFile({ ...bench, directory: small }, 'log', 0)
    files.reserve(descriptor, 1024 * 1024)
    throwsStoreError(t, () => files.reserve(descriptor, 8 * 1024 * 1024), 'ERR_DISK_FULL', file)
    await rejectsWithStoreError(t, files.reserveAsync(descriptor, 8 * 1024 * 1024), 'ERR_DISK_FULL', file)
    files.truncate(descriptor, 0)
    const tooMuch = Buffer.alloc(5 * 1024 * 1024, 1)
    throwsStoreError(t, () => files.write(descriptor, tooMuch, 0, tooMuch.length, 0), 'ERR_DISK_FULL', file)
    files.truncate(descriptor, 0)
    files.write(descriptor, tooMuch, 0, 1024 * 1024, 0)
    files.close(descriptor)
  } finally {
    execFileSync('umount', [small])
  }
})

// --- the lock

scenario('the lock excludes a second open until it is closed', [], (t, bench) => {
  const { files } = bench.backend
  const { file, descriptor } = createFile(bench, 'lock', 0)
  const second = files.open(file, 'write')
  t.equal(files.tryLock(descriptor, file), undefined)
  t.equal(files.tryLock(second, file), 'this process')
  files.close(files.open(file, 'write'))
  t.equal(files.tryLock(second, file), 'this process', 'closing another descriptor releases nothing')
  files.close(descriptor)
  t.equal(files.tryLock(second, file), undefined)
  files.close(second)
})

/** Tries to take the lock elsewhere and says how that went; then waits to be ended. */
const lockerSource = `
  const [backendModule, backendName, file] = process.argv.slice(-3)
  const { files } = require(backendModule).selectBackend(backendName)
  const answer = files.tryLock(files.open(file, 'write'), file) ?? 'taken'
  const { parentPort } = require('node:worker_threads')
  if (parentPort) parentPort.postMessage(answer)
  else process.send(answer)
  setInterval(() => {}, 1000)
`

function lockerArguments({ backend }: Bench, file: string): string[] {
  return [backendModule, backend.name, file]
}

function startLockerProcess(bench: Bench, file: string): ChildProcess {
  const childArguments = ['-e', lockerSource, '--', ...lockerArguments(bench, file)]
  return spawn(process.execPath, childArguments, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

scenarioOnDisk('the lock excludes a worker', ['lock'], async (t, bench) => {
  const { files } = bench.backend
  const { file, descriptor } = createFile(bench, 'lock', 0)
  t.equal(files.tryLock(descriptor, file), undefined)
  const worker = new Worker(lockerSource, { eval: true, argv: lockerArguments(bench, file) })
  t.same(await once(worker, 'message'), ['this process'])
  await worker.terminate()
  files.close(descriptor)
})

scenarioOnDisk('the lock excludes another process, and each names the other', ['lock'], async (t, bench) => {
  const { files } = bench.backend
  const { file, descriptor } = createFile(bench, 'lock', 0)
  t.equal(files.tryLock(descriptor, file), undefined)
  const refused = startLockerProcess(bench, file)
  t.equal((await once(refused, 'message'))[0], `process ${process.pid}`)
  refused.kill()
  await once(refused, 'exit')
  files.close(descriptor)

  const holder = startLockerProcess(bench, file)
  t.equal((await once(holder, 'message'))[0], 'taken')
  const again = files.open(file, 'write')
  t.equal(files.tryLock(again, file), `process ${holder.pid}`)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  t.equal(files.tryLock(again, file), undefined, 'the lock goes with its process')
  files.close(again)
})

scenarioOnDisk('a worker that ends leaves nothing mapped', ['unmap'], async (t, bench) => {
  const { files } = bench.backend
  const length = 16 * 1024 * 1024
  const { file, descriptor } = createFile(bench, 'log', length)
  const source = `
    const [backendModule, backendName, file] = process.argv.slice(-3)
    const { files, mapper } = require(backendModule).selectBackend(backendName)
    const mapping = mapper.map(files.open(file, 'write'), ${length}, 'write')
    mapping.bytes.fill(7)
    mapping.flush(0, ${length})
    mapping.populate(0, ${length}, false)
    process.exit(0)
  `
  const worker = new Worker(source, { eval: true, argv: lockerArguments(bench, file) })
  t.same(await once(worker, 'exit'), [0])
  t.equal(isMapped(file), false)
  t.equal(readText(bench, descriptor, length - 1, 1), '\x07')
  files.close(descriptor)
})

// --- CRC-32

scenario('crc32 is the IEEE one', [], (t, { backend }) => {
  const check = Buffer.from('..123456789..')
  t.equal(backend.crc32(check, 2, 11), 0xcbf43926)
  t.equal(backend.crc32(check, 5, 5), 0)
  t.equal(backend.crc32(Buffer.alloc(32, 0xff), 0, 32), 0xff6cab0b)
})

scenario('crc32 agrees with a reference at every length and offset', [], (t, { backend }) => {
  const bytes = pseudoRandomBytes(200_000)
  const reference = referenceCrc32()
  const agrees = (from: number, to: number) =>
    backend.crc32(bytes, from, to) === reference(bytes.subarray(from, to)) || t.fail(`differs at ${from}..${to}`)
  for (let length = 0; length <= 300; length++) {
    for (let from = 0; from < 17; from++) agrees(from, from + length)
  }
  for (let round = 0; round < 200; round++) {
    const from = Math.floor(Math.random() * 100_000)
    agrees(from, from + Math.floor(Math.random() * 100_000))
  }
  t.pass('all agree')
})

function pseudoRandomBytes(length: number): Uint8Array {
  let state = 1
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24)
}

/** `zlib.crc32` came with Node 22; a gzip trailer has the same number in every version. */
function referenceCrc32(): (bytes: Uint8Array) => number {
  const { crc32 } = zlib as { crc32?: (bytes: Uint8Array) => number }
  const fromTrailer = (bytes: Uint8Array) => zlib.gzipSync(bytes, { level: 0 }).subarray(-8).readUInt32LE(0)
  return crc32 ?? fromTrailer
}

// --- files and directories

scenario('files are created, listed in order, renamed and removed', [], async (t, bench) => {
  const { files } = bench.backend
  const inside = (name: string) => path.join(bench.directory, 'nested', 'deeper', name)
  t.equal(files.list(inside('')), undefined)
  files.makeDirectory(inside(''))
  files.makeDirectory(inside(''))
  t.same(files.list(inside('')), [])
  // By UTF-16 code unit: the surrogates of an emoji come before U+FF5E.
  for (const name of ['b', '10', '2', 'B', '\uff5e', '\u{1f600}']) files.close(files.open(inside(name), 'create'))
  t.same(files.list(inside('')), ['10', '2', 'B', 'b', '\u{1f600}', '\uff5e'])
  files.rename(inside('b'), inside('2'))
  files.remove(inside('10'))
  await files.syncDirectory(inside(''))
  t.same(files.list(inside('')), ['2', 'B', '\u{1f600}', '\uff5e'])
  t.equal(files.status(inside(''))?.isDirectory, true)
  t.equal(files.status(inside('10')), undefined)
  t.equal(files.status(path.join(inside('B'), 'below a file')), undefined)
  t.equal(files.list(inside('B')), undefined)
})

scenario('a path and a descriptor tell the same identity until the file is replaced', [], (t, bench) => {
  const { files } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 10)
  t.same(files.status(file), files.statusOf(descriptor))
  files.remove(file)
  files.close(files.open(file, 'create'))
  t.not(files.status(file)?.inode, files.statusOf(descriptor).inode)
  files.close(descriptor)
})

scenario('a link is the same file under another name, a copy is not', [], async (t, bench) => {
  const { files } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 0)
  files.write(descriptor, Buffer.from('abc'), 0, 3, 0)
  const [linked, copied] = [`${file}-linked`, `${file}-copied`]
  files.link(file, linked)
  await files.copyFile(file, copied)
  t.same(files.status(linked), files.status(file))
  t.equal(files.status(file)?.links, 2)
  t.equal(files.status(copied)?.links, 1)
  files.write(descriptor, Buffer.from('x'), 0, 1, 0)
  files.remove(file)
  t.equal(files.status(linked)?.links, 1)
  for (const [name, text] of [[linked, 'xbc'], [copied, 'abc']] as const) {
    const reader = files.open(name, 'read')
    t.equal(readText(bench, reader, 0, 10), text)
    files.close(reader)
  }
  throwsStoreError(t, () => files.link(linked, copied), 'ERR_IO', copied)
  throwsStoreError(t, () => files.link(file, `${file}2`), 'ERR_IO', `${file}2`)
  await rejectsWithStoreError(t, files.copyFile(linked, copied), 'ERR_IO', copied)
  files.close(descriptor)
})

scenario('a range is copied to its place, as far as it is there', [], async (t, bench) => {
  const { files } = bench.backend
  const source = createFile(bench, 'log', 0).descriptor
  const target = createFile(bench, 'copy', 5).descriptor
  files.write(source, Buffer.from('abcdefgh'), 0, 8, 0)
  await files.copyRange(source, target, 2, 4)
  t.equal(readText(bench, target, 0, 20), '\0\0cd\0')
  await files.copyRange(source, target, 6, 3_000_000)
  await files.copyRange(source, target, 9, 10)
  t.equal(readText(bench, target, 0, 20), '\0\0cd\0\0gh')
  files.close(source)
  files.close(target)
})

scenario('only an empty directory is removed', [], (t, bench) => {
  const { files } = bench.backend
  const directory = path.join(bench.directory, 'folder')
  const file = path.join(directory, 'file')
  files.makeDirectory(directory)
  files.close(files.open(file, 'create'))
  throwsStoreError(t, () => files.removeDirectory(directory), 'ERR_IO', directory)
  files.remove(file)
  files.removeDirectory(directory)
  t.equal(files.status(directory), undefined)
})

scenario('truncate cuts, and what it cut does not come back', [], (t, bench) => {
  const { files } = bench.backend
  const { descriptor } = createFile(bench, 'log', 0)
  files.write(descriptor, Buffer.from('abcdefgh'), 0, 8, 0)
  files.truncate(descriptor, 3)
  files.truncate(descriptor, 6)
  t.equal(files.statusOf(descriptor).size, 6)
  t.equal(readText(bench, descriptor, 0, 20), 'abc\0\0\0')
  t.equal(readText(bench, descriptor, 6, 20), '')
  files.close(descriptor)
})

scenario('times keep their millisecond', [], (t, bench) => {
  const { files } = bench.backend
  const { file, descriptor } = createFile(bench, 'log', 1)
  for (const milliseconds of [1_700_000_000_123, 1_699_999_999_999, 1_234_567_890_001, 1_000]) {
    files.setModifiedTime(file, milliseconds)
    t.equal(files.status(file)?.modifiedTime, milliseconds)
  }
  files.close(descriptor)
})

scenario('sync, cache drop and the search for data accept any file', [], async (t, bench) => {
  const { files } = bench.backend
  const { descriptor } = createFile(bench, 'log', 1024 * 1024)
  files.write(descriptor, Buffer.from('x'), 0, 1, 600_000)
  await files.sync(descriptor)
  await files.syncFileSystem?.(bench.directory)
  files.dropCache(descriptor, 0, 1024 * 1024)
  t.equal(readText(bench, descriptor, 600_000, 1), 'x')
  const ranges = files.dataRanges(descriptor, 0, 1024 * 1024)
  t.equal(ranges.length, 1)
  t.ok(ranges[0]!.from <= 600_000 && ranges[0]!.to > 600_000, JSON.stringify(ranges))
  t.equal(files.dataRanges(descriptor, 600_000, 1024 * 1024)[0]!.from, 600_000)
  t.same(files.dataRanges(descriptor, 1024 * 1024, 1024 * 1024), [])
  files.close(descriptor)
})

scenario('errors have a code, the file and the cause', [], async (t, bench) => {
  const { files } = bench.backend
  const missing = path.join(bench.directory, 'missing')
  throwsStoreError(t, () => files.open(missing, 'read'), 'ERR_IO', missing)
  throwsStoreError(t, () => files.open(missing, 'write'), 'ERR_IO', missing)
  throwsStoreError(t, () => files.remove(missing), 'ERR_IO', missing)
  throwsStoreError(t, () => files.rename(missing, `${missing}2`), 'ERR_IO', missing)
  throwsStoreError(t, () => files.setModifiedTime(missing, 0), 'ERR_IO', missing)
  await rejectsWithStoreError(t, files.syncDirectory(missing), 'ERR_IO', missing)
  const { file, descriptor } = createFile(bench, 'log', 10)
  throwsStoreError(t, () => files.open(file, 'create'), 'ERR_IO', file)
  files.close(descriptor)
  const reader = files.open(file, 'read')
  throwsStoreError(t, () => files.write(reader, Buffer.from('x'), 0, 1, 0), 'ERR_IO', file)
  throwsStoreError(t, () => files.reserve(reader, 100), 'ERR_IO', file)
  await rejectsWithStoreError(t, files.reserveAsync(reader, 100), 'ERR_IO', file)
  files.close(reader)
  try {
    files.open(missing, 'read')
  } catch (error) {
    t.match((error as Error).cause, { code: 'ENOENT' })
  }
})

// --- which backend

/** What selectBackend('auto') answers in an installation that has neither addon nor `mmap-io`. */
function selectWithoutAnyBackend(environment: NodeJS.ProcessEnv): { code: string; message: string } {
  const installation = fs.mkdtempSync(path.join(root, 'bare-'))
  fs.writeFileSync(path.join(installation, 'package.json'), '{"name":"mqstore"}')
  fs.cpSync(path.join(path.dirname(backendModule), '..'), path.join(installation, 'lib'), { recursive: true })
  fs.mkdirSync(path.join(installation, 'node_modules'))
  const crc32Package = path.dirname(require.resolve('crc-32/package.json'))
  fs.symlinkSync(crc32Package, path.join(installation, 'node_modules', 'crc-32'))
  const source = `
    try { require('./lib/storage/backend').selectBackend('auto') }
    catch ({ code, message }) { console.log(JSON.stringify({ code, message })) }
  `
  const options = { cwd: installation, env: environment, encoding: 'utf8' } as const
  return JSON.parse(execFileSync(process.execPath, ['-e', source], options))
}

t.test('without any backend, the error says what was tried and what to install', async (t) => {
  const { MQSTORE_BACKEND, ...environment } = process.env
  const { code, message } = selectWithoutAnyBackend(environment)
  t.equal(code, 'ERR_BACKEND_UNAVAILABLE')
  for (const part of [
    `${process.platform}-${process.arch}`,
    path.join('native', 'build', 'mqstore.node'),
    path.join('prebuilt', `${process.platform}-${process.arch}`, 'mqstore.node'),
    'mmap-io: ',
    'npm rebuild mqstore',
  ]) {
    t.ok(message.includes(part), `names ${part}`)
  }

  const onlyMmapIo = selectWithoutAnyBackend({ ...environment, MQSTORE_BACKEND: 'mmap-io' })
  t.notOk(onlyMmapIo.message.includes('mqstore.node'), 'MQSTORE_BACKEND narrows the choice')
  t.equal(selectWithoutAnyBackend({ ...environment, MQSTORE_BACKEND: 'nothing' }).code, 'ERR_INVALID_OPTION')
})

function runScenarios(backend: Backend, makeDirectory: () => string, isOnDisk: boolean): void {
  t.test(backend.name, async (t) => {
    for (const { name, needs, onDisk, run } of scenarios) {
      const lacking = needs.filter((capability) => !backend.capabilities.has(capability))
      const reason = lacking.length > 0 ? `lacks ${lacking.join(', ')}` : onDisk && !isOnDisk ? 'no disk' : false
      await t.test(name, { skip: reason }, async (t) => run(t, { backend, directory: makeDirectory() }))
    }
  })
}

function runScenariosOnDisk(name: BackendName): void {
  let backend: Backend
  try {
    backend = selectBackend(name)
  } catch (error) {
    t.test(name, { skip: (error as Error).message }, async () => {})
    return
  }
  t.equal(selectBackend(name), backend, `${name} is made once`)
  runScenarios(backend, () => fs.mkdtempSync(path.join(root, `${name}-`)), true)
}

runScenariosOnDisk('native')
runScenariosOnDisk('mmap-io')

const memory = createMemoryBackend()
let memoryDirectories = 0
runScenarios(
  memory,
  () => {
    const directory = path.resolve(`/scenario-${memoryDirectories++}`)
    memory.files.makeDirectory(directory)
    return directory
  },
  false,
)
