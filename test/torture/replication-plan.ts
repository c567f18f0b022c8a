import type { OpenOptions } from '../../lib/index'
import { Random } from './random'
import type { Cut, CutPlace, Direction } from './replication-wire'
import { smallOptions } from './small-options'

/** What is done to master and slave in one process, on simulated disks. */
export const simulatedFaults = [
  'cut to slave', 'cut to master', 'hold to slave', 'hold to master', 'slow slave', 'full slave', 'failed flush on slave',
  'kill slave', 'power of slave', 'kill master', 'power of master',
] as const
export type SimulatedFault = (typeof simulatedFaults)[number]

/** What is done to processes, over a network of their own. */
export const realFaults = ['loss', 'deaf slave', 'deaf master', 'stopped slave', 'stopped master', 'killed slave', 'killed master', 'small disk'] as const
export type RealFault = (typeof realFaults)[number]

/** The faults of so many rounds, and then again: connections are cut most often, since there are so many places; processes take seconds. */
const cycle: readonly (SimulatedFault | 'real')[] = [
  'cut to slave', 'power of slave', 'cut to slave', 'hold to slave', 'power of master',
  'cut to slave', 'full slave', 'cut to master', 'kill slave', 'real',
  'cut to slave', 'kill master', 'power of slave', 'hold to master', 'cut to slave',
  'slow slave', 'power of master', 'cut to master', 'failed flush on slave', 'real',
]

/** Connections of a round that are cut, one after the other. */
export const CUTS_PER_ROUND = 4
const HEADER_BYTES = 13
const FRAMES = 12
const RECORDS = 24
/** Bytes around the end of a record. */
const AROUND = 12
const REPORT_BYTES = 400

export interface RoundPlan {
  index: number
  fault: SimulatedFault | RealFault
  isReal: boolean
  random: Random
  options: OpenOptions
  slaves: 1 | 2
  /** How many slaves have to have a message that is acknowledged. */
  slavesWithAll: 1 | 2
  inFlight: number
  cuts: Cut[]
  /** Messages in the log before there is a slave. */
  before: number
  /** The master is lost while the fault lasts. */
  isLostInFault: boolean
  /** What becomes of the slaves when the master is lost. */
  ending: 'promoted' | 'opened alone' | 'killed' | 'power cut'
  /** The old master is started as a slave of the new one. */
  returns: boolean
}

export function planRound(seed: number, index: number): RoundPlan {
  const random = new Random(seed, 'replication', index)
  const place = index % cycle.length
  const round = Math.floor(index / cycle.length)
  const slot = cycle[place]!
  const sameBefore = cycle.slice(0, place).filter((one) => one === slot).length
  const occurrence = round * cycle.filter((one) => one === slot).length + sameBefore
  const isReal = slot === 'real'
  const fault = isReal ? realFaults[occurrence % realFaults.length]! : slot
  const small = smallOptions(random)
  const hasTwo = !isReal && small.compatibility === '5.3' && fault !== 'power of master' && random.chance(0.3)
  const slavesWithAll = hasTwo && random.chance(0.5) ? 2 : 1
  const isDurable = fault === 'power of slave' || random.chance(0.3)
  return {
    index, fault, isReal, random, slavesWithAll,
    slaves: hasTwo ? 2 : 1,
    options: { ...small, ...haOptions(random, isReal), ...policy(random, small, 1 + slavesWithAll), haAcknowledgeAfterFlush: isDurable },
    inFlight: random.pick([1, 2, 4, 16]),
    cuts: fault === 'cut to slave' || fault === 'cut to master' ? makeCuts(random, fault === 'cut to slave' ? 'toSlave' : 'toMaster', occurrence) : [],
    before: random.chance(0.25) ? random.below(60) : 0,
    isLostInFault: random.chance(0.3),
    ending: random.pick(isDurable ? ['promoted', 'opened alone', 'killed', 'power cut', 'power cut'] as const : ['promoted', 'promoted', 'opened alone', 'killed'] as const),
    returns: random.chance(0.5),
  }
}

/** In a round without processes time passes twenty times as fast. */
function haOptions(random: Random, isReal: boolean): OpenOptions {
  const batch = random.pick([60, 1000, 32_768])
  if (isReal) {
    return { haTransferBatchSize: batch, slaveTimeout: 1500, haSendHeartbeatInterval: 100, haHousekeepingInterval: random.pick([600, 5000]) }
  }
  return {
    haTransferBatchSize: batch, slaveTimeout: random.pick([2000, 20_000]), syncFlushTimeout: 100_000,
    haSendHeartbeatInterval: 400, haHousekeepingInterval: random.pick([1500, 20_000]), haListenPort: 0,
  }
}

function policy(random: Random, { compatibility }: OpenOptions, stores: number): OpenOptions {
  if (compatibility === '4.9') return {}
  if (stores === 2 && random.chance(0.2)) return { allAckInSyncStateSet: true, minInSyncReplicas: 2 }
  return { inSyncReplicas: stores, minInSyncReplicas: random.pick([1, stores]) }
}

/** All places come in turn, as far as there are rounds: each byte from the first on, and those around headers and records. */
function makeCuts(random: Random, direction: Direction, occurrence: number): Cut[] {
  return Array.from({ length: CUTS_PER_ROUND }, (_, at) => {
    const number = occurrence * CUTS_PER_ROUND + at
    const place = direction === 'toMaster' ? { at: 'byte' as const, byte: 1 + (number % REPORT_BYTES) } : placeToSlave(random, number)
    return { direction, place, isReset: random.chance(0.5) }
  })
}

function placeToSlave(random: Random, number: number): CutPlace {
  const turn = Math.floor(number / CUTS_PER_ROUND)
  switch (number % CUTS_PER_ROUND) {
    case 0: return { at: 'byte', byte: 1 + turn }
    case 1: return { at: 'header', byte: turn % HEADER_BYTES, frame: Math.floor(turn / HEADER_BYTES) % FRAMES }
    case 2: return { at: 'record', distance: (turn % (2 * AROUND + 1)) - AROUND, record: Math.floor(turn / (2 * AROUND + 1)) % RECORDS }
    default: return { at: 'byte', byte: 1 + random.below(12_000) }
  }
}
