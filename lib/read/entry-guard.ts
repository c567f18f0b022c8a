import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import { readDispatchProperties, tagsCodeInQueue } from '../dispatch/record-dispatch'
import { readLong } from '../format/long'
import { isPrefill } from '../format/queue-entry'
import { Position } from '../format/record'
import { recordsBetween } from '../recovery/log-scan'
import { isOfQueue, leadsToItsMessage } from '../recovery/queue-place'
import { RecordCheck } from '../recovery/record-check'
import type { Backend } from '../storage/ports'
import type { Damage } from '../types'

/** Bytes of the log in which the message of a wrong entry is looked for. */
const SEARCH_MAX = 1 << 30

export interface EntryGuardContext {
  log: CommitLog
  backend: Backend
  options: { forceVerifyPropCRC: boolean }
  delayLevels: readonly number[]
  onDamage(damage: Damage): void
  onMended(message: string, file: string): void
}

/**
 * No open reads all of a large store. What the open has not looked at is looked at when it is read: an entry has to lead to a
 * whole message that says it is this one. Where it does not, the message is looked for in the log and the entry made again.
 */
export class EntryGuard {
  readonly #context: EntryGuardContext
  readonly #check: RecordCheck
  /** Entries whose messages are nowhere. */
  readonly #lost = new Map<ConsumeQueue, Set<number>>()

  constructor(context: EntryGuardContext) {
    this.#context = context
    const { backend, options } = context
    this.#check = new RecordCheck({ checkCRC: true, forceVerifyPropCRC: options.forceVerifyPropCRC, crc32: backend.crc32.bind(backend) })
  }

  /** Whether entry `index`, which says `offset` and `size`, can be followed. */
  isSound(queue: ConsumeQueue, index: number, offset: number, size: number): boolean {
    return index >= queue.madeFrom || leadsToItsMessage(this.#context.log, this.#check, queue, index, offset, size)
  }

  /** Makes entry `index`, and its neighbours that are wrong too, again from the log. @returns false when its message is nowhere */
  mend(queue: ConsumeQueue, index: number): boolean {
    if (this.#lost.get(queue)?.has(index) === true) return false
    const { log, delayLevels } = this.#context
    const check = this.#check
    const before = this.#soundBefore(queue, index)
    const behind = this.#soundBehind(queue, index)
    const from = Math.max(queue.logBegin, before < 0 ? log.minOffset : endOf(queue.entryAt(before)))
    const to = Math.min(behind < queue.maxOffset ? queue.offsetAt(behind) : log.maxOffset, from + SEARCH_MAX)
    const found = new Set<number>()
    for (const { bytes, view, position } of recordsBetween(log.segments, check, from, to)) {
      const number = readLong(view, position + Position.queueOffset)
      if (number <= before || number >= behind || found.has(number) || !isOfQueue(queue, bytes, view, position, check.parts)) continue
      found.add(number)
      const storeTimestamp = readLong(view, position + check.parts.storeTimestampAt)
      const tagsCode = tagsCodeInQueue(queue.topic, readDispatchProperties(bytes, position, check.parts), storeTimestamp, delayLevels)
      queue.mend(number, readLong(view, position + Position.physicalOffset), check.parts.size, tagsCode)
    }
    this.#tell(queue, { before, behind, from, to, found })
    return found.has(index)
  }

  #soundBefore(queue: ConsumeQueue, index: number): number {
    const first = queue.files.starts[0] ?? 0
    do index--
    while (index >= first && !this.#canBeFollowed(queue, index))
    return index < first ? -1 : index
  }

  #soundBehind(queue: ConsumeQueue, index: number): number {
    do index++
    while (index < queue.maxOffset && !this.#canBeFollowed(queue, index))
    return index
  }

  #canBeFollowed(queue: ConsumeQueue, index: number): boolean {
    const { offset, size } = queue.entryAt(index)
    return !isPrefill(offset, size) && this.isSound(queue, index, offset, size)
  }

  #tell(queue: ConsumeQueue, range: { before: number; behind: number; from: number; to: number; found: ReadonlySet<number> }): void {
    const { onDamage, onMended, log } = this.#context
    const { before, behind, from, to, found } = range
    const name = `${queue.topic}/${queue.queueId}`
    if (found.size > 0) onMended(`${found.size} entries of the queue ${name} did not lead to their messages: made again from the log`, queue.files.directory)
    const lost = this.#lost.get(queue) ?? new Set()
    this.#lost.set(queue, lost)
    let count = 0
    for (let index = before + 1; index < behind; index++) {
      if (found.has(index) || index < queue.minOffset(log.minOffset)) continue
      lost.add(index)
      if (!queue.isLost(index)) count++
    }
    if (count === 0) return
    onDamage({
      file: log.segments.find(from)?.path ?? queue.files.directory, offset: from, unreadableBytes: to - from, resumeOffset: to,
      reason: `${count} messages of the queue ${name}, of numbers between ${before} and ${behind}, are no longer whole, or say that they are others`,
    })
  }
}

function endOf({ offset, size }: { offset: number; size: number }): number {
  return offset + size
}
