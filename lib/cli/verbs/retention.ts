import { basename } from 'node:path'
import type { UnconsumedMessage } from '../../config/slowest-reader'
import { isStoreError } from '../../errors'
import type { ResolvedOptions } from '../../options/options'
import type { DiskMeter } from '../../storage/ports'
import type { MessageStore } from '../../store'
import type { OpenOptions, PlannedDeletion, RetentionPreview } from '../../types'
import { ExitCode } from '../exit-code'
import { withStore } from '../open-for-reading'
import type { Output } from '../output'
import { row, table, type Painter } from '../screen'
import { bytesText, countOf, durationText, timeText } from '../units'
import type { Verb } from '../verb'

/** More files do not fit one screen. */
const LINES_MAX = 20
const HOUR = 3_600_000

export const retention: Verb = {
  name: 'retention',
  operands: 'DIR',
  summary:
    'Says what of the log would be deleted now and at the next hour of deleteWhen, and why. Deletes nothing. It goes by the options ' +
    'given here, not by those of a program that has the store open.',
  options: [{ name: 'json', description: 'prints one JSON object, lists in full' }],
  example: 'mqstore retention /data/store -c broker.properties',
  async run(context) {
    const { output, terminal: { machine }, arguments: given } = context
    const own: OpenOptions & { ports: { disk: DiskMeter } } = { messageIndexEnable: false, clock: machine.clock, ports: { disk: machine.disk } }
    return withStore(context, async (store) => {
      const plan: Plan = { directory: store.directory, ...store.retention.preview(), unconsumed: findUnconsumed(store, output) }
      if (given.has('json')) await output.json(plan)
      else for (const line of describe(plan, store.options, output.paint)) await output.line(line)
      return ExitCode.fine
    }, own)
  },
}

interface Plan extends RetentionPreview {
  directory: string
  /** The first message that a group in config/consumerOffset.json has yet to read. */
  unconsumed: UnconsumedMessage | null
}

/** Retention goes by it only where a program says so; an operator wants to know in any case. */
function findUnconsumed(store: MessageStore, output: Output): UnconsumedMessage | null {
  try {
    return store.config.oldestUnconsumed() ?? null
  } catch (error) {
    if (!isStoreError(error)) throw error
    output.message(`warning: ${error.message}`)
    return null
  }
}

function describe(plan: Plan, options: Readonly<ResolvedOptions>, paint: Painter): string[] {
  const { directory, at, timeZone, now, next, kept } = plan
  const { deleteWhen, fileReservedTime } = options
  return [
    row('directory', directory, paint),
    row('deleted', `at ${deleteWhen} o’clock, ${timeZone} (deleteWhen); next ${timeText(next.at)}, in ${durationText(next.at - at)}`, paint),
    row('kept for', `${durationText(fileReservedTime * HOUR)} (fileReservedTime)`, paint),
    row('volume', describeVolume(options, plan), paint),
    ...describeFiles('now', now, at, paint),
    ...describeFiles('next', next.files, at, paint),
    '',
    row('stays', kept, paint),
    ...describeUnconsumed(plan, paint),
  ]
}

function describeUnconsumed({ unconsumed, now, next }: Plan, paint: Painter): string[] {
  if (unconsumed === null) return []
  const { commitLogOffset, group, topic, queueId, queueOffset } = unconsumed
  const goesBefore = [...now, ...next.files].at(-1)?.toOffset ?? 0
  const text = `${group} has yet to read ${topic}/${queueId} from ${queueOffset} on, commit log offset ${commitLogOffset}`
  return [row('unread', commitLogOffset < goesBefore ? paint('yellow', `${text}: that would be deleted`) : text, paint)]
}

function describeVolume(options: Readonly<ResolvedOptions>, { usedPercents: { log, queues } }: RetentionPreview): string {
  const { diskMaxUsedSpaceRatio: short, diskSpaceCleanForciblyRatio: forced, cleanFileForciblyEnable } = options
  const text = (percent: number): string => (percent < 0 ? 'not known' : `${percent} %`)
  const used = log === queues ? `${text(log)} used` : `${text(log)} used where the log is, ${text(queues)} where the queues are`
  const forcibly = cleanFileForciblyEnable ? `, above ${forced} % before their time` : ''
  return `${used}; above ${short} % old files go at any hour${forcibly}`
}

function describeFiles(when: 'now' | 'next', files: readonly PlannedDeletion[], at: number, paint: Painter): string[] {
  const bytes = files.reduce((sum, { fromOffset, toOffset }) => sum + toOffset - fromOffset, 0)
  const head = row(when, files.length === 0 ? 'nothing' : `${countOf(files.length, 'file')}, ${bytesText(bytes)}`, paint)
  if (files.length === 0) return ['', head]
  const lines = table(
    [{ title: 'file' }, { title: 'last message' }, { title: 'age' }, { title: 'reason' }],
    files.slice(0, LINES_MAX).map(({ file, lastStoreTime, reason, delayed }) => [
      basename(file), timeText(lastStoreTime), durationText(at - lastStoreTime), delayed === undefined ? reason : `${reason}, put off: ${delayed.text}`,
    ]),
    paint,
  )
  const rest = files.length > LINES_MAX ? [`… and ${countOf(files.length - LINES_MAX, 'file')} more; --json has all`] : []
  return ['', head, ...lines, ...rest, ...reasons(files)]
}

/** The first file's reason in words, and those of the first with another. */
function reasons(files: readonly PlannedDeletion[]): string[] {
  const first = new Map(files.toReversed().map(({ reason, text }) => [reason, text]))
  return [...first].reverse().map(([reason, text]) => `${reason}: ${text}`)
}
