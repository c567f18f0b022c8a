import { appendFileSync, closeSync, cpSync, existsSync, fstatSync, openSync, readFileSync, readSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { command, type Outcome } from '../cli/command'
import { fillStore, makeStore, smallFilesWords } from '../cli/store-of-messages'
import { MANIFEST_NAME } from '../../lib/recovery/manifest'
import { filesBelow } from '../support/files'

/*
 * The story: an operator suspects a directory. check has to find whatever has happened to it, once and in the
 * right place; repair has to bring back all that the log still has, and must not destroy anything on the way.
 */

const MESSAGES = 300
const check = (directory: string): Promise<Outcome> => command(['check', directory, '--json', ...smallFilesWords])
const repair = (directory: string, ...words: string[]): Promise<Outcome> => command(['repair', directory, '--json', ...words, ...smallFilesWords])
const dump = async (directory: string): Promise<string> => (await command(['dump', directory, ...smallFilesWords])).stdout
const kindsOf = ({ lines }: Outcome): string[] => [...new Set(lines.slice(0, -1).map(({ kind }) => kind as string))].sort()

function change(file: string, position: number, edit: (bytes: Buffer) => void, length = 1): void {
  const descriptor = openSync(file, 'r+')
  const bytes = Buffer.alloc(length)
  readSync(descriptor, bytes, 0, length, position < 0 ? fstatSync(descriptor).size + position : position)
  edit(bytes)
  writeSync(descriptor, bytes, 0, length, position)
  closeSync(descriptor)
}

const flip = (bytes: Buffer): void => { bytes[0]! ^= 1 }
const segment = (number: number) => (directory: string) => join(directory, 'commitlog', String(number * 16_384).padStart(20, '0'))
const queueFile = (directory: string, file = 0): string => join(directory, 'consumequeue', 'orders', '0', String(file * 400).padStart(20, '0'))
const indexFile = (directory: string, number: number): string => join(directory, 'index', readdirSync(join(directory, 'index'))[number]!)
/** Header and slots of an index file. */
const ENTRIES_AT = 40 + 50 * 4

interface Case {
  name: string
  damage(directory: string, results: { offset: number; bytes: number }[]): void
  /** What check says. */
  kinds: string[]
  /** What of it remains after the repair. */
  remains?: string[]
  /** What the repair does, in order. */
  steps: string[]
  /** The messages are all there before and after, unless what was hit is one of them. */
  losesMessages?: boolean
}

const cases: Case[] = [
  { name: 'nothing', damage: () => undefined, kinds: [], steps: [] },
  {
    name: 'a foreign file in each directory',
    damage: (directory) => {
      for (const place of ['commitlog', 'consumequeue', 'consumequeue/orders', 'consumequeue/orders/0', 'index']) {
        writeFileSync(join(directory, place, 'notes.txt'), 'what somebody left here')
      }
    },
    kinds: ['foreign-file'], steps: ['move', 'move', 'move', 'move', 'move', 'open'],
  },
  {
    name: 'a bit of a body',
    damage: (directory, results) => change(segment(0)(directory), results[7]!.offset + 100, flip),
    kinds: ['log-damage'], remains: ['log-damage'], steps: [],
  },
  {
    name: 'a page of the log', losesMessages: true,
    damage: (directory) => change(segment(1)(directory), 4096, (bytes) => bytes.fill(0), 4096),
    kinds: ['log-damage'], remains: ['log-damage'], steps: [],
  },
  {
    name: 'bytes behind the end of the log',
    damage: (directory) => change(segment(4)(directory), 16_000, (bytes) => bytes.fill('stale'), 100),
    kinds: ['stale-bytes'], steps: ['copy', 'open'],
  },
  {
    name: 'a segment of another store',
    damage: (directory) => writeFileSync(join(directory, 'commitlog', '00000000000000001000'), Buffer.alloc(16_384)),
    kinds: ['segment-misplaced'], steps: ['move', 'open'],
  },
  {
    name: 'a segment that is too long',
    damage: (directory) => writeFileSync(join(directory, 'commitlog', '00000000000001638400'), Buffer.alloc(20_000, 1)),
    kinds: ['segment-misplaced'], steps: ['move', 'open'],
  },
  {
    name: 'an empty segment',
    damage: (directory) => writeFileSync(join(directory, 'commitlog', '00000000000000081920'), ''),
    kinds: ['segment-empty'], steps: ['open'],
  },
  {
    name: 'a segment cut short behind the end of the log',
    damage: (directory) => truncateSync(segment(4)(directory), 16_000),
    kinds: ['segment-short'], steps: ['open'],
  },
  {
    name: 'a queue file cut short',
    damage: (directory) => truncateSync(queueFile(directory, 1), 200),
    kinds: ['queue-entry-missing', 'queue-file-size'], steps: ['move', 'open'],
  },
  {
    name: 'a queue file gone',
    damage: (directory) => rmSync(queueFile(directory, 1)),
    kinds: ['queue-entry-missing'], steps: ['move', 'open'],
  },
  {
    name: 'a queue gone',
    damage: (directory) => rmSync(join(directory, 'consumequeue', 'orders', '0'), { recursive: true }),
    kinds: ['queue-behind'], steps: ['open'],
  },
  {
    name: 'all queues gone',
    damage: (directory) => rmSync(join(directory, 'consumequeue'), { recursive: true }),
    kinds: ['queue-behind'], steps: ['open'],
  },
  {
    name: 'a queue entry cleared', losesMessages: true,
    damage: (directory) => change(queueFile(directory, 1), 60, (bytes) => bytes.fill(0), 20),
    kinds: ['queue-entry-missing'], steps: ['move', 'open'],
  },
  {
    name: 'a queue entry that leads elsewhere', losesMessages: true,
    damage: (directory) => change(queueFile(directory, 1), 67, flip),
    kinds: ['queue-entry-wrong'], steps: ['move', 'open'],
  },
  {
    name: 'a bit of the number that a message has in its queue',
    damage: (directory, results) => change(segment(0)(directory), results[40]!.offset + 27, (bytes) => { bytes[0]! ^= 128 }),
    kinds: ['queue-disagreement'], remains: ['queue-disagreement'], steps: [],
  },
  {
    name: 'a bit of a topic',
    damage: (directory, results) => change(segment(0)(directory), results[40]!.offset + 88 + Buffer.byteLength('message 40 ') * 8 + 2, flip),
    kinds: ['queue-disagreement'], remains: ['queue-disagreement'], steps: [],
  },
  {
    name: 'a queue entry with another message’s place', losesMessages: true,
    damage: (directory) => {
      const entries = readFileSync(queueFile(directory, 1))
      change(queueFile(directory, 1), 60, (bytes) => entries.copy(bytes, 0, 0, 20), 20)
    },
    kinds: ['queue-entry-wrong'], steps: ['move', 'open'],
  },
  {
    name: 'a queue entry with the wrong size', losesMessages: true,
    damage: (directory) => change(queueFile(directory, 1), 71, flip),
    kinds: ['queue-entry-wrong'], steps: ['move', 'open'],
  },
  {
    name: 'a queue entry with the wrong tags code', losesMessages: true,
    damage: (directory) => change(queueFile(directory, 1), 79, flip),
    kinds: ['queue-entry-wrong'], steps: ['move', 'open'],
  },
  {
    name: 'queue entries of messages that were never there', losesMessages: true,
    damage: (directory) => change(queueFile(directory, 3), 300, (bytes) => {
      for (let entry = 0; entry < 3; entry++) {
        bytes.writeBigInt64BE(BigInt(100_000 + entry * 200), entry * 20)
        bytes.writeInt32BE(200, entry * 20 + 8)
      }
    }, 60),
    kinds: ['queue-ahead'], steps: ['copy', 'open'],
  },
  {
    name: 'an index entry with another hash',
    damage: (directory) => change(indexFile(directory, 2), ENTRIES_AT + 20 * 30 + 3, flip),
    kinds: ['index-entry-wrong', 'index-key-missing'], steps: ['move', 'open'],
  },
  {
    name: 'an index entry that leads nowhere',
    damage: (directory) => change(indexFile(directory, 2), ENTRIES_AT + 20 * 30 + 11, flip),
    kinds: ['index-entry-wrong', 'index-key-missing'], steps: ['move', 'open'],
  },
  {
    name: 'an index entry behind the end of the log',
    damage: (directory) => change(indexFile(directory, 2), ENTRIES_AT + 20 * 30 + 7, (bytes) => { bytes[0] = 1 }),
    kinds: ['index-entry-wrong', 'index-key-missing'], steps: ['move', 'open'],
  },
  {
    name: 'a wild index chain',
    damage: (directory) => change(indexFile(directory, 2), ENTRIES_AT + 20 * 30 + 16, (bytes) => bytes.writeInt32BE(99), 4),
    kinds: ['index-entry-wrong'], steps: ['move', 'open'],
  },
  {
    name: 'an index entry from before its file',
    damage: (directory) => change(indexFile(directory, 2), ENTRIES_AT + 20 * 30 + 12, (bytes) => bytes.writeInt32BE(-1), 4),
    kinds: ['index-entry-wrong'], steps: ['move', 'open'],
  },
  {
    name: 'cleared index slots',
    damage: (directory) => change(indexFile(directory, 2), 40, (bytes) => bytes.fill(0), 200),
    kinds: ['index-slots-wrong'], steps: ['move', 'open'],
  },
  {
    name: 'a wrong index header',
    damage: (directory) => change(indexFile(directory, 2), 16, (bytes) => bytes.fill(0), 16),
    kinds: ['index-header-wrong'], steps: ['move', 'open'],
  },
  {
    name: 'an index count beyond the file',
    damage: (directory) => change(indexFile(directory, 2), 36, (bytes) => bytes.writeInt32BE(1_000_000), 4),
    kinds: ['index-header-wrong'], steps: ['move', 'open'],
  },
  {
    name: 'an index file of another size',
    damage: (directory) => appendFileSync(indexFile(directory, 2), 'x'),
    kinds: ['index-file-size', 'index-key-missing'], steps: ['move', 'open'],
  },
  {
    name: 'an index file gone',
    damage: (directory) => rmSync(indexFile(directory, 2)),
    kinds: ['index-key-missing'], steps: ['move', 'open'],
  },
  {
    name: 'the index gone',
    damage: (directory) => rmSync(join(directory, 'index'), { recursive: true }),
    kinds: ['index-behind'], steps: ['open'],
  },
  {
    name: 'a checkpoint cut short',
    damage: (directory) => truncateSync(join(directory, 'checkpoint'), 20),
    kinds: ['checkpoint-short'], steps: ['open'],
  },
  {
    name: 'a list of queues that is not as it was written',
    damage: (directory) => change(join(directory, MANIFEST_NAME), 20, (bytes) => bytes.writeUInt8(bytes.readUInt8(0) ^ 1)),
    kinds: ['manifest-damaged'], steps: ['move', 'move', 'move', 'open'],
  },
]

for (const { name, damage, kinds, remains = [], steps, losesMessages = false } of cases) {
  t.test(name, async (t) => {
    const directory = join(t.testdir(), 'store')
    const results = await makeStore(directory, MESSAGES)
    const whole = await dump(directory)
    damage(directory, results)
    const before = filesBelow(directory)
    const checked = await check(directory)
    t.equal(checked.exitCode, kinds.length > 0 ? 1 : 0)
    t.strictSame(kindsOf(checked), kinds)
    for (const finding of checked.lines.slice(0, -1)) {
      t.strictSame(Object.keys(finding), ['file', 'offset', 'what', 'bytes', 'repair', 'kind'])
      t.ok(finding.file.startsWith(directory))
    }
    t.match(await command(['check', directory, ...smallFilesWords]), { exitCode: checked.exitCode, stdout: /findings?: \d+ messages/ })
    const plan = await repair(directory)
    t.strictSame(plan.lines.slice(0, -1).map(({ step }) => step), steps)
    t.equal(plan.exitCode, steps.length + remains.length > 0 ? 1 : 0)
    t.strictSame([...filesBelow(directory).keys()], [...before.keys()], 'so far nothing was changed')
    const applied = await repair(directory, '--apply')
    t.equal(applied.exitCode, remains.length > 0 ? 1 : 0)
    t.strictSame(applied.lines.slice(0, -1).map(({ step }) => step), steps)
    t.strictSame(kindsOf(await check(directory)), remains)
    if (remains.length === 0 || !losesMessages) expectAllBytes(t, directory, before)
    if (remains.length === 0) t.equal(await dump(directory), whole, 'every message is where it was')
    t.equal((await repair(directory)).lines.at(-1).steps, 0, 'there is nothing more to do')
  })
}

/** What stood in a file and does no longer is in quarantine: files of records are told by their bytes, the derived by theirs in full. */
function expectAllBytes(test: Test, directory: string, before: ReadonlyMap<string, Buffer>): void {
  const after = filesBelow(directory)
  const quarantined = [...after].filter(([path]) => path.startsWith('quarantine/'))
  for (const [path, content] of before) {
    if (['checkpoint', 'abort', 'lock', MANIFEST_NAME].includes(path) || content.every((byte) => byte === 0)) continue
    const now = after.get(path)
    if (now?.subarray(0, content.length).equals(content)) continue
    const place = quarantined.find(([copy]) => copy.endsWith(`/${path}`))?.[1]
    if (place?.equals(content)) continue
    const kept = quarantined.filter(([copy]) => copy.includes(`/${path}@`))
    const restored = Buffer.concat([now ?? Buffer.alloc(0), Buffer.alloc(Math.max(0, content.length - (now?.length ?? 0)))])
    for (const [copy, bytes] of kept) bytes.copy(restored, Number(copy.slice(copy.lastIndexOf('@') + 1)))
    test.ok(restored.subarray(0, content.length).equals(content), `${path} is kept, or in quarantine`)
  }
}

t.test('a store without its log', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, MESSAGES)
  renameSync(join(directory, 'commitlog'), join(directory, 'elsewhere'))
  t.strictSame(kindsOf(await check(directory)), ['log-missing'])
  t.match(await repair(directory, '--apply'), { exitCode: 1, lines: [{ steps: 0 }], stderr: /^1 finding cannot be repaired/ })
  t.match(await command(['rebuild', directory, 'queues', '--apply']), { exitCode: 4, stderr: /ERR_LOG_MISSING/ })
  t.ok(existsSync(join(directory, 'consumequeue')))
})

t.test('a crash is no damage', async (t) => {
  const root = t.testdir()
  const { store } = await fillStore(join(root, 'live'), MESSAGES)
  cpSync(join(root, 'live'), join(root, 'crashed'), { recursive: true })
  await store.close()
  const directory = join(root, 'crashed')
  const checked = await check(directory)
  t.strictSame(kindsOf(checked), ['index-behind', 'queue-behind'])
  t.equal(checked.lines.filter(({ kind }) => kind === 'queue-behind').length, 4, 'once for each queue')
  t.match(await repair(directory, '--apply'), { exitCode: 0, lines: [{ step: 'open' }, { recovery: '@crash-queues-missing' }] })
  t.strictSame(kindsOf(await check(directory)), [])
  t.equal(await dump(directory), await dump(join(root, 'live')))
})

t.test('the wrong sizes for the index are no damage', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, MESSAGES)
  t.ok(kindsOf(await command(['check', directory, '--json'])).includes('index-size'))
  t.strictSame(kindsOf(await command(['check', directory, '--json', '--set', 'messageIndexEnable=false'])), [])
  t.match(await command(['rebuild', directory, 'index', '--set', 'messageIndexEnable=false']), { exitCode: 2 })
})

for (const what of ['queues', 'index'] as const) {
  t.test(`rebuild ${what}`, async (t) => {
    const directory = join(t.testdir(), 'store')
    await makeStore(directory, MESSAGES)
    const whole = await dump(directory)
    const folder = what === 'queues' ? 'consumequeue' : 'index'
    const before = filesBelow(directory, folder)
    t.match(await command(['rebuild', directory, what, ...smallFilesWords]), { exitCode: 0, stdout: new RegExp(`move .*${folder} to quarantine`) })
    t.strictSame(filesBelow(directory, folder), before)
    const { exitCode, lines } = await command(['rebuild', directory, what, '--apply', '--json', ...smallFilesWords])
    t.equal(exitCode, 0)
    const { quarantine } = lines.at(-1)
    t.strictSame([...filesBelow(quarantine, folder)], [...before], 'the old files are in quarantine')
    if (what === 'queues') t.strictSame([...filesBelow(directory, folder)], [...before], 'and the new ones are the same')
    t.equal(await dump(directory), whole)
    t.strictSame(kindsOf(await check(directory)), [])
  })
}

t.test('a rebuild of what is gone', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, MESSAGES)
  const whole = await dump(directory)
  for (const [what, folder] of [['queues', 'consumequeue'], ['index', 'index']] as const) {
    rmSync(join(directory, folder), { recursive: true })
    t.match(await command(['rebuild', directory, what, ...smallFilesWords]), { exitCode: 0, stdout: /^open  the store/ })
    const { exitCode, lines } = await command(['rebuild', directory, what, '--apply', '--json', ...smallFilesWords])
    t.match({ exitCode, lines }, { exitCode: 0, lines: [{ step: 'open' }, { steps: 1, applied: true, quarantine: null }] })
    t.equal(await dump(directory), whole)
    t.strictSame(kindsOf(await check(directory)), [])
  }
})

t.test('what is no store is left as it is', async (t) => {
  const directory = t.testdir({ letters: 'mine' })
  for (const words of [['repair', directory, '--apply'], ['rebuild', directory, 'index', '--apply'], ['repair', join(directory, 'none'), '--apply']]) {
    t.match(await command(words), { exitCode: 4, stderr: /ERR_NOT_A_STORE/ })
  }
  t.same(readdirSync(directory), ['letters'])
})

t.test('a rebuild that is interrupted at any place', async (t) => {
  const root = t.testdir()
  const directory = join(root, 'store')
  await makeStore(directory, MESSAGES)
  const whole = await dump(directory)
  const { lines } = await command(['rebuild', directory, 'queues', '--apply', '--json', ...smallFilesWords])
  const complete = join(lines.at(-1).quarantine, 'consumequeue')
  // Any of the queues made again and on the disk, the others not: what a crash in the open after the move leaves.
  for (let made = 0; made < 16; made++) {
    const crashed = join(root, `crashed-${made}`)
    cpSync(directory, crashed, { recursive: true })
    rmSync(join(crashed, 'consumequeue'), { recursive: true })
    rmSync(join(crashed, MANIFEST_NAME), { force: true })
    change(join(crashed, 'checkpoint'), 8, (bytes) => bytes.fill(0), 8)
    writeFileSync(join(crashed, 'abort'), '')
    for (const [place, queue] of ['orders/0', 'orders/1', 'payments/0', 'payments/1'].entries()) {
      if (made & (1 << place)) cpSync(join(complete, queue), join(crashed, 'consumequeue', queue), { recursive: true })
    }
    t.equal((await repair(crashed, '--apply')).exitCode, 0)
    t.equal(await dump(crashed), whole)
  }
})

t.test('for people', async (t) => {
  const directory = join(t.testdir(), 'store')
  await makeStore(directory, MESSAGES)
  t.match(await command(['repair', directory, '--apply', ...smallFilesWords]), { exitCode: 0, stdout: 'nothing to do\n' })
  change(segment(4)(directory), 16_000, (bytes) => bytes.fill('stale'), 100)
  t.match(await command(['check', directory, ...smallFilesWords]), { stdout: /bytes behind the end of the log \(100 bytes\)\n +repair: copies them/ })
  t.match(await command(['repair', directory, ...smallFilesWords]), { stdout: /^copy  bytes 16000 to 16100 of .*\n +bytes behind the end of the log\nopen  the store\n/, stderr: /--apply/ })
  t.match(await command(['repair', directory, '--apply', ...smallFilesWords]), { stdout: /done \(@clean: .*what was taken out is in .*quarantine/ })
})

t.test('two messages that claim one place', async (t) => {
  const directory = join(t.testdir(), 'store')
  const results = await makeStore(directory, MESSAGES)
  // Number 4 says that it is the first of its queue, too.
  change(segment(0)(directory), results[4]!.offset + 27, (bytes) => { bytes[0] = 0 })
  const checked = await check(directory)
  t.strictSame(kindsOf(checked), ['queue-disagreement', 'queue-entry-taken'])
})
