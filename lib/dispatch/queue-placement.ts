import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { Topic } from '../consume-queue/topic-table'
import { RECORD_LENGTH_MIN } from '../format/record'

/**
 * What becomes of a message that says it is number so-and-so of a queue: `known`, it has its place; `append`, it gets the next
 * one; `replace`, its place holds what does not belong there; `nowhere`, it cannot be what it says; `unseen`, messages that
 * come before it have not been looked at.
 */
export type Placement = 'known' | 'append' | 'replace' | 'nowhere' | 'unseen'

/** A message that says it is the first of a queue. */
interface FirstMessage {
  offset: number
  size: number
  tagsCode: number
}

/**
 * Decides where the messages found in the log go. No CRC covers what a message says of its place, unless there is one over
 * the whole record: where two disagree, one must not cost the other its place.
 */
export class QueuePlacement {
  /** Queues whose last message left places free before it, by the first of these. */
  readonly #leaps = new Map<ConsumeQueue, number>()
  /** The last message of each queue, where it says that it is the first and others come before it. */
  readonly #firsts = new Map<ConsumeQueue, FirstMessage>()

  /** Whether nothing that comes can change what was decided before. */
  get isSettled(): boolean {
    return this.#leaps.size === 0 && this.#firsts.size === 0
  }

  /**
   * @param topic that of the queue
   * @param claimed the number that the message says it has
   * @param offset where it lies in the log
   * @param mayBegin whether all earlier messages have been seen, so that a gap before this one is a true one
   */
  decide(topic: Topic, queue: ConsumeQueue, claimed: number, offset: number, mayBegin: boolean): Placement {
    // Mostly there are none, and this is done for each message.
    if (this.#leaps.size > 0) this.#settleLeap(queue, claimed)
    if (this.#firsts.size > 0) this.#settleFirst(queue, claimed)
    if (claimed >= 0 && claimed < queue.maxOffset) return isIntruded(topic, queue, claimed, offset) ? 'replace' : 'known'
    // Queues are in the order of the log: what lies before the end of one cannot be its next message.
    if (offset < queue.logEnd) return 'nowhere'
    if (claimed === queue.maxOffset) return 'append'
    if (claimed < 0 || !hasRoom(queue, claimed, offset)) return this.#lose(queue)
    if (!mayBegin) return 'unseen'
    this.#leaps.set(queue, queue.maxOffset)
    queue.skipTo(claimed)
    return 'append'
  }

  /**
   * Whether another message has the number that one says it has, which comes behind all that the queue has: then they are not of one log.
   * Numbers that {@link decide} can make sense of do not count.
   */
  contradicts(queue: ConsumeQueue, claimed: number): boolean {
    if (claimed <= 0 || claimed >= queue.maxOffset || this.#leaps.has(queue)) return false
    return !(claimed === 1 && this.#firsts.has(queue)) && !queue.isLost(claimed)
  }

  /** Behind {@link decide}: the message says that it is the first of the queue, and all that the queue has comes before it. */
  noteFirst(queue: ConsumeQueue, first: FirstMessage): void {
    this.#firsts.set(queue, first)
  }

  /** Who goes on behind that one proves that the queue was deleted, and that these are of the one that came after it. */
  #settleFirst(queue: ConsumeQueue, claimed: number): void {
    const first = this.#firsts.get(queue)
    if (first === undefined) return
    this.#firsts.delete(queue)
    if (claimed !== 1) return
    this.#leaps.delete(queue)
    queue.beginAnew(first.offset)
    queue.append(first.offset, first.size, first.tagsCode)
  }

  /** The message is of this queue and has a wrong number: its place stays, and nothing is there. */
  #lose(queue: ConsumeQueue): Placement {
    queue.skipTo(queue.maxOffset + 1)
    return 'nowhere'
  }

  /**
   * Who goes on where the queue was before the leap proves that the one that leapt has a wrong number, and is perhaps the one
   * that is missing there.
   */
  #settleLeap(queue: ConsumeQueue, claimed: number): void {
    const from = this.#leaps.get(queue)
    if (from === undefined) return
    this.#leaps.delete(queue)
    if (claimed === from || claimed === from + 1) queue.truncate(from)
  }
}

/** Whether the place was made since the store opened, and is empty, or was this message's before, or who has it came from another queue. */
function isIntruded(topic: Topic, queue: ConsumeQueue, claimed: number, offset: number): boolean {
  if (claimed < queue.madeFrom) return false
  if (queue.isLost(claimed)) return claimed === queue.maxOffset - 1
  const taken = queue.offsetAt(claimed)
  if (taken === offset) return false
  if (queue.offsetInFiles(claimed) === offset) return true
  for (const other of topic.queues.values()) if (other !== queue && other.offsetInFiles(claimed) === taken) return true
  return false
}

/** The messages that a number says came before must have had room in the log. */
function hasRoom(queue: ConsumeQueue, claimed: number, offset: number): boolean {
  return (claimed - queue.maxOffset) * RECORD_LENGTH_MIN <= offset - queue.logEnd
}
