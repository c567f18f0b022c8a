import { describeMachineLine } from './results.js'
import { formatBytes, formatCount, formatTable } from './table.js'
import { formats } from './units.js'

/** The rows of results.js as a table, a part for each workload. */
export function describeReport({ machine, rounds, workloads, rows }) {
  const runsOn = new Set(rows.map((row) => row.runsOn).filter((name) => name !== undefined))
  return [
    [describeMachineLine(machine), ...runsOn].join('; '),
    `load before ${machine.loadBefore.toFixed(2)}; ${rounds === 1 ? '1 round' : `${rounds} rounds, interleaved`}`,
    '',
    formatTable([
      ['', 'side', 'median', 'least', 'most', 'ours is better by'],
      ...workloads.flatMap((workload) => linesOf(workload, rows.filter((row) => row.workload === workload.name))),
    ], 2),
  ].join('\n')
}

export function describeAmount({ flushDiskType, messages, gibibytes, perSecond, topics, queues }) {
  const amounts = [
    gibibytes === undefined ? [] : `${gibibytes} GiB`,
    messages === undefined ? [] : `${formatCount(messages)} messages`,
    perSecond === undefined ? [] : `${formatCount(perSecond)} a second`,
    `${formatCount(topics)} topics × ${queues} queues`,
  ]
  return `${flushDiskType}: ${amounts.flat().join(', ')}`
}

function linesOf(workload, rows) {
  return [
    lineOf(`${workload.title}, ${describeAmount(workload)}`),
    ...dirtyLine(rows),
    ...rows.flatMap((row, index) => {
      const isFirst = rows[index - 1]?.title !== row.title
      return [figuresOf(row, isFirst ? `  ${row.title}` : ''), ...noteLines(row)]
    }),
  ]
}

function figuresOf({ sideTitle, unit, median, min, max, ratio }, title) {
  const format = formats[unit]
  return [title, sideTitle, format(median), format(min), format(max), ratio === undefined ? '' : ratio.toFixed(2)]
}

/** What is known of the worst round. */
function noteLines({ notes, values, max }) {
  return notes === undefined ? [] : [lineOf(`    ${notes[values.indexOf(max)]}`)]
}

/** Bytes of the whole machine that were not on the disk yet. */
function dirtyLine(rows) {
  const worst = (name) => Math.max(...rows.flatMap((row) => row[name].filter(Number.isFinite)))
  const [before, most] = [worst('dirtyBytesBefore'), worst('dirtyBytesMost')]
  if (!Number.isFinite(most)) return []
  return [lineOf(`  dirty: ${formatBytes(before)} at most before a round, ${formatBytes(most)} in one`)]
}

/** A line of its own, which no column has to be as wide as. */
function lineOf(text) {
  return [text]
}
