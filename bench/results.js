import { rowsOfWorkload } from './rows.js'
import { summarize } from './statistics.js'

/**
 * What was measured as rows that stand by themselves: one for each figure of each side, with the figures of all rounds, median and spread,
 * how durable it was and on what machine. `ratio` is how much better ours is than that side, by the medians: above 1 it is better.
 */

/** Where more is better, and where less is; of the others no ratio says anything. */
const ratios = {
  rate: (ours, theirs) => ours / theirs,
  bytesPerSecond: (ours, theirs) => ours / theirs,
  milliseconds: (ours, theirs) => theirs / ours,
}

/** @param results of runRounds */
export function makeRows({ machine, workloads, sides, results }) {
  const machineLine = describeMachineLine(machine)
  return workloads.flatMap((workload) =>
    rowsOfWorkload(workload).flatMap((row) => {
      const oursValues = valuesOf(results[workload.name].mqstore, { ...row, figure: row.ours })
      return Object.entries(results[workload.name]).flatMap(([side, rounds]) => {
        if (row.onlyTheirs && side === 'mqstore') return []
        const values = valuesOf(rounds, side === 'mqstore' ? { ...row, figure: row.ours } : row)
        if (values.length === 0) return []
        return [{
          workload: workload.name,
          title: row.title,
          side,
          ...describeSide(sides[side]),
          figure: row.of === undefined ? row.figure : `${row.figure} less than ${row.of}`,
          unit: row.unit,
          ...describeWork(workload),
          durability: sides[side].durability?.[workload.flushDiskType] ?? workload.flushDiskType,
          machine: machineLine,
          ...summarize(values),
          ...(side === 'mqstore' || oursValues.length === 0 ? {} : ratioOf(row.unit, oursValues, values)),
          values,
          ...notesOf(rounds, row.figure),
          dirtyBytesBefore: rounds.map(({ dirty }) => dirty.before),
          dirtyBytesMost: rounds.map(({ dirty }) => dirty.most),
        }]
      })
    }),
  )
}

export function describeMachineLine({ processor, cores, memoryGigabytes, kernel, node, fileSystem }) {
  return `${processor}, ${cores} cores, ${memoryGigabytes} GiB; ${kernel}; Node ${node}; ${fileSystem}`
}

function describeSide({ title, runsOn }) {
  return { sideTitle: title, ...(runsOn === undefined ? {} : { runsOn }) }
}

function describeWork({ messages, gibibytes, bodySize, topics, queues, keys = 1, inFlight, batchSize, perSecond }) {
  return { messages, gibibytes, bodySize, topics, queues, keys, inFlight, batchSize, perSecond }
}

function ratioOf(unit, ours, theirs) {
  return unit in ratios ? { ratio: ratios[unit](summarize(ours).median, summarize(theirs).median) } : {}
}

/** Of each round; a share is by how much less the figure is than the other of the same round. */
function valuesOf(rounds, { figure, of }) {
  const measured = rounds.map(({ figures }) => figures).filter((figures) => figure in figures)
  return measured.map((figures) => (of === undefined ? figures[figure] : 1 - figures[figure] / figures[of]))
}

function notesOf(rounds, figure) {
  return rounds.some(({ notes }) => figure in notes) ? { notes: rounds.map(({ notes }) => notes[figure]) } : {}
}
