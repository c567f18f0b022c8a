import type { CommitLog } from '../commit-log/commit-log'
import type { LogReader } from '../commit-log/log-reader'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import { compareTexts } from '../format/compare-texts'
import type { OffsetByTimeRequest, QueueInfo } from '../types'
import { visibleMaxOffset } from './get'
import { nearestOffsetByTime, offsetByTime } from './offset-by-time'
import { TimeMarkTable, TimeMarks } from './time-marks'

export interface QueueQueriesContext {
  log: CommitLog
  queues: ConsumeQueues
  reader: LogReader
  compatibility: '4.9' | '5.3'
  /** Messages from here on are not seen yet. */
  visibleOffset(): number
}

/** What there is to know of queues without reading their messages. */
export class QueueQueries {
  readonly #context: QueueQueriesContext
  readonly #markTable = new TimeMarkTable()
  readonly #marks = new WeakMap<ConsumeQueue, TimeMarks>()

  constructor(context: QueueQueriesContext) {
    this.#context = context
  }

  /** Every queue, topics and then queue ids in the order of their UTF-16 texts. */
  all(): QueueInfo[] {
    const infos = [...this.#context.queues].map(({ topic, queueId }) => ({
      topic, queueId, minOffset: this.minOffset(topic, queueId), maxOffset: this.maxOffset(topic, queueId),
    }))
    return infos.sort((left, right) => compareTexts(left.topic, right.topic) || compareTexts(String(left.queueId), String(right.queueId)))
  }

  /** 0 for an unknown queue. */
  minOffset(topic: string, queueId: number): number {
    const { log, queues } = this.#context
    return queues.find(topic, queueId)?.minOffset(log.minOffset) ?? 0
  }

  /** One past the last visible offset, 0 for an unknown queue. */
  maxOffset(topic: string, queueId: number): number {
    const queue = this.#context.queues.find(topic, queueId)
    return queue === undefined ? 0 : visibleMaxOffset(queue, this.#context.visibleOffset())
  }

  /** Milliseconds; -1 where there is no message. */
  storeTimestamp(topic: string, queueId: number, offset: number): number {
    const queue = this.#context.queues.find(topic, queueId)
    const isThere = queue !== undefined && offset >= this.minOffset(topic, queueId) && offset < this.maxOffset(topic, queueId)
    return isThere ? this.#context.reader.storeTimestamp(queue.offsetAt(offset)) : -1
  }

  /** By the rules of the compatibility; 0 for an unknown queue. */
  offsetByTime({ topic, queueId, timestamp, boundary = 'lower' }: OffsetByTimeRequest): number {
    const { log, queues, reader, compatibility } = this.#context
    const queue = queues.find(topic, queueId)
    if (queue === undefined) return 0
    const search = {
      queue, reader, timestamp, marks: this.#marksOf(queue),
      minOffset: queue.minOffset(log.minOffset), maxOffset: visibleMaxOffset(queue, this.#context.visibleOffset()),
    }
    return compatibility === '4.9' ? nearestOffsetByTime(search) : offsetByTime(search, boundary)
  }

  #marksOf(queue: ConsumeQueue): TimeMarks {
    let marks = this.#marks.get(queue)
    if (marks === undefined) {
      marks = new TimeMarks(this.#markTable)
      this.#marks.set(queue, marks)
    }
    return marks
  }
}
