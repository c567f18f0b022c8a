import { rowsOfWorkload } from './rows.js'
import { summarize } from './statistics.js'

/**
 * What was measured as rows that stand by themselves: one for each figure of each side, with the figures of all rounds, median and spread,
 * how durable it was and on what machine. `ratio` is how much better ours is than that side, by the medians: above 1 it is better.
 */

const own = 'mqstore'

/** Where more is better, and where less is; of the others no ratio says anything. */
const ratios = {
  rate: (ours, theirs) => ours / theirs,
  bytesPerSecond: (ours, theirs) => ours / theirs,
  milliseconds: (ours, theirs) => theirs / ours,
}

/** @param measured.results of runRounds */
export function makeRows({ machine, workloads, sides, results }) {
  const machineLine = describeMachineLine(machine)
  return workloads.flatMap((workload) => {
    const rounds = results[workload.name]
    return rowsOfWorkload(workload).flatMap((row) =>
      Object.keys(rounds).filter((side) => hasFigure(row, side, rounds)).map((side) => ({
        workload: workload.name,
        title: row.title,
        side,
        ...describeSide(sides[side]),
        figure: row.of === undefined ? figureOf(row, side) : `${row.figure} less than ${row.of}`,
        unit: row.unit,
        ...describeWork(workload),
        durability: sides[side].durability?.[workload.flushDiskType] ?? workload.flushDiskType,
        machine: machineLine,
        ...describeFigures(row, side, rounds),
        dirtyBytesBefore: rounds[side].map(({ dirty }) => dirty.before),
        dirtyBytesMost: rounds[side].map(({ dirty }) => dirty.most),
      })),
    )
  })
}

export function describeMachineLine({ processor, cores, memoryGigabytes, kernel, node, fileSystem }) {
  return [`${processor}, ${cores} cores, ${memoryGigabytes} GiB`, kernel, `Node ${node}`, fileSystem].filter((part) => part !== undefined).join('; ')
}

function describeSide({ title, runsOn }) {
  return { sideTitle: title, ...(runsOn === undefined ? {} : { runsOn }) }
}

function describeWork({ messages, gibibytes, bodySize, topics, queues, keys = 1, inFlight, batchSize, perSecond }) {
  return { messages, gibibytes, bodySize, topics, queues, keys, inFlight, batchSize, perSecond }
}

function hasFigure(row, side, rounds) {
  return !(row.onlyTheirs && side === own) && figureOf(row, side) in (rounds[side][0]?.figures ?? {})
}

/** Median and spread, how much better ours is, all values, and what there is to say of them. */
function describeFigures(row, side, rounds) {
  const figure = figureOf(row, side)
  const values = valuesOf(rounds[side], figure, row.of)
  const notes = rounds[side].map((round) => round.notes[figure])
  const ours = side === own || rounds[own].length === 0 ? undefined : summarize(valuesOf(rounds[own], row.ours, row.of))
  const ratio = ours && ratios[row.unit]?.(ours.median, summarize(values).median)
  return { ...summarize(values), ...(ratio === undefined ? {} : { ratio }), values, ...(notes.every((note) => note === undefined) ? {} : { notes }) }
}

function figureOf(row, side) {
  return side === own ? row.ours : row.figure
}

/** Of each round; where they are to be held against another figure, by which share they are less than that of the same round. */
function valuesOf(rounds, figure, of) {
  return rounds.map(({ figures }) => (of === undefined ? figures[figure] : 1 - figures[figure] / figures[of]))
}
