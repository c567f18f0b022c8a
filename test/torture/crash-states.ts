import { MessageStore, type OpenOptions } from '../../lib/index'
import type { Backend } from '../../lib/storage/ports'
import { audit } from './audit'
import { BODY_MAX, CrashWorkload, directory, type Moment } from './crash-workload'
import { CrashStates, emptyDisk, type DirectoryImage } from './disk-image'
import type { Layer, LayerContext } from './layer'
import { Ledger } from './ledger'
import { Random } from './random'
import { SimulatedDisk } from './simulated-disk'
import { SteppedClock } from './stepped-clock'

const NAME = 'crash-states'
const START = Date.UTC(2024, 0, 2, 3, 4, 5)
/** States of one workload, spread evenly over all that it could have left. */
const CASES_PER_WORKLOAD = 400
/** So many uncertain things, or fewer, are tried in all their combinations. */
const EXHAUSTIVE_MAX = 7
/** Of more, so many combinations that follow no pattern. */
const RANDOM_SUBSETS = 32
/** A crash while the store recovers from a crash while it recovers from a crash. */
const DEPTH_MAX = 2

export const crashStates: Layer = {
  name: NAME,
  story: 'power cuts at every step of a store on a simulated disk: what the disk was not told to keep is there or not, by the sector',
  cases: { ci: 100_000, full: 1_000_000 },
  lacks: () => undefined,
  async run(context) {
    const end = context.first + context.count
    for (let index = context.first; index < end && !context.isOver;) {
      const workload = Math.floor(index / CASES_PER_WORKLOAD)
      const upTo = Math.min(end, (workload + 1) * CASES_PER_WORKLOAD)
      await runCases(context, workload, index, upTo)
      index = upTo
    }
  },
}

/** What is uncertain at a moment, and how many combinations of it are tried. */
interface Choice {
  moment: Moment
  states: CrashStates
  count: number
}

async function runCases(context: LayerContext, number: number, from: number, to: number): Promise<void> {
  const random = new Random(context.seed, NAME, 'workload', number)
  const options = chooseOptions(random)
  const workload = new CrashWorkload(options, random, { image: emptyDisk, now: START, ledger: new Ledger(context.seed) })
  await workload.run(random.between(20, 45))
  for (const wrong of workload.wrong) context.fail(from, wrong)
  const choices = workload.moments.map(choiceAt)
  const total = choices.reduce((sum, { count }) => sum + count, 0)
  context.add('workloads', 1)
  context.add('moments', choices.length)
  for (let index = from; index < to && !context.isOver; index++) {
    const caseRandom = new Random(context.seed, NAME, index)
    let place = Math.floor((((index % CASES_PER_WORKLOAD) + caseRandom.next()) * total) / CASES_PER_WORKLOAD)
    const choice = choices.find(({ count }) => {
      if (place < count) return true
      place -= count
      return false
    })!
    const check = new Check(context, options, caseRandom)
    const wrong = await check.crash(workload, choice, place, 0)
    if (wrong.length === 0) context.done()
    else context.fail(index, `${wrong.slice(0, 3).join('; ')}\n  ${JSON.stringify(options)}\n  ${check.story.join('\n  ')}`)
  }
}

/** Sizes so small that a few messages fill files; everything that changes what is written, both ways. */
function chooseOptions(random: Random): OpenOptions {
  const compatibility = random.pick(['4.9', '5.3'] as const)
  return {
    compatibility,
    flushDiskType: random.chance(0.75) ? 'SYNC_FLUSH' : 'ASYNC_FLUSH',
    mappedFileSizeCommitLog: random.pick([2048, 4096, 8192]),
    mappedFileSizeConsumeQueue: random.pick([100, 200, 400]),
    maxHashSlotNum: 16,
    maxIndexNum: random.pick([8, 64]),
    flushCommitLogLeastPages: random.pick([0, 4]),
    flushConsumeQueueLeastPages: random.pick([0, 2]),
    messageIndexSafe: random.chance(0.5),
    ...(compatibility === '5.3' && random.chance(0.25) && { enabledAppendPropCRC: true, forceVerifyPropCRC: random.chance(0.5) }),
  }
}

function choiceAt(moment: Moment): Choice {
  const states = new CrashStates(moment.image)
  return { moment, states, count: subsetCount(states.uncertain.length) }
}

function subsetCount(things: number): number {
  return things <= EXHAUSTIVE_MAX ? 2 ** things : 2 + 4 * things + RANDOM_SUBSETS
}

/** Which of the things have happened in combination `number`: all combinations of a few; of many none, all, each alone, all but one, prefixes, suffixes, random ones. */
function subset(things: number, number: number, random: Random): boolean[] {
  const make = (test: (thing: number) => boolean): boolean[] => Array.from({ length: things }, (_, thing) => test(thing))
  if (things <= EXHAUSTIVE_MAX) return make((thing) => (number & (1 << thing)) !== 0)
  if (number < 2) return make(() => number === 1)
  const thingOf = (number - 2) % things
  switch (Math.floor((number - 2) / things)) {
    case 0: return make((thing) => thing === thingOf)
    case 1: return make((thing) => thing !== thingOf)
    case 2: return make((thing) => thing < thingOf)
    case 3: return make((thing) => thing > thingOf)
    default: return make(() => random.chance(0.5))
  }
}

/** One crash, and what comes after it. */
class Check {
  /** For people, when it fails. */
  readonly story: string[] = []
  /** Once damage was reported a queue may have places without a message. */
  #isDamageReported = false

  constructor(
    private readonly context: LayerContext,
    private readonly options: OpenOptions,
    private readonly random: Random,
  ) {}

  /** @returns what is wrong with a store that opens after this crash */
  async crash(workload: CrashWorkload, { moment, states }: Choice, number: number, depth: number): Promise<string[]> {
    const { uncertain } = states
    const happened = subset(uncertain.length, number, this.random)
    const isAll = happened.every(Boolean)
    const at = workload.moments.indexOf(moment)
    const lost = uncertain.filter((_, thing) => !happened[thing])
    this.story.push(`crash at moment ${at} of ${workload.moments.length}; lost: ${lost.join(', ')}; kept: ${uncertain.filter((_, thing) => happened[thing]).join(', ')}`)
    const image = states.choose((thing) => happened[thing]!)
    const ledger = workload.ledgerAt(moment, isAll)
    try {
      if (depth < DEPTH_MAX && this.random.chance(depth === 0 ? 0.08 : 0.5)) return await this.#crashAgain(image, moment.now, ledger, depth + 1)
      return await this.#open(image, moment.now, ledger)
    } catch (error) {
      return [(error as Error).stack!]
    }
  }

  async #open(image: DirectoryImage, now: number, ledger: Ledger): Promise<string[]> {
    const clock = new SteppedClock(now)
    const disk = new SimulatedDisk(clock, image)
    const store = await this.#openStore(disk, clock)
    const wrong = this.#audit(store, ledger)
    this.context.add('acknowledged', ledger.acknowledged.size)
    if (!this.random.chance(0.1)) return wrong
    // The process dies, and the next one finds what this one has written.
    const again = await this.#openStore(new SimulatedDisk(clock, disk.image()), clock)
    const [first, second] = [describeContent(store), describeContent(again)]
    return first === second ? wrong : [...wrong, `recovering again makes ${second} of ${first}`]
  }

  /** The store goes on from there, and there is another crash: while it recovers, while it is written to, or behind an orderly close. */
  async #crashAgain(image: DirectoryImage, now: number, ledger: Ledger, depth: number): Promise<string[]> {
    const workload = new CrashWorkload(this.options, this.random, { image, now, ledger })
    await workload.open()
    this.#noteRecovery(workload.store!)
    const found = new Set<number>()
    const wrong = this.#audit(workload.store!, ledger, found)
    workload.settle(found)
    const puts = Array.from({ length: this.random.below(4) }, () => workload.put())
    await Promise.all(puts)
    const isClosed = this.random.chance(0.5)
    if (isClosed) await workload.close()
    const choice = choiceAt(isClosed && this.random.chance(0.5) ? workload.moments.at(-1)! : this.random.pick(workload.moments))
    return [...wrong, ...workload.wrong, ...(await this.crash(workload, choice, this.random.below(choice.count), depth))]
  }

  async #openStore(disk: SimulatedDisk, clock: SteppedClock): Promise<MessageStore> {
    const ports: { backend: Backend } = { backend: disk.backend }
    const store = await MessageStore.open(directory, { ...this.options, clock, ports } as OpenOptions)
    this.#noteRecovery(store)
    return store
  }

  #noteRecovery({ recovery: { label, damage }, maxPhyOffset }: MessageStore): void {
    this.story.push(`opened: ${label}, ${maxPhyOffset} bytes`)
    if (damage.length === 0) return
    this.#isDamageReported = true
    this.context.add('stepped over', 1)
    this.story.push(...damage.map(({ reason, offset, unreadableBytes }) => `damage at ${offset}, ${unreadableBytes} bytes: ${reason}`))
  }

  #audit(store: MessageStore, ledger: Ledger, found = new Set<number>()): string[] {
    return audit(store, ledger, { bodyMax: BODY_MAX, isDense: !this.#isDamageReported, found })
  }
}

function describeContent(store: MessageStore): string {
  const queues = store.queues().map(({ topic, queueId, minOffset, maxOffset }) => {
    const offsets: number[] = []
    for (let offset = minOffset; offset < maxOffset;) {
      const { messages, nextBeginOffset } = store.get({ topic, queueId, offset, maxMessages: 32 })
      for (const { commitLogOffset } of messages) offsets.push(commitLogOffset)
      offset = Math.max(nextBeginOffset, offset + 1)
    }
    return `${topic}/${queueId} ${minOffset}-${maxOffset}: ${offsets.join(' ')}`
  })
  return `${store.maxPhyOffset} bytes, ${queues.join(', ')}`
}
