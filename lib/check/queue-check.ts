import { join } from 'node:path'
import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import { segmentName } from '../format/file-name'
import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'
import type { DamageRanges } from './damage-ranges'
import type { FindingKind, Report } from './finding'
import type { QueueInventory } from './queue-inventory'
import type { QueueEntry, QueueOnDisk } from './queue-on-disk'
import { recordAt, type RecordFacts } from './record-at'

/** Entries between two pauses. */
const PAUSE_EVERY = 65_536

export interface QueueCheckContext {
  log: CommitLog
  inventory: QueueInventory
  /** As recovery would leave them. */
  queues: ConsumeQueues
  delayLevels: readonly number[]
  /** Opening dispatches the records from this offset on anew. */
  openDispatchesFrom: number
  /** Another process has the store open: what it has not written yet, or has written since, is no finding. */
  isLive: boolean
  report: Report
}

/** Runs of missing entries kept until the queues have been looked at. */
const RUNS_MAX = 4096

/** Entries next to each other with the same trouble. */
interface Run {
  kind: FindingKind
  from: number
  to: number
  what: string
}

interface MissingRun extends Run {
  topic: string
  queueId: number
  /** Where the first of the messages lies. */
  logOffset: number
}

/** From the log to the queues: each queued record has its place. */
export class QueuePlaces {
  readonly #context: QueueCheckContext
  /** What is missing now, by topic and queue. */
  readonly #missing = new Map<string, MissingRun>()
  readonly #ended: MissingRun[] = []

  constructor(context: QueueCheckContext) {
    this.#context = context
  }

  look(record: RecordFacts): void {
    // A number below zero is no place at all; who looks the message up by its id still gets it.
    if (!record.isQueued || record.queueOffset < 0) return
    const { inventory, report, log, queues } = this.#context
    if (record.offset < queues.deletedUpTo(record.topic, record.queueId)) return
    const queue = inventory.find(record.topic, record.queueId)
    const entry = queue === undefined || record.queueOffset >= queue.end ? undefined : queue.entry(record.queueOffset)
    if (entry === undefined) return this.#miss(record, queue)
    this.#endRun(record.topic, record.queueId)
    // An unwritten or wrong entry is found from the side of the queue.
    if (!entry.isWritten || entry.offset === record.offset) return
    if (entry.isPrefill) return this.#miss(record, queue)
    const other = recordAt(log, entry.offset)
    const isTaken = other !== undefined && other.isQueued && other.topic === record.topic && other.queueId === record.queueId &&
      other.queueOffset === record.queueOffset
    if (!isTaken) return
    report({
      kind: 'queue-entry-taken', file: log.segments.find(record.offset)!.path, offset: record.offset, bytes: record.size,
      what: `the message says that it is ${queue!.name} number ${record.queueOffset}, which the message at ${entry.offset} is`,
    })
  }

  /** @param disagreeing messages that the queues know under another number than they say: theirs is not missing */
  finish(disagreeing: ReadonlySet<number>): void {
    for (const { topic, queueId } of [...this.#missing.values()]) this.#endRun(topic, queueId)
    this.#reportRuns(disagreeing)
  }

  #miss(record: RecordFacts, queue: QueueOnDisk | undefined): void {
    const { topic, queueId, queueOffset, offset } = record
    const { isLive, openDispatchesFrom } = this.#context
    const isAtEnd = queueOffset >= (queue?.end ?? 0)
    if (isAtEnd && isLive) return
    const kind = isAtEnd && offset >= openDispatchesFrom ? 'queue-behind' : 'queue-entry-missing'
    const run = this.#missing.get(`${topic} ${queueId}`)
    if (run !== undefined && run.kind === kind && run.to === queueOffset) {
      run.to++
      return
    }
    this.#endRun(topic, queueId)
    const what = `are missing in the queue ${topic}/${queueId}`
    this.#missing.set(`${topic} ${queueId}`, { kind, topic, queueId, from: queueOffset, to: queueOffset + 1, what, logOffset: offset })
  }

  #endRun(topic: string, queueId: number): void {
    const key = `${topic} ${queueId}`
    const run = this.#missing.get(key)
    if (run === undefined) return
    this.#missing.delete(key)
    this.#ended.push(run)
    if (this.#ended.length === RUNS_MAX) this.#reportRuns(new Set())
  }

  #reportRuns(disagreeing: ReadonlySet<number>): void {
    const { inventory, report } = this.#context
    for (const run of this.#ended.splice(0)) {
      if (disagreeing.has(run.logOffset)) continue
      const start = run.from - (run.from % inventory.entriesPerFile)
      report({
        kind: run.kind,
        file: join(inventory.directoryOf(run.topic, run.queueId), segmentName(start * QUEUE_ENTRY_LENGTH)),
        offset: (run.from - start) * QUEUE_ENTRY_LENGTH,
        what: `${countOf(run)} ${run.what}`,
        bytes: (run.to - run.from) * QUEUE_ENTRY_LENGTH,
      })
    }
  }
}

/**
 * From the queues to the log: each entry leads to a record that names it.
 * @returns how many entries there are, and which messages say that they are another
 */
export async function checkQueueEntries(
  context: QueueCheckContext, damage: DamageRanges, pause: (done: number) => Promise<void>,
): Promise<{ entries: number; disagreeing: Set<number> }> {
  const disagreeing = new Set<number>()
  let done = 0
  for (const queue of context.inventory) {
    // What is left of a queue that was deleted goes with the next open.
    if (context.queues.leftovers.some(({ topic, queueId }) => topic === queue.topic && queueId === queue.queueId)) continue
    let run: Run | undefined
    const endRun = (): void => {
      if (run !== undefined) reportRun(context, queue, run)
      run = undefined
    }
    for (const entry of queue.entries()) {
      if (++done % PAUSE_EVERY === 0) await pause(done)
      const trouble = troubleOf(context, damage, queue, entry)
      if (trouble?.kind === 'queue-disagreement' && disagreeing.size < RUNS_MAX) disagreeing.add(entry.offset)
      const isNext = run !== undefined && run.kind === trouble?.kind && run.to === entry.index && queue.positionOf(entry.index) > 0
      if (isNext) {
        run!.to++
        continue
      }
      endRun()
      if (trouble !== undefined) run = { ...trouble, from: entry.index, to: entry.index + 1 }
    }
    endRun()
  }
  return { entries: done, disagreeing }
}

function troubleOf(
  { log, inventory, delayLevels, isLive }: QueueCheckContext, damage: DamageRanges, queue: QueueOnDisk, entry: QueueEntry,
): { kind: FindingKind; what: string } | undefined {
  const { offset, size, index, tagsCode } = entry
  const wrong = (what: string): { kind: FindingKind; what: string } => ({ kind: 'queue-entry-wrong', what })
  if (entry.isPrefill || (entry.isWritten && offset < log.minOffset)) return undefined
  if (!entry.isWritten) return { kind: 'queue-entry-missing', what: 'not written, though there are some behind' }
  if (offset >= log.maxOffset) return isLive ? undefined : { kind: 'queue-ahead', what: `of messages behind the end of the log, the first at ${offset}` }
  if (damage.covers(offset)) return undefined
  const record = recordAt(log, offset)
  if (record === undefined) return wrong(`no message begins at ${offset}`)
  const expected = record.tagsCode(delayLevels)
  if (!record.isQueued || record.topic !== queue.topic || record.queueId !== queue.queueId || record.queueOffset !== index) {
    const what = `the message at ${offset} says that it is ${record.topic}/${record.queueId} number ${record.queueOffset}`
    // Where no other entry leads to the message, and this one fits it, the message's header is what was hit.
    const isElsewhere = record.queueOffset >= 0 && inventory.find(record.topic, record.queueId)?.entry(record.queueOffset)?.offset === offset
    const fits = !isElsewhere && record.size === size && expected === tagsCode
    return fits ? { kind: 'queue-disagreement', what } : wrong(what)
  }
  if (record.size !== size) return wrong(`the message at ${offset} has ${record.size} bytes, not ${size}`)
  return expected === tagsCode ? undefined : wrong(`the tags code of the message at ${offset} is ${expected}, not ${tagsCode}`)
}

function reportRun({ report }: QueueCheckContext, queue: QueueOnDisk, run: Run): void {
  report({
    // An open cuts off the end of a queue only.
    kind: run.kind === 'queue-ahead' && run.to < queue.end ? 'queue-entry-wrong' : run.kind,
    file: queue.pathOf(run.from),
    offset: queue.positionOf(run.from),
    what: `${countOf(run)} of the queue ${queue.name}: ${run.what}`,
    bytes: (run.to - run.from) * QUEUE_ENTRY_LENGTH,
  })
}

function countOf({ from, to }: Run): string {
  return to - from === 1 ? `entry ${from}` : `entries ${from} to ${to - 1}`
}
