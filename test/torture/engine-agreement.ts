import { buf as crc32 } from 'crc-32'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { segmentName } from '../../lib/format/file-name'
import { readLong } from '../../lib/format/long'
import { CRC_MASK, Position, RECORD_LENGTH_MIN, RecordParts, locate } from '../../lib/format/record'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { compatibilityOf, engineUnavailable, engineVersions, startEngine, type EngineVersion } from '../interop/engine'
import type { Player } from '../interop/player'
import { firstDifference } from '../support/compare'
import { dumpStore } from '../support/dump'
import { randomMessages } from '../support/random-messages'
import { putRecorded } from '../support/recorded'
import type { Layer, LayerContext } from './layer'
import { cutPower, type Loss } from './power-loss'
import { Random } from './random'

/** Cases that are made, given to the engine and compared together. */
const CASES_AT_ONCE = 50
/** Stores that the engine has open at the same time: it sleeps for a second as it starts, and again as it closes. */
const STORES_AT_ONCE = 50

/** A store as a crash has left it, and what we make of it. */
interface State {
  index: number
  version: EngineVersion
  losses: readonly Loss[]
  settings: OpenOptions
  /** Untouched since the crash; the engine recovers it. */
  raw: string
  /** Recovered and closed by us. */
  recovered: string
  dump: object[]
  /** The log ends for us at a record that the engine takes for whole: see {@link isWholeToEngine}. */
  endsInHalfRecord: boolean
}

/**
 * Where the engine is known to lose messages that we keep (damage in the middle, queues that lack entries in their middle)
 * or does not start at all (a last segment that is not of full size, foreign files), no state is made: docs/recovery.md and
 * the tests of the recovery table have those.
 */
export const engineAgreement: Layer = {
  name: 'engine',
  story: 'what a crash leaves is read alike by us and by the real engine, before our recovery and after it',
  cases: { ci: 300, full: 3000 },
  lacks: () => engineUnavailable() || undefined,
  async run(context) {
    const engines = new Map(engineVersions.map((version) => [version, startEngine(version)]))
    try {
      const end = context.first + context.count
      for (let first = context.first; first < end && !context.isOver; first += CASES_AT_ONCE) {
        await runCases(context, first, Math.min(first + CASES_AT_ONCE, end), engines)
      }
    } finally {
      await Promise.all([...engines.values()].map((engine) => engine.kill()))
    }
  },
}

async function runCases(context: LayerContext, first: number, end: number, engines: ReadonlyMap<EngineVersion, Player>): Promise<void> {
  const states: State[] = []
  for (let index = first; index < end; index++) {
    try {
      states.push(await makeState(context, index))
    } catch (error) {
      context.fail(index, (error as Error).stack!)
    }
  }
  await Promise.all([...engines].map(([version, engine]) => compare(context, engine, states.filter((state) => state.version === version))))
  for (const { raw, recovered } of states) for (const directory of [raw, recovered]) rmSync(directory, { recursive: true })
}

async function compare(context: LayerContext, engine: Player, states: readonly State[]): Promise<void> {
  const stores = states.flatMap(({ raw, recovered, settings }) => [{ directory: raw, settings }, { directory: recovered, settings }])
  const dumps = await engine.readAll(stores, STORES_AT_ONCE)
  for (const [at, { index, version, losses, dump, endsInHalfRecord }] of states.entries()) {
    const [recoveredByEngine, readByEngine] = [dumps[2 * at]!, dumps[2 * at + 1]!]
    if (endsInHalfRecord) context.add('half records that the engine takes for whole ones', 1)
    const differences = [
      endsInHalfRecord ? describeEqualEnd(dump, recoveredByEngine) : describeDifference('the engine recovers it otherwise', dump, recoveredByEngine),
      describeDifference('the engine reads otherwise what we have recovered', dump, readByEngine),
    ].filter((difference) => difference !== undefined)
    context.add('messages', dump.filter((line) => 'msgId' in line).length)
    for (const loss of losses) context.add(`without ${loss}`, 1)
    if (differences.length === 0) context.done()
    else context.fail(index, `${version}, lost: ${losses.join(', ') || 'nothing'}; ${differences.join('\n')}`)
  }
}

function describeDifference(what: string, ours: object[], theirs: object[] | Error): string | undefined {
  const difference = theirs instanceof Error ? theirs.message : firstDifference(ours, theirs)
  return difference && `${what}: ${difference}`
}

/** For a log that goes on for the engine where it ends for us. */
function describeEqualEnd(ours: object[], theirs: object[] | Error): string | undefined {
  if (theirs instanceof Error) return theirs.message
  const [ourEnd, theirEnd] = [ours, theirs].map(([bounds]) => (bounds as { maxPhyOffset: number }).maxPhyOffset) as [number, number]
  return theirEnd > ourEnd ? undefined : `the engine was to take the half record at ${ourEnd} for a whole one, and ends at ${theirEnd}`
}

async function makeState(context: LayerContext, index: number): Promise<State> {
  const random = new Random(context.seed, 'engine', index)
  const version = random.pick(engineVersions)
  const settings: OpenOptions = {
    flushDiskType: random.pick(['SYNC_FLUSH', 'ASYNC_FLUSH'] as const),
    mappedFileSizeCommitLog: random.pick([128 << 10, 256 << 10]),
    mappedFileSizeConsumeQueue: random.pick([400, 4000]),
    maxHashSlotNum: 100,
    maxIndexNum: random.pick([60, 400]),
  }
  const compatibility = compatibilityOf(version)
  const [live, raw, recovered] = ['live', 'raw', 'recovered'].map((name) => join(context.directory, `${index}-${name}`)) as [string, string, string]
  mkdirSync(live)
  const store = await MessageStore.open(live, { ...settings, compatibility })
  let durableTo: number
  try {
    durableTo = await writeUntilCrash(store, random, version, () => cpSync(live, raw, { recursive: true, preserveTimestamps: true }))
  } finally {
    await store.close()
    rmSync(live, { recursive: true })
  }
  const losses = random.chance(0.3) ? [] : cutPower(raw, random, durableTo)
  cpSync(raw, recovered, { recursive: true, preserveTimestamps: true })
  const again = await MessageStore.open(recovered, { ...settings, compatibility })
  try {
    const endsInHalfRecord = isWholeToEngine(join(raw, 'commitlog'), settings.mappedFileSizeCommitLog!, again.maxPhyOffset)
    return { index, version, losses, settings, raw, recovered, dump: [...dumpStore(again)], endsInHalfRecord }
  } finally {
    await again.close()
  }
}

/**
 * The one difference that a torn tail makes: the engine checks lengths and the body's CRC, and so takes for whole a record
 * of which only the properties were lost. We end the log before it.
 */
function isWholeToEngine(log: string, segmentSize: number, offset: number): boolean {
  const position = offset % segmentSize
  const path = join(log, segmentName(offset - position))
  if (!existsSync(path)) return false
  const bytes = readFileSync(path)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const parts = new RecordParts()
  if (bytes.length - position < RECORD_LENGTH_MIN || locate(view, position, bytes.length, parts) !== undefined) return false
  const bodyAt = position + parts.bodyAt
  const crc = crc32(bytes.subarray(bodyAt, bodyAt + parts.bodyLength)) & CRC_MASK
  return readLong(view, position + Position.physicalOffset) === offset && crc === view.getInt32(position + Position.bodyCRC)
}

/** @returns how much of the log was flushed when the copy was made */
async function writeUntilCrash(store: MessageStore, random: Random, version: EngineVersion, copy: () => void): Promise<number> {
  const messages = randomMessages({ seed: random.below(2 ** 31), count: random.between(5, 120), withLongTopics: version !== '4.9.7' })
  const flushAfter = random.chance(0.5) ? random.below(messages.length) : -1
  const durableAfter = random.below(messages.length)
  let durableTo = 0
  for (const [number, message] of messages.entries()) {
    // Not waited for: under SYNC_FLUSH, too, a crash finds messages whose flush is under way.
    const put = putRecorded(store, message)
    if (number <= durableAfter) await put
    if (number === flushAfter) await store.flush()
    durableTo = store.flushedOffset
  }
  copy()
  return durableTo
}
