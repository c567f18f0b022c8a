import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueue } from '../consume-queue/consume-queue'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { Dispatchers } from '../dispatch/dispatchers'
import { RecordFinder, type FoundRecord } from '../dispatch/found-record'
import type { RecordDispatch } from '../dispatch/record-dispatch'
import { StoreError } from '../errors'
import { isQueued } from '../format/record'
import type { IndexFiles } from '../index-file/index-files'
import type { Arrivals } from '../read/arrivals'
import type { Backend, RecordScan } from '../storage/ports'
import type { Segment } from '../storage/segment'
import type { Damage } from '../types'
import { IncomingCheck } from './incoming-check'
import { sameBytes } from './overlap'

/** The three bytes that both magic codes begin with, and where they stand in a record. */
const MAGIC_PREFIX = Buffer.from([0xda, 0xa3, 0x20])
const MAGIC_AT = 4

export interface LogIntakeParts {
  log: CommitLog
  queues: ConsumeQueues
  index: IndexFiles | undefined
  dispatch: RecordDispatch
  dispatchers: Dispatchers
  arrivals: Arrivals
  backend: Backend
  options: { forceVerifyPropCRC: boolean; compatibility: '4.9' | '5.3' }
  /** The log goes on behind something that is no record, before which the last store time was this. */
  onDamage(damage: Damage, lastStoreTimestamp: number): void
  warn(message: string, file: string): void
}

/** Where what was sent is no record, while none has come behind it. */
interface Doubt {
  offset: number
  file: string
  reason: string
}

/**
 * Takes the log of another store: bytes go into the segment behind the end of the log, as they come, and each record becomes part of
 * the log once it is whole and has been checked where it lies. It then gets its places in queue and index.
 */
export class LogIntake {
  readonly #parts: LogIntakeParts
  readonly #check: IncomingCheck
  /** Made with the first bytes: it has memory of its own, and most stores never take any. */
  #scan: RecordScan | undefined
  readonly #finder: RecordFinder
  #doubt: Doubt | undefined
  /** The record that ends the doubt does not begin before this offset. */
  #searchFrom = 0
  /** What has been taken for damage when it came for the first time. */
  #suspicion = ''
  #warnedOf = -1

  constructor(parts: LogIntakeParts) {
    const { backend, queues, options } = parts
    this.#parts = parts
    this.#check = new IncomingCheck({ checkCRC: true, forceVerifyPropCRC: options.forceVerifyPropCRC, crc32: backend.crc32.bind(backend) })
    this.#finder = new RecordFinder(queues)
  }

  /**
   * Takes bytes[0, length) of the sender's log, which lie there from `offset` on. What is here already is compared.
   * @throws ERR_DIVERGED, ERR_CORRUPT, ERR_SEGMENT_SIZE, ERR_DISK_FULL; anything else leaves queues and index behind the log
   */
  take(offset: number, bytes: Uint8Array): void {
    const { log } = this.#parts
    if (offset !== log.receivedOffset && this.#isEmpty()) this.#beginAt(offset)
    let at = this.#compare(offset, bytes)
    // What an error has left.
    if (log.receivedOffset > log.maxOffset) this.#verify()
    while (at < bytes.length) {
      at += log.receive(bytes, at)
      this.#verify()
    }
  }

  /** Forgets what has come and is no part of the log. */
  cutBack(): void {
    this.#doubt = undefined
    this.#parts.log.cutBack()
  }

  /** The log may begin anywhere. */
  #isEmpty(): boolean {
    const { log, queues } = this.#parts
    return log.receivedOffset === log.minOffset && queues.dispatchedTo <= 0
  }

  #beginAt(offset: number): void {
    const { log } = this.#parts
    if (offset % log.segmentSize === 0) return log.beginAt(offset)
    throw new StoreError(
      'ERR_SEGMENT_SIZE',
      `the log that is to be copied begins at offset ${offset}, where no file of ${log.segmentSize} bytes begins: give both stores the same mappedFileSizeCommitLog`,
      { offset },
    )
  }

  /** @returns how many of the bytes are here */
  #compare(offset: number, bytes: Uint8Array): number {
    const { log } = this.#parts
    const { receivedOffset } = log
    if (offset > receivedOffset) throw this.#diverged(offset, `bytes from ${receivedOffset} on were to come, and those from ${offset} on came`)
    const end = Math.min(bytes.length, receivedOffset - offset)
    let at = Math.min(Math.max(0, log.minOffset - offset), end)
    while (at < end) {
      const segment = log.segmentReceivedAt(offset + at)!
      const position = offset + at - segment.fromOffset
      const length = Math.min(end - at, segment.size - position)
      const same = sameBytes(segment.mapping.bytes, position, bytes, at, length)
      segment.assertIntact(position, position + length)
      if (same < length) throw this.#diverged(offset + at + same, 'the bytes are not those that are here')
      at += length
    }
    return end
  }

  #diverged(otherOffset: number, reason: string): StoreError {
    const ownOffset = this.#parts.log.maxOffset
    return new StoreError(
      'ERR_DIVERGED',
      `what was sent is no continuation of this log, which ends at offset ${ownOffset}: at offset ${otherOffset} ${reason}. See which of the two ` +
        'stores has what counts, and make the other anew, with an empty directory',
      { ownOffset, otherOffset, reason },
    )
  }

  #verify(): void {
    for (;;) {
      if (this.#doubt !== undefined && !this.#findRecord(this.#doubt)) return
      if (!this.#goOn()) return
    }
  }

  /** Goes from record to record as far as they have come. @returns true where one of them is none */
  #goOn(): boolean {
    const { log } = this.#parts
    const segment = log.segmentReceivedAt(log.maxOffset)
    if (segment === undefined) return false
    const limit = Math.min(log.receivedOffset, segment.toOffset) - segment.fromOffset
    this.#acceptInRow(segment, limit)
    for (let position = log.maxOffset - segment.fromOffset; position < limit;) {
      const finding = this.#check.at(segment, position, limit)
      if (finding === 'partial') return false
      if (finding === 'record') {
        const { parts } = this.#check
        segment.assertIntact(position, position + parts.size)
        this.#accept(this.#finder.inBytes(segment.mapping.bytes, segment.mapping.view, position, parts))
        position += parts.size
      } else if (finding === 'blank') {
        log.advance(segment.toOffset, log.lastStoreTimestamp)
        return false
      } else {
        segment.assertIntact(position, limit)
        this.#lose(segment, position)
        return true
      }
    }
    return false
  }

  /** As many whole records as one call finds at the end of the log, which costs less than one call for each. */
  #acceptInRow(segment: Segment, limit: number): void {
    const { log, backend, options } = this.#parts
    if (options.forceVerifyPropCRC) return
    this.#scan ??= backend.recordScan?.(true)
    if (this.#scan === undefined) return
    const { mapping, fromOffset } = segment
    const from = log.maxOffset - fromOffset
    const rows = this.#scan.scanNow(mapping, from, limit, fromOffset)
    const last = rows.count - 1
    if (last < 0) return
    segment.assertIntact(from, rows.position(last) + rows.size(last))
    for (let row = 0; row <= last; row++) this.#accept(this.#finder.inRows(rows, row, mapping, fromOffset))
  }

  /** It is whole, and at the end of the log. */
  #accept(record: FoundRecord): void {
    const { log, index, dispatch, dispatchers, arrivals } = this.#parts
    const { topic, queueId } = record
    const queue = topic.queues.get(queueId)
    if (queue !== undefined && dispatch.contradicts(record, queue)) throw this.#diverged(record.offset, contradiction(record, queue))
    const before = queue?.maxOffset ?? 0
    index?.makeRoom()
    log.advance(record.offset + record.size, record.storeTimestamp)
    dispatch.found(record, true)
    const grown = queue ?? topic.queues.get(queueId)
    if (grown !== undefined && grown.maxOffset > before) arrivals.note(grown, before)
    if (!dispatchers.isEmpty) this.#callDispatchers(record)
  }

  #callDispatchers(record: FoundRecord): void {
    const { topic, queueId, queueOffset, offset, sysFlag } = record
    if (offset < (topic.deletedUpTo.get(queueId) ?? 0)) return
    const queue = isQueued(sysFlag) ? topic.queues.get(queueId) : undefined
    this.#parts.dispatchers.found(record, queue === undefined ? 0 : queue.tagsCodeAt(queueOffset))
  }

  #lose(segment: Segment, position: number): void {
    const offset = segment.fromOffset + position
    const { reason } = this.#check
    this.#doubt = { offset, file: segment.path, reason }
    this.#searchFrom = offset + 1
    if (this.#warnedOf === offset) return
    this.#warnedOf = offset
    this.#parts.warn(`what was sent for offset ${offset} is no record (${reason}): nothing counts from there on until a whole one comes behind it`, segment.path)
  }

  /** @returns false where the record that ends the doubt has not come yet, or not all of it */
  #findRecord(doubt: Doubt): boolean {
    const { log } = this.#parts
    const received = log.receivedOffset
    while (this.#searchFrom < received) {
      const segment = log.segmentReceivedAt(this.#searchFrom)!
      const from = this.#searchFrom - segment.fromOffset
      const limit = Math.min(received, segment.toOffset) - segment.fromOffset
      const found = this.#findIn(segment, from, limit)
      segment.assertIntact(from, limit)
      if (found === 'partial') return false
      if (found === 'record') {
        this.#resume(doubt)
        return true
      }
      if (limit < segment.size) {
        // Of a magic code two bytes may have come.
        this.#searchFrom = Math.max(this.#searchFrom, received - MAGIC_AT - MAGIC_PREFIX.length + 1)
        return false
      }
      this.#searchFrom = segment.toOffset
    }
    return false
  }

  /** Looks for a record, or what may become one, in [from, limit) of a segment, and leaves `#searchFrom` there. */
  #findIn(segment: Segment, from: number, limit: number): 'record' | 'partial' | undefined {
    const bytes = segment.mapping.bytes.subarray(0, limit)
    for (let at = bytes.indexOf(MAGIC_PREFIX, from + MAGIC_AT); at >= 0; at = bytes.indexOf(MAGIC_PREFIX, at + 1)) {
      const finding = this.#check.at(segment, at - MAGIC_AT, limit)
      if (finding !== 'record' && finding !== 'partial') continue
      this.#searchFrom = segment.fromOffset + at - MAGIC_AT
      return finding
    }
    return undefined
  }

  /**
   * There is a record again. What lies before it is damaged in the sender's log if it comes a second time as it came the first
   * time: a message that only the network has spoilt is not to be given up.
   */
  #resume({ offset, file, reason }: Doubt): void {
    const { log } = this.#parts
    const resumeOffset = this.#searchFrom
    const damage = { file, offset, unreadableBytes: resumeOffset - offset, reason, resumeOffset }
    const suspicion = `${offset} ${resumeOffset} ${this.#crcFrom(offset, resumeOffset)}`
    if (suspicion !== this.#suspicion) {
      this.#suspicion = suspicion
      const message = `what was sent for offset ${offset} is no record (${reason}), and at offset ${resumeOffset} there is one again: ` +
        'have it sent once more; if it is the same then, the log that it comes from is damaged there'
      throw new StoreError('ERR_CORRUPT', message, damage)
    }
    this.#doubt = undefined
    log.advance(resumeOffset, log.lastStoreTimestamp)
    this.#parts.onDamage(damage, log.lastStoreTimestamp)
  }

  #crcFrom(from: number, to: number): number {
    const { fromOffset, toOffset, mapping } = this.#parts.log.segmentReceivedAt(from)!
    return this.#parts.backend.crc32(mapping.bytes, from - fromOffset, Math.min(to, toOffset) - fromOffset)
  }
}

function contradiction({ topic, queueId, queueOffset }: FoundRecord, queue: ConsumeQueue): string {
  return `a message says that it is number ${queueOffset} of queue ${queueId} of ${topic.name}, which here is the one at offset ${queue.offsetAt(queueOffset)}`
}
