import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { checks, severities, type Diagnosis } from '../../lib/cli/doctor/checks'
import type { DirectoryFacts, DoctorFacts, OpenedFacts, VolumeFacts } from '../../lib/cli/doctor/facts'
import { probeFileSystem, type Probe } from '../../lib/cli/doctor/probe'
import { findMount, parseLimits } from '../../lib/cli/doctor/system-files'
import { plain } from '../../lib/cli/screen'
import { describe } from '../../lib/cli/verbs/doctor'
import { settleOptions } from '../../lib/open-store'
import { selectBackend } from '../../lib/storage/backend'
import { systemClock } from '../../lib/storage/system-clock'
import { command } from './command'
import { NOW, expectScreen, stillMachine } from './screen'
import { makeStore, makeStoreInTime, smallFilesWords } from './store-of-messages'

/*
 * The story: a broker that has run for a year stops at night, for a reason that anybody could have seen who had looked: a limit,
 * a file system, a clock. Each check is asked about facts that are well, and about those that are not.
 */

const GIB = 2 ** 30
const HOUR = 3_600_000
const HARMLESS = 'fine'

const volume: VolumeFacts = {
  totalBytes: 100 * GIB, freeBytes: 60 * GIB, device: 1, paths: ['/data/store'], takesSegments: true, nextFilesBytes: GIB, filesLeft: 1_000_000,
  mount: { point: '/data', type: 'ext4', options: ['rw', 'relatime'] },
}

const probe: Probe = { reserve: true, holes: true, lock: true, map: true, flush: 0.4 }

const store: OpenedFacts = {
  label: '@clean', story: 'closed in order', isClean: true, unreadableBytes: 0, queues: 8, segmentSize: GIB, newest: NOW - HOUR,
  segments: [0, 1, 2].map((index) => ({
    file: `/data/store/commitlog/${index}`, first: NOW - (20 - 2 * index) * HOUR, modified: NOW - (18 - 2 * index) * HOUR,
  })),
  unreadableConfig: [],
}

const directory: DirectoryFacts = {
  path: '/data/store', isStore: true, lock: { exists: true, holder: undefined }, ownerId: 1000, unwritable: undefined, volumes: [volume], probe,
  quarantine: 0, indexFileSizes: [420_000_040, 420_000_040], store,
}

const { options: values } = settleOptions({})

/** All is well. */
const healthy: DoctorFacts = {
  now: NOW, platform: 'linux-x64', nodeVersion: '20.20.2', userId: 1000, memory: 16 * GIB, memoryLimit: undefined,
  backend: { name: 'native', capabilities: new Set(['unmap', 'lock', 'reserve', 'populate', 'range-flush', 'guard']) },
  limits: { owner: 'this process', openFiles: 65_536, addressSpace: Infinity }, mapsMax: 65_530,
  options: { values, unused: [] }, unreadable: undefined, directory,
}

const within = (change: Partial<DirectoryFacts>): DoctorFacts => ({ ...healthy, directory: { ...directory, ...change } })
const onVolume = (change: Partial<VolumeFacts>): DoctorFacts => within({ volumes: [{ ...volume, ...change }] })
const mounted = (type: string, ...options: string[]): DoctorFacts => onVolume({ mount: { point: '/data', type, options } })
const tried = (change: Partial<Probe>): DoctorFacts => within({ probe: { ...probe, ...change } })
const opened = (change: Partial<OpenedFacts>): DoctorFacts => within({ store: { ...store, ...change } })
const optioned = (change: object): DoctorFacts => ({ ...healthy, options: { values: { ...values, ...change }, unused: [] } })
const limited = (change: Partial<DoctorFacts['limits']>): DoctorFacts => ({ ...healthy, limits: { ...healthy.limits, ...change } })

function find(name: string, facts: DoctorFacts): Diagnosis[] {
  return checks.find((check) => check.name === name)!.look(facts)
}

t.test('a store that stands well', async (t) => {
  for (const { name, look } of checks) for (const { severity, text } of look(healthy)) t.equal(severity, HARMLESS, `${name}: ${text}`)
  t.same(checks.filter(({ look }) => look(healthy).length === 0).map(({ name }) => name), ['address space', 'directory', 'config', 'quarantine'], 'what is not worth a line')
  const nothingKnown: DoctorFacts = {
    ...healthy, userId: undefined, limits: { owner: 'this process', openFiles: undefined, addressSpace: undefined }, mapsMax: undefined, directory: undefined,
  }
  for (const { look } of checks) for (const { severity } of look(nothingKnown)) t.equal(severity, HARMLESS)
})

const cases: [name: string, facts: DoctorFacts, severity: Diagnosis['severity'], text: RegExp, fix: RegExp | undefined][] = [
  ['node', { ...healthy, nodeVersion: '18.1.0' }, 'error', /needs 20/, /nvm install 20/],
  ['node', { ...healthy, platform: 'darwin-arm64' }, 'note', /only linux-x64 is tested/, undefined],
  ['backend', { ...healthy, backend: 'ERR_BACKEND_UNAVAILABLE: no way' }, 'error', /no way/, /npm rebuild/],
  ['backend', { ...healthy, backend: { name: 'mmap-io', capabilities: new Set() } }, 'warning', /second process.*ends the process/, /npm rebuild/],
  ['backend', { ...healthy, backend: { name: 'native', capabilities: new Set(['unmap', 'lock', 'guard']) } }, 'note', /writing zeros/, undefined],
  ['open files', limited({ openFiles: 100 }), 'error', /this process may open 100; log and index alone want 106/, /ulimit -n 65536.*LimitNOFILE/],
  ['open files', opened({ queues: 50_000 }), HARMLESS, /wants 4,202/, undefined],
  ['open files', { ...opened({ queues: 50_000 }), limits: { owner: 'process 4711', openFiles: 1024, addressSpace: Infinity } }, 'warning', /process 4711 may open 1,024/, /ulimit/],
  ['memory maps', { ...healthy, mapsMax: 1000 }, 'error', /vm.max_map_count is 1,000/, /sysctl -w vm.max_map_count=262144/],
  ['address space', limited({ addressSpace: GIB }), 'error', /1 GiB of addresses; log and index are 4\.8 GiB/, /ulimit -v unlimited/],
  ['address space', limited({ addressSpace: 8 * GIB }), 'warning', /8 GiB/, /ulimit/],
  ['memory', { ...healthy, memoryLimit: 128 << 20 }, 'warning', /128 MiB for this container/, /at least/],
  ['memory', { ...healthy, memoryLimit: 2 ** 62 }, HARMLESS, /^16 GiB$/, undefined],
  ['options', { ...healthy, options: 'ERR_UNKNOWN_OPTION: no such' }, 'error', /no such/, undefined],
  ['options', optioned({ diskMaxUsedSpaceRatio: 90 }), 'warning', /not in this order/, /diskMaxUsedSpaceRatio <=/],
  ['options', optioned({ mappedFileSizeCommitLog: 1 << 20 }), 'note', /is 1 MiB, the segments have 1 GiB/, undefined],
  ['options', { ...healthy, options: { values, unused: 'abcdefg'.split('').map((key) => ({ key, value: '', reason: '', line: 1 })) } }, 'note', /a, b, c, d, e and 2 more/, undefined],
  ['directory', { ...healthy, unreadable: 'EACCES: no', directory: undefined }, 'error', /cannot be looked at: EACCES: no/, /a user who may read it/],
  ['permissions', within({ unwritable: '/data/store/abort' }), 'error', /\/data\/store\/abort cannot be written by user 1000/, /chown -R 1000 \/data\/store/],
  ['permissions', within({ ownerId: 0 }), 'note', /belongs to user 0/, /chown/],
  ['permissions', { ...healthy, userId: 0 }, 'warning', /belongs to user 1000, who cannot write the files that user 0 makes/, /run as user 1000/],
  ['file system', mounted('ext4', 'ro'), 'error', /read-only/, /remount,rw \/data/],
  ['file system', mounted('ext4', 'rw', 'nobarrier'), 'warning', /power cut/, /remount,barrier/],
  ['file system', mounted('tmpfs'), 'warning', /tmpfs at \/data: the files are in memory/, /on a disk/],
  ['file system', mounted('nfs4'), 'warning', /over the network/, /local/],
  ['file system', mounted('fuse.sshfs'), 'warning', /another machine/, /local/],
  ['file system', mounted('btrfs'), 'warning', /each write takes new blocks/, /chattr/],
  ['file system', mounted('overlay'), 'warning', /in the container/, /volume/],
  ['file system', mounted('f2fs'), 'note', /only ext4 and xfs/, undefined],
  ['trial', within({ probe: 'EACCES: permission denied' }), 'note', /could not be tried: EACCES/, undefined],
  ['trial', tried({ reserve: 'no space' }), 'error', /cannot be reserved: no space/, undefined],
  ['trial', tried({ reserve: false }), 'warning', /memory fault/, /ext4/],
  ['trial', tried({ holes: false }), 'note', /no holes/, undefined],
  ['trial', tried({ lock: false }), 'error', /a second lock was given/, /local/],
  ['trial', tried({ lock: 'ENOLCK' }), 'error', /ENOLCK/, /local/],
  ['trial', tried({ map: false }), 'error', /cannot be mapped/, /ext4/],
  ['trial', tried({ flush: 12 }), 'note', /12 ms/, undefined],
  ['trial', tried({ flush: 250 }), 'warning', /250 ms/, undefined],
  ['room', onVolume({ freeBytes: 20 * GIB }), 'warning', /80 % used: old files go at any hour/, /mqstore retention \/data\/store/],
  ['room', onVolume({ freeBytes: 12 * GIB }), 'warning', /deleted before their time/, /mqstore retention/],
  ['room', onVolume({ freeBytes: 5 * GIB }), 'error', /nothing can be stored until 10 GiB more are free/, /mqstore retention/],
  ['room', onVolume({ filesLeft: 500 }), 'warning', /only 500 more files/, /df -i/],
  ['room', onVolume({ filesLeft: 0 }), 'error', /only 0 more files/, /df -i/],
  ['reserved time', healthy, HARMLESS, /at 12 GiB a day there is room for 4 d of messages; they are kept for 3 d/, undefined],
  [
    'reserved time', onVolume({ freeBytes: 20 * GIB }), 'warning',
    /at 12 GiB a day there is room for 16 h of messages, and they are to be kept for 3 d: the oldest are deleted/, /fileReservedTime=16$/,
  ],
  ['reserved time', optioned({ cleanFileForciblyEnable: false, fileReservedTime: 200 }), 'warning', /then nothing can be stored/, /fileReservedTime=106/],
  ['lock', within({ lock: { exists: true, holder: 'process 4711' } }), HARMLESS, /held by process 4711/, undefined],
  ['index', within({ indexFileSizes: [42_040] }), 'error', /1 file of 42,040 bytes.*420,000,040/, /rebuild \/data\/store index/],
  ['store', within({ store: 'ERR_LOG_MISSING: gone' }), 'error', /cannot be opened: ERR_LOG_MISSING/, /mqstore check/],
  ['store', opened({ unreadableBytes: 4096 }), 'warning', /4 KiB of the log/, /mqstore check/],
  ['store', opened({ isClean: false, label: '@crash' }), 'note', /not closed in order.*@crash/, undefined],
  ['store', within({ isStore: false, store: undefined }), 'note', /no store yet/, undefined],
  ['config', opened({ unreadableConfig: ['ERR_CORRUPT: topics.json'] }), 'warning', /topics.json/, undefined],
  ['clock', opened({ newest: NOW + 2 * HOUR }), 'warning', /stored 2 h from now/, /timedatectl/],
  ['clock', opened({ segments: [...store.segments].reverse() }), 'note', /set back by 2 h or more/, undefined],
  ['file times', opened({ segments: store.segments.map((segment) => ({ ...segment, modified: NOW })) }), 'warning', /2 segments.*commitlog\/0 would be kept 18 h too long/, /touch -d @\d+ \/data\/store\/commitlog\/0/],
  ['file times', opened({ segments: store.segments.map((segment) => ({ ...segment, modified: 0 })) }), 'warning', /too early/, /touch/],
  ['quarantine', within({ quarantine: GIB }), 'note', /1 GiB aside/, /rm -r \/data\/store\/quarantine/],
]

t.test('what will bite is told, with the line that fixes it', async (t) => {
  for (const [name, facts, severity, text, fix] of cases) {
    const found = find(name, facts)
    const told = found.find((diagnosis) => text.test(diagnosis.text))
    t.ok(told, `${name} tells of ${text}; it told ${JSON.stringify(found)}`)
    t.equal(told?.severity, severity, `${name}: ${told?.text}`)
    t.match(told?.fix, fix)
  }
  const withCases = new Set(cases.map(([name]) => name))
  t.same(checks.filter(({ name }) => !withCases.has(name)), [], 'every check has a case')
})

t.test('volumes of their own are told apart', async (t) => {
  const other: VolumeFacts = { ...volume, device: 2, paths: ['/log/commitlog'], freeBytes: GIB, mount: { point: '/log', type: 'tmpfs', options: [] } }
  const facts = within({ volumes: [volume, other] })
  t.match(find('room', facts), [{ severity: 'fine', text: /for \/data\/store,/ }, { severity: 'error', text: /for \/log\/commitlog,/ }])
  t.match(find('file system', facts), [{ text: /^ext4 at \/data/ }, { text: /^tmpfs at \/log/ }])
})

t.test('screens', async (t) => {
  const named = (facts: DoctorFacts) => checks.flatMap(({ name, look }) => look(facts).map((diagnosis) => ({ name, ...diagnosis })))
  const screen = (facts: DoctorFacts): string => `${describe(named(facts), plain).join('\n')}\n`
  expectScreen(t, 'doctor-well', screen(healthy), '/data/store')
  const ill: DoctorFacts = {
    ...within({ volumes: [{ ...volume, freeBytes: 5 * GIB, mount: { point: '/data', type: 'nfs4', options: ['rw'] } }], quarantine: GIB, lock: { exists: true, holder: 'process 4711' } }),
    limits: { owner: 'process 4711', openFiles: 100, addressSpace: Infinity }, mapsMax: 1000,
  }
  expectScreen(t, 'doctor-ill', screen(ill), '/data/store')
})

t.test('what the system writes about itself', async (t) => {
  const limits = 'Limit                     Soft Limit           Hard Limit           Units     \n' +
    'Max open files            1024                 524288               files     \nMax address space         unlimited            unlimited            bytes     \n'
  t.same(parseLimits(limits), { openFiles: 1024, addressSpace: Infinity })
  t.same(parseLimits(undefined), { openFiles: undefined, addressSpace: undefined })
  const mounts = [
    '22 27 0:21 / /proc rw,relatime - proc proc rw',
    '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard',
    '30 27 254:1 / /data rw,noatime shared:1 - xfs /dev/vdb rw,nobarrier',
    '31 27 0:50 / /my\\040data ro - nfs4 host:/x rw',
    '32 27 0:51 / /data rw - tmpfs tmpfs rw',
  ].join('\n')
  t.match(findMount(mounts, '/home/store'), { point: '/', type: 'ext4', options: ['rw', 'relatime', 'rw', 'discard'] })
  t.match(findMount(mounts, '/data/store'), { type: 'tmpfs' }, 'what was mounted over the other')
  t.match(findMount(mounts, '/database'), { type: 'ext4' })
  t.match(findMount(mounts, '/my data/store'), { type: 'nfs4', options: ['ro', 'rw'] })
  t.equal(findMount(undefined, '/'), undefined)
})

/** Of what was found, by check. */
function byCheck(lines: any[]): Map<string, { severity: string; text: string; fix: string | null }> {
  return new Map(lines[0].found.map((found: any) => [found.check, found]))
}

t.test('a real directory', async (t) => {
  const root = t.testdir()
  const path = join(root, 'store')
  await makeStore(path, 300)
  const machine = { ...stillMachine, clock: systemClock, userId: process.geteuid?.() }
  const { lines, stderr, exitCode } = await command(['doctor', path, '--json', ...smallFilesWords], '', { machine })
  t.equal(stderr, '')
  const found = byCheck(lines)
  for (const name of ['node', 'open files', 'memory', 'permissions', 'trial', 'room', 'lock', 'index', 'store', 'clock', 'file times']) {
    if (name !== 'open files') t.equal(found.get(name)?.severity, HARMLESS, `${name}: ${found.get(name)?.text}`)
  }
  t.match(found.get('store'), { text: '5 segments and 4 queues can be read' })
  t.equal(exitCode, selectBackend('auto').name === 'native' ? 0 : 1)
  t.same(readdirSync(root), ['store'], 'nothing is left of the trial')
  t.notOk(byCheck((await command(['doctor', path, '--json', '--no-trial'])).lines).has('trial'))
})

t.test('a trial', async (t) => {
  const root = t.testdir({ store: { commitlog: {} } })
  const path = join(root, 'store')
  const backend = selectBackend('auto')
  const places = new Set<string>()
  const files = new Proxy(backend.files, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        if (name === 'open') places.add(dirname(dirname(given[0] as string)))
        return value.apply(target, given)
      }
    },
  })
  const { name, mapper, capabilities, crc32 } = backend
  t.match(await probeFileSystem({ name, mapper, capabilities, crc32, files }, path, join(path, 'commitlog')), { map: true })
  t.same([...places], [root], 'is made beside the store: among the segments, a 4.x broker takes nothing else')
  let catches = 0
  const catchInterrupt = (): AbortSignal => {
    catches++
    return new AbortController().signal
  }
  await command(['doctor', path, '--no-trial'], '', { catchInterrupt })
  t.equal(catches, 0)
  await command(['doctor', path], '', { catchInterrupt })
  t.equal(catches, 1, 'an interrupt does not leave it behind')
})

t.test('what cannot be looked at', async (t) => {
  const path = join(t.testdir({ file: '' }), 'file')
  const { exitCode, lines } = await command(['doctor', path, '--json'])
  t.match({ exitCode, lines }, { exitCode: 4, lines: [{ directory: path }] })
  t.match(byCheck(lines).get('directory'), { severity: 'error', text: /ENOTDIR/ })
})

t.test('a directory that is yet to be, and none', async (t) => {
  const { lines } = await command(['doctor', join(t.testdir(), 'some', 'store'), '--json'], '', { machine: { ...stillMachine, userId: process.geteuid?.() } })
  const found = byCheck(lines)
  t.equal(found.get('store')?.severity, 'note')
  t.equal(found.get('room')?.severity, HARMLESS)
  t.same(readdirSync(t.testdirName), [])
  t.match((await command(['doctor', '--json'])).lines[0], { directory: null, found: [{ check: 'node' }, { check: 'backend' }] })
})

t.test('the exit code says how bad it is', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStoreInTime(directory, 20, NOW + HOUR, 1)
  const doctor = async (...words: string[]) => command(['doctor', directory, '--no-trial', ...words], '', { machine: { ...stillMachine, userId: process.geteuid?.() } })
  const future = await doctor(...smallFilesWords)
  t.match(future, { exitCode: 1, stdout: /warning +clock +the last message was stored 1 h from now/ })
  t.match(await doctor(), { exitCode: 4, stdout: /error +index/ })
  t.match(await doctor('--set', 'deleteWhen=04'), { exitCode: 4 })
  writeFileSync(join(directory, 'commitlog', '00000000000000016384'), Buffer.alloc(20_000))
  t.match(await doctor(...smallFilesWords), { exitCode: 4, stdout: /error +store +cannot be opened: ERR_SEGMENT_SIZE/ })
  t.match(await command(['doctor', directory, '-c', join(directory, 'none.properties')]), { exitCode: 4, stdout: /error +options +ERR_IO/ })
})

t.test('a directory of somebody else', { skip: process.geteuid?.() === 0 ? 'root may write everywhere' : false }, async (t: Test) => {
  const path = join(t.testdir(), 'store')
  mkdirSync(path)
  chmodSync(path, 0o500)
  t.teardown(() => chmodSync(path, 0o700))
  t.equal(byCheck((await command(['doctor', path, '--json'])).lines).get('permissions')?.severity, 'error')
})

t.test('severities are in their order', async (t) => {
  t.same(severities, ['fine', 'note', 'warning', 'error'])
})
