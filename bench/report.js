import { summarize } from './statistics.js'
import { formatBytes, formatCount, formatMilliseconds, formatTable } from './table.js'
import { rowsOf } from './workloads.js'

export function describeReport({ machine, java, rounds, workloads, rates }) {
  const { processor, cores, memoryGigabytes, kernel, node, fileSystem, loadBefore } = machine
  const versions = Object.keys(java?.engines ?? {})
  return [
    `${processor}, ${cores} cores, ${memoryGigabytes} GiB; ${kernel}; Node ${node}; ${java === undefined ? 'without Java' : `Java ${java.version}`}`,
    `${fileSystem}; load before ${loadBefore.toFixed(2)}; ${rounds === 1 ? '1 round' : `${rounds} rounds, interleaved`}`,
    '',
    formatTable([
      ['per second, or time: median (min–max)', 'mqstore', ...versions.flatMap((version) => [`RocketMQ ${version}`, 'ratio'])],
      ...workloads.flatMap((workload) => rowsOfWorkload(workload, rates[workload.name], versions)),
    ]),
  ].join('\n')
}

function rowsOfWorkload(workload, rates, versions) {
  const { measures } = workload
  const rows = measures.flatMap((measure) => rowsOf[measure].map((row) => ({ ...row, measure })))
  return [
    [headingOf(workload), '', ...versions.flatMap(() => ['', ''])],
    ...rows.filter(({ needsJava }) => !needsJava || versions.length > 0).map((row) => rowOf(row, rates, versions)),
  ]
}

function headingOf({ title, flushDiskType, messages, gibibytes, topics, queues }) {
  const amount = messages === undefined ? `${gibibytes} GiB` : `${formatCount(messages)} messages`
  return `${title}, ${flushDiskType}: ${amount}, ${topics} topics × ${queues} queues`
}

function rowOf({ title, measure, theirs, unit = 'rate', of }, rates, versions) {
  const format = formats[unit]
  const ours = valuesOf(rates.mqstore, measure, of)
  const cells = versions.flatMap((version) => {
    const values = valuesOf(rates[version] ?? {}, theirs, of)
    if (values === undefined) return ['', '']
    return [format(summarize(values)), hasRatio.has(unit) ? (summarize(ours).median / summarize(values).median).toFixed(2) : '']
  })
  return [`  ${title}`, format(summarize(ours)), ...cells]
}

/** Of each round; where they are to be held against another figure, by which share they are less than that of the same round. */
function valuesOf(rates, measure, of) {
  const values = rates[measure]
  return of === undefined ? values : values?.map((value, round) => 1 - value / rates[of][round])
}

const hasRatio = new Set(['rate', 'time', 'bytesPerSecond'])

const formats = {
  rate: (summary) => spread(summary, formatCount),
  /** What happens once takes a time. */
  time: ({ median, min, max }) => spread({ median: 1000 / median, min: 1000 / max, max: 1000 / min }, formatMilliseconds),
  bytes: (summary) => spread(summary, formatBytes),
  bytesPerSecond: (summary) => `${spread(summary, (bytes) => formatCount(bytes / 1e6))} MB`,
  cost: ({ median, min, max }) => `${percents(median)} (${percents(min)} to ${percents(max)}) %`,
}

function spread({ median, min, max }, format) {
  return `${format(median)} (${format(min)}–${format(max)})`
}

function percents(share) {
  return (share * 100).toFixed(1)
}
