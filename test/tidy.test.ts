/**
 * The shape of lib/, held by a test: each room knows only those above it, disks and clocks are reached through the ports, and
 * the hot path is free of what makes it slow. That the code is good is not shown here.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import t from 'tap'

const root = join(__dirname, '..', '..', 'lib')

/** Highest first; a file may import from its own room and from those above. Types of lib/types.ts are everybody's. */
const rooms = [
  'errors', 'types', 'format', 'options', 'storage', 'consume-queue', 'index-file', 'commit-log', 'dispatch', 'flush', 'guard', 'config', 'recovery', 'read',
  'put-result', 'channels', 'events', 'retention', 'open-store', 'check', 'backup', 'replication', 'store', 'observe', 'index', 'esm', 'repair', 'cli',
]

const banned: { what: RegExp; instead: string; except: RegExp }[] = [
  { what: /\bDate\.now\b|\bnew Date\(\)/, instead: 'the clock', except: /^storage\/system-clock|^cli\// },
  { what: /'node:fs'/, instead: 'the file system port', except: /^storage\/|^open-store|^cli\// },
  { what: /\bBigInt\b|BigU?Int64/, instead: 'format/long', except: /^format\/(long|checkpoint-layout|message-id)|^check\/|^cli\// },
  { what: /\bTODO\b|\bFIXME\b/, instead: 'doing it', except: /^$/ },
  { what: /console\./, instead: 'an event', except: /^cli\// },
]

const LINES_MAX = 600
const COLUMNS_MAX = 170

function* filesUnder(directory: string): Generator<string> {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    if (statSync(path).isDirectory()) yield* filesUnder(path)
    else if (/\.m?ts$/.test(name)) yield relative(root, path).split(sep).join('/')
  }
}

const files = [...filesUnder(root)].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

function roomOf(path: string): string {
  return path.replace(/\.m?ts$/, '').split('/')[0]!
}

t.test('each room knows only those above it', async (t) => {
  for (const { path, text } of files) {
    const own = rooms.indexOf(roomOf(path))
    t.ok(own >= 0, `${path} is in a room that is known`)
    for (const [, isType, from] of text.matchAll(/^(?:import|export)( type)? .*?from '(\..*?)'/gms)) {
      const target = roomOf(posix.join(posix.dirname(path), from!.replace(/\.js$/, '')))
      // lib/types.ts speaks of what the rooms make, and only speaks of it.
      if (isType !== undefined && roomOf(path) === 'types') continue
      if (rooms.indexOf(target) > own) t.fail(`${path} imports from ${from}, a room below`)
    }
  }
})

t.test('what is banned has a replacement', async (t) => {
  for (const { path, text } of files) {
    for (const { what, instead, except } of banned) {
      if (!except.test(path) && what.test(text)) t.fail(`${path} has ${what.exec(text)![0]}: use ${instead}`)
    }
    const lines = text.split('\n')
    t.ok(lines.length <= LINES_MAX, `${path} has ${lines.length} lines`)
    t.ok(lines.every((line) => line.length <= COLUMNS_MAX), `${path} has no line over ${COLUMNS_MAX} columns`)
  }
})
