import { ExitCode } from '../exit-code'
import { withParts } from '../open-for-reading'
import { row, table, type Painter } from '../screen'
import { readStatistics, type StoreStatistics, type TopicStatistics } from '../store-statistics'
import { agoText, bytesText, countOf, countText, durationText, percentText, rateText, timeText } from '../units'
import type { Verb } from '../verb'

/** More lines about topics and queues are no screen any more. */
const LINES_MAX = 32
const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

export const stats: Verb = {
  name: 'stats',
  operands: 'DIR',
  summary:
    'Counts messages, bytes and rates by time, topic and queue. Says how large the files are, and how full all is. It reads the log: ' +
    'of a large one, --begin leaves out what is older.',
  options: [
    { name: 'topic', value: 'T', description: 'counts this topic only, and shows each of its queues' },
    { name: 'begin', value: 'MS', description: 'counts what was stored then or later' },
    { name: 'end', value: 'MS', description: 'counts what was stored then or earlier' },
    { name: 'json', description: 'prints one JSON object, lists in full' },
  ],
  example: 'mqstore stats ./store --begin $(date -d "-1 day" +%s000)',
  async run(context) {
    const { output, terminal: { machine }, arguments: given } = context
    const topic = given.text('topic')
    const selection = { topic, begin: given.number('begin', 0) ?? 0, end: given.number('end', 0) ?? Infinity }
    return withParts(context, async (parts) => {
      const statistics = await readStatistics(parts, machine, selection, (progress) => output.progress(progress))
      if (given.has('json')) await output.json(statistics)
      else for (const line of describe(statistics, topic !== undefined, output.paint)) await output.line(line)
      return ExitCode.fine
    })
  },
}

function describe(statistics: StoreStatistics, showsQueues: boolean, paint: Painter): string[] {
  const { times, topics } = statistics
  return [
    ...describeTotals(statistics, showsQueues).map(([label, value]) => row(label, value, paint)),
    '',
    ...describeFiles(statistics, paint),
    ...(times.spans.length < 2 ? [] : ['', ...describeTimes(statistics, paint)]),
    ...(topics.length === 0 ? [] : ['', ...describeTopics(statistics, showsQueues, paint)]),
  ]
}

function describeTotals(statistics: StoreStatistics, isOneTopic: boolean): [label: string, value: string][] {
  const { directory, now, messages, bytes, oldest, newest, unqueued, damage, messagesPerSecond, bytesPerSecond, log, index, topics } = statistics
  const queues = topics.reduce((sum, topic) => sum + topic.queues.length, 0)
  const rows: [string, string][] = [
    ['directory', directory],
    ['messages', `${countText(messages)}, ${bytesText(bytes)}, in ${countOf(queues, 'queue')} of ${countOf(topics.length, 'topic')}`],
  ]
  if (unqueued > 0) rows.push(['', `${countText(unqueued)} of them in no queue: prepared or rolled back`])
  const unreadableBytes = damage.reduce((sum, range) => sum + range.unreadableBytes, 0)
  if (unreadableBytes > 0) rows.push(['damage', `${bytesText(unreadableBytes)} cannot be read: mqstore check ${directory}`])
  if (oldest !== null) rows.push(['oldest', `${timeText(oldest)}, ${agoText(oldest, now)}`])
  if (newest !== null) rows.push(['newest', `${timeText(newest)}, ${agoText(newest, now)}`])
  if (messagesPerSecond !== null) rows.push(['rate', `${rateText(messagesPerSecond)} messages and ${bytesText(Math.round(bytesPerSecond!))} a second on average`])
  rows.push(['log', describeLog(log)])
  if (index.files > 0) rows.push(['index', describeIndex(index)])
  return [...rows, ...describeVolumes(statistics, isOneTopic)]
}

function describeIndex({ files, lastFileUsedRatio }: StoreStatistics['index']): string {
  return countOf(files, 'file') + (lastFileUsedRatio === null ? '' : `, the last ${percentText(lastFileUsedRatio)} full`)
}

function describeVolumes({ volumes, oldest, newest, bytesPerSecond }: StoreStatistics, isOneTopic: boolean): [label: string, value: string][] {
  const rows = volumes.map(({ path, totalBytes, freeBytes, usedRatio }): [string, string] => {
    const where = volumes.length > 1 ? `: ${path}` : ''
    return ['volume', `${bytesText(freeBytes)} left of ${bytesText(totalBytes)}, ${percentText(usedRatio)} used${where}`]
  })
  const freeBytes = volumes.filter(({ takesSegments }) => takesSegments).reduce((sum, volume) => sum + volume.freeBytes, 0)
  // What a minute brought says nothing about a day, nor one topic about the disk.
  if (isOneTopic || newest === null || newest - oldest! < MINUTE) return rows
  const perDay = (bytesPerSecond! * DAY) / SECOND
  const lasts = durationText((freeBytes / perDay) * DAY)
  return [...rows, ['', `at ${bytesText(Math.round(perDay))} a day, and if nothing were deleted, full in ${lasts}`]]
}

function describeLog({ segments, segmentSize, minPhyOffset, maxPhyOffset, lastSegmentUsedRatio }: StoreStatistics['log']): string {
  if (lastSegmentUsedRatio === null) return 'no segment'
  return `${countOf(segments, 'segment')} of ${bytesText(segmentSize)}, the last ${percentText(lastSegmentUsedRatio)} full; ` +
    `offsets ${minPhyOffset} to ${maxPhyOffset}`
}

function describeFiles({ files }: StoreStatistics, paint: Painter): string[] {
  const sum = (field: 'files' | 'length' | 'onDisk'): number => files.reduce((total, usage) => total + usage[field], 0)
  const rows = [...files, { name: 'all', files: sum('files'), length: sum('length'), onDisk: sum('onDisk') }]
  return table(
    [{ title: 'directory' }, { title: 'files', align: 'right' }, { title: 'length', align: 'right' }, { title: 'on disk', align: 'right' }],
    rows.map(({ name, files: count, length, onDisk }) => [name, countText(count), bytesText(length), bytesText(onDisk)]),
    paint,
  )
}

function describeTimes({ times: { width, spans } }: StoreStatistics, paint: Painter): string[] {
  const seconds = width / SECOND
  return table(
    [
      { title: `each ${durationText(width)} from` }, { title: 'messages', align: 'right' }, { title: 'a second', align: 'right' },
      { title: 'bytes', align: 'right' }, { title: 'a second', align: 'right' },
    ],
    spans.map(({ from, messages, bytes }) => [
      timeText(from), countText(messages), rateText(messages / seconds), bytesText(bytes), bytesText(Math.round(bytes / seconds)),
    ]),
    paint,
  )
}

function describeTopics({ topics, messages: all, now }: StoreStatistics, showsQueues: boolean, paint: Painter): string[] {
  const queues = topics.reduce((sum, topic) => sum + topic.queues.length, 0)
  const withQueues = showsQueues || topics.length + queues <= LINES_MAX
  const largest = [...topics].sort((left, right) => right.bytes - left.bytes)
  const cellsOf = (name: string, queueId: string, { messages, bytes, messagesPerSecond, newest }: Omit<TopicStatistics, 'topic' | 'queues'>): string[] => [
    name, queueId, countText(messages), all === 0 ? '' : percentText(messages / all), bytesText(bytes),
    messages === 0 ? '' : bytesText(Math.round(bytes / messages)), messagesPerSecond === null ? '' : rateText(messagesPerSecond),
    newest === null ? '' : agoText(newest, now),
  ]
  const rows = largest.flatMap((topic) => [
    cellsOf(topic.topic, withQueues ? '' : countText(topic.queues.length), topic),
    ...(withQueues ? topic.queues.map((queue) => cellsOf('', String(queue.queueId), queue)) : []),
  ])
  const lines = table(
    [
      { title: 'topic' }, { title: withQueues ? 'queue' : 'queues', align: 'right' }, { title: 'messages', align: 'right' },
      { title: 'share', align: 'right' }, { title: 'bytes', align: 'right' }, { title: 'average', align: 'right' },
      { title: 'a second', align: 'right' }, { title: 'newest', align: 'right' },
    ],
    showsQueues ? rows : rows.slice(0, LINES_MAX),
    paint,
  )
  const left = showsQueues ? 0 : rows.length - LINES_MAX
  return left > 0 ? [...lines, `… and ${countOf(left, 'topic')} more; --topic T shows one, --json has all`] : lines
}
