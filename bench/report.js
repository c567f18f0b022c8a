import { summarize } from './statistics.js'
import { formatCount, formatMilliseconds, formatTable } from './table.js'
import { rowsOf } from './workloads.js'

export function describeReport({ machine, java, rounds, workloads, rates }) {
  const { processor, cores, memoryGigabytes, kernel, node, fileSystem, loadBefore } = machine
  return [
    `${processor}, ${cores} cores, ${memoryGigabytes} GiB; ${kernel}; Node ${node}; ${java === undefined ? 'without Java' : `Java ${java.version}`}`,
    `${fileSystem}; load before ${loadBefore.toFixed(2)}; ${rounds === 1 ? '1 round' : `${rounds} rounds, interleaved`}`,
    '',
    formatTable([
      ['per second, or time: median (min–max)', 'mqstore', ...(java === undefined ? ['', ''] : [`RocketMQ ${java.rocketmq}`, 'ratio'])],
      ...workloads.flatMap((workload) => rowsOfWorkload(workload, rates[workload.name])),
    ]),
  ].join('\n')
}

function rowsOfWorkload(workload, { mqstore, rocketmq }) {
  const { title, flushDiskType, messages, topics, queues, measures } = workload
  const heading = `${title}, ${flushDiskType}: ${formatCount(messages)} messages, ${topics} topics × ${queues} queues`
  const rows = measures.flatMap((measure) => rowsOf[measure].map((row) => ({ ...row, measure })))
  return [
    [heading, '', '', ''],
    ...rows
      .filter(({ needsJava }) => !needsJava || rocketmq !== undefined)
      .map(({ title, measure, theirs, isTime }) => rowOf(title, mqstore[measure], rocketmq?.[theirs], isTime ? formatTime : formatRates)),
  ]
}

function rowOf(title, ours, theirs, format) {
  const ourSummary = summarize(ours)
  if (theirs === undefined) return [`  ${title}`, format(ourSummary), '', '']
  const theirSummary = summarize(theirs)
  return [`  ${title}`, format(ourSummary), format(theirSummary), (ourSummary.median / theirSummary.median).toFixed(2)]
}

function formatRates({ median, min, max }) {
  return `${formatCount(median)} (${formatCount(min)}–${formatCount(max)})`
}

/** What happens once takes a time. */
function formatTime({ median, min, max }) {
  return `${formatMilliseconds(1000 / median)} (${formatMilliseconds(1000 / max)}–${formatMilliseconds(1000 / min)})`
}
