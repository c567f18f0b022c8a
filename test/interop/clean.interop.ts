import t from 'tap'
import { readdirSync, statfsSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore, type OpenOptions } from '../../lib/index'
import type { DiskMeter } from '../../lib/storage/ports'
import { systemDiskMeter } from '../../lib/storage/system-disk-meter'
import { firstDifference } from '../support/compare'
import { dumpStore } from '../support/dump'
import { Random } from '../torture/random'
import { SteppedClock } from '../torture/stepped-clock'
import { compatibilityOf, engineUnavailable, engineVersions, startEngine, type EngineVersion } from './engine'
import { copyStore } from './left-behind'

/*
 * The story: a broker's directory is taken over, with all that its operator has set for what is deleted and when. What the
 * broker would have deleted goes, and what it would have kept stays: the same files of the log, the queues and the index, and
 * the same messages for those who read.
 *
 * Not proved here: how long either takes for it, files that are held by readers, and what 5.3.3 forces out. Of a queue without any message left 4.9.7
 * says that it begins where it began; we say that it begins where it ends, as 5.3.3 does.
 */

const LAYOUTS = 200
const LOOKS = 40
const HOUR = 3_600_000
const AT_ONCE = 12
/** Milliseconds between two looks of ours; nothing else waits for as long. */
const INTERVAL = 10_001

const skip = engineUnavailable() || diskUnsuitable()

// two hundred stores, each opened by the engine
t.setTimeout(600_000)

interface Layout {
  directory: string
  settings: Record<string, number | string | boolean>
  manually: boolean
  forced: boolean
}

const sizes = { mappedFileSizeCommitLog: 16_384, mappedFileSizeConsumeQueue: 400, maxHashSlotNum: 50, maxIndexNum: 60 }

/** Knows when a look at what is to be deleted has come to its end: then the next one is waited for. */
class LookClock extends SteppedClock {
  #onLookEnded = (): void => {}

  lookEnded(): Promise<void> {
    return new Promise((resolve) => {
      this.#onLookEnded = resolve
    })
  }

  override startTimer(milliseconds: number, callback: () => void): () => void {
    if (milliseconds === INTERVAL) this.#onLookEnded()
    return super.startTimer(milliseconds, callback)
  }
}

/** The engine measures the real disk, and can be told limits from 10 to 95 percent. */
function diskUnsuitable(): string | false {
  const { blocks, bfree, bavail } = statfsSync(process.cwd())
  const percent = Math.ceil(((blocks - bfree) * 100) / (blocks - bfree + bavail))
  return (percent < 12 || percent > 84) && `the disk is ${percent} % full, and what the engine does on it would not depend on the settings`
}

/** A closed store with segments of any age, and what its operator has set. */
async function makeLayout(parent: string, number: number, version: EngineVersion, random: Random): Promise<Layout> {
  const directory = join(parent, `layout${number}`)
  const clock = new SteppedClock(Date.now() - 300 * HOUR)
  const store = await MessageStore.open(directory, { ...sizes, compatibility: compatibilityOf(version), clock })
  const count = random.pick([3, 40, 150, 350])
  for (let message = 0; message < count; message++) {
    const properties = { TAGS: 'a', ...(random.chance(0.7) && { KEYS: `key${message}` }) }
    const topic = random.chance(0.05) ? 'rare' : random.pick(['orders', 'payments'])
    store.append({ topic, queueId: random.below(3), body: Buffer.alloc(random.between(10, 1500), 'x'), properties })
    clock.advance(1000)
  }
  await store.close()
  const fileReservedTime = random.pick([1, 24, 72])
  setAges(directory, fileReservedTime, random)
  const occasion = random.pick(['hour', 'manual', 'space', 'none'])
  // 5.3.3 takes no disk for too full of which less than 30 percent are used.
  const forced = version === '4.9.7' && random.chance(0.4)
  const hours = Array.from({ length: 24 }, (_, hour) => hour)
  const otherHour = (new Date().getHours() + 12) % 24
  return {
    directory,
    forced,
    manually: occasion === 'manual',
    settings: {
      ...sizes,
      fileReservedTime,
      deleteWhen: occasion === 'hour' ? hours.join(';') : String(otherHour),
      diskMaxUsedSpaceRatio: occasion === 'space' ? 10 : 95,
      cleanFileForciblyEnable: random.chance(0.7),
      deleteCommitLogFilesInterval: 0,
      deleteConsumeQueueFilesInterval: 0,
    },
  }
}

/** Mostly the older file comes first; now and then one has been touched, which keeps all behind it. */
function setAges(directory: string, reservedHours: number, random: Random): void {
  const names = readdirSync(join(directory, 'commitlog')).sort()
  const old = random.below(names.length + 1)
  names.forEach((name, index) => {
    const isOld = random.chance(0.05) ? random.chance(0.5) : index < old
    const age = isOld ? reservedHours + 0.5 + random.below(100) : Math.max(0, reservedHours - 0.5 - random.next() * reservedHours)
    const seconds = Date.now() / 1000 - age * 3600
    utimesSync(join(directory, 'commitlog', name), seconds, seconds)
  })
}

function nameOf(line: object): string {
  const { topic, queueId } = line as { topic?: string; queueId?: number }
  return `${topic}/${queueId}`
}

/**
 * The bounds of the log and the queues that have messages, in any order. For the first message of a log, 4.9.7 answers with
 * whatever comes first in what is left: each message counts once.
 */
function queuesWithMessages(dump: readonly object[], names: ReadonlySet<string>): object[] {
  const lines = dump.filter((line) => 'minPhyOffset' in line || (names.has(nameOf(line)) && !('getStatus' in line)))
  return [...new Set(lines.map((line) => JSON.stringify(line)))].sort().map((line) => JSON.parse(line) as object)
}

/** What is left of the log, the queues and the index. */
function filesOf(directory: string): string[] {
  return ['commitlog', 'consumequeue', 'index'].flatMap((place) =>
    readdirSync(join(directory, place), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath.slice(directory.length), entry.name)),
  ).sort()
}

/** Does what the engine does in as many looks, on the same disk, or on one that is as full as the engine was told. */
async function clean(version: EngineVersion, layout: Layout, directory: string): Promise<object[]> {
  const clock = new LookClock(Date.now())
  const full: DiskMeter = { usage: () => ({ totalBytes: 1e11, freeBytes: 1e10, device: 1 }) }
  const ports = { disk: layout.forced ? full : systemDiskMeter }
  const store = await MessageStore.open(directory, { ...layout.settings, cleanResourceInterval: INTERVAL, compatibility: compatibilityOf(version), clock, ports } as OpenOptions)
  if (layout.manually) await store.retention.deleteNow()
  for (let look = 0; look < LOOKS; look++) {
    const ended = clock.lookEnded()
    clock.advance(look === 0 ? 60_000 : INTERVAL)
    await ended
  }
  const dump = [...dumpStore(store)]
  await store.close()
  return dump
}

for (const version of engineVersions) {
  t.test(`${version} and we delete the same`, { skip }, async (test) => {
    const random = new Random('clean', version)
    const parent = test.testdir()
    const layouts: Layout[] = []
    for (let number = 0; number < LAYOUTS; number++) layouts.push(await makeLayout(parent, number, version, random))
    const copies = layouts.map(({ directory }) => copyStore(directory, 'ours'))
    const before = layouts.map(({ directory }) => filesOf(directory))
    const engine = startEngine(version)
    test.teardown(() => engine.kill())
    const expected: (object[] | Error)[] = []
    for (const forced of [false, true]) {
      const wanted = layouts.filter((layout) => layout.forced === forced)
      const stores = wanted.map(({ directory, settings, manually }) => ({ directory, settings, manually, looks: LOOKS }))
      const dumps = await engine.cleanAll(stores, forced, AT_ONCE)
      wanted.forEach((layout, at) => (expected[layouts.indexOf(layout)] = dumps[at]!))
    }
    const counts = { segments: 0, queues: 0, index: 0, untouched: 0 }
    for (const [number, layout] of layouts.entries()) {
      const dump = await clean(version, layout, copies[number]!)
      const name = `layout ${number}: ${JSON.stringify({ ...layout, directory: undefined })}`
      const left = filesOf(layout.directory)
      const answer = expected[number]!
      const names = new Set(dump.filter((line) => 'commitLogOffset' in line).map(nameOf))
      const different = firstDifference(answer instanceof Error ? [{ failed: String(answer) }] : queuesWithMessages(answer, names), queuesWithMessages(dump, names))
      const filesAreSame = JSON.stringify(filesOf(copies[number]!)) === JSON.stringify(left)
      if (!filesAreSame) test.same(filesOf(copies[number]!), left, name)
      if (different !== undefined) test.fail(name, { different })
      const gone = before[number]!.filter((file) => !left.includes(file))
      counts.segments += gone.filter((file) => file.startsWith('/commitlog')).length
      counts.queues += gone.filter((file) => file.startsWith('/consumequeue')).length
      counts.index += gone.filter((file) => file.startsWith('/index')).length
      if (gone.length === 0) counts.untouched++
    }
    test.comment(JSON.stringify(counts))
    for (const count of Object.values(counts)) test.ok(count > 0, 'all of it has happened')
  })
}
