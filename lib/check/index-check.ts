import { join } from 'node:path'
import type { CommitLog } from '../commit-log/commit-log'
import { isIndexFileName } from '../format/file-name'
import { INDEX_ENTRY_LENGTH, indexFileSize } from '../format/index-layout'
import type { IndexGeometry } from '../index-file/index-file'
import type { FileSystem } from '../storage/ports'
import type { DamageRanges } from './damage-ranges'
import type { Report } from './finding'
import { IndexOnDisk, type IndexEntry } from './index-on-disk'
import { recordAt, type RecordFacts } from './record-at'

/** Runs of wrong and missing entries kept until it is known what of the log is damaged. */
const RUNS_MAX = 4096

export interface IndexCheckContext {
  files: FileSystem
  log: CommitLog
  /** `…/index` */
  directory: string
  geometry: IndexGeometry
  /** Opening dispatches the records from this offset on anew. */
  openDispatchesFrom: number
  /** Another process has the store open. */
  isLive: boolean
  report: Report
}

/** Wrong entries next to each other. */
interface WrongRun {
  file: IndexOnDisk
  from: number
  to: number
  reason: string
  /** Where the first leads to. */
  phyOffset: number
}

/** Messages next to each other whose keys are not found. */
interface MissingRun {
  isBehind: boolean
  offset: number
  bytes: number
  messages: number
}

/**
 * Compares log and index both ways in one pass: the index gets its entries in the order of the log, so that
 * both are read side by side.
 */
export class IndexComparison {
  readonly #context: IndexCheckContext
  readonly #files: IndexOnDisk[] = []
  readonly #entries: Generator<IndexEntry>
  #next: IndexEntry | undefined
  /** The last message that the index knows. */
  #coveredOffset = -1
  #missing: MissingRun | undefined
  readonly #wrong: WrongRun[] = []
  readonly #ended: MissingRun[] = []
  #entryCount = 0

  constructor(context: IndexCheckContext) {
    this.#context = context
    this.#load()
    this.#entries = this.#readAll()
    this.#advance()
  }

  get fileCount(): number {
    return this.#files.length
  }

  get entryCount(): number {
    return this.#entryCount
  }

  /** The next record of the log. */
  look(record: RecordFacts): void {
    const wanted = record.keyHashes()
    // Entries from before: of damaged messages, or once more of ones that were there already.
    while (this.#next !== undefined && this.#next.phyOffset < record.offset) this.#takeLate()
    while (this.#next !== undefined && this.#next.phyOffset === record.offset) {
      const entry = this.#next
      const at = wanted.indexOf(entry.keyHash)
      if (at >= 0) wanted.splice(at, 1)
      else if (!record.keyHashes().includes(entry.keyHash)) this.#noteWrong(entry, 'the message has no such key')
      if (entry.number > 1 && entry.timeDiff !== entry.file.timeDiffOf(record.storeTimestamp)) {
        this.#noteWrong(entry, `the message was stored at ${record.storeTimestamp}`)
      }
      this.#advance()
    }
    if (wanted.length > 0) this.#noteMissing(record)
    else this.#endMissing()
  }

  /**
   * After the last record. @param disagreeing messages that say something else of themselves than their queues:
   * what the index says of them may be right
   */
  finish(damage: DamageRanges, disagreeing: ReadonlySet<number>): void {
    while (this.#next !== undefined) this.#takeLate()
    this.#endMissing()
    this.#reportMissing(disagreeing)
    // The entry of a message that can no longer be read is right, too.
    this.#reportWrong((offset) => damage.covers(offset) || disagreeing.has(offset))
  }

  close(): void {
    for (const file of this.#files) file.close()
  }

  #load(): void {
    const { files, directory, geometry, isLive, report } = this.#context
    const expected = indexFileSize(geometry.slots, geometry.entries)
    const others: { path: string; size: number }[] = []
    for (const name of files.list(directory) ?? []) {
      const path = join(directory, name)
      const status = files.status(path)
      if (status === undefined || status.isDirectory) continue
      if (!isIndexFileName(name)) {
        report({ kind: 'foreign-file', file: path, offset: 0, what: 'no index file', bytes: status.size })
      } else if (status.size === expected) {
        this.#files.push(new IndexOnDisk(files, path, geometry))
      } else if (!isLive && status.size > 0) {
        others.push({ path, size: status.size })
      }
    }
    for (const { path, size } of others) {
      const kind = this.#files.length === 0 ? 'index-size' : 'index-file-size'
      report({ kind, file: path, offset: 0, what: `an index file of ${size} bytes where the options make ${expected}`, bytes: size })
    }
    this.#coveredOffset = this.#files.reduce((covered, file) => (file.indexCount > 1 ? Math.max(covered, file.endPhyOffset) : covered), -1)
  }

  /** The entries that lead to a record; the others are noted as they come by. */
  *#readAll(): Generator<IndexEntry> {
    const { log, isLive, report } = this.#context
    for (const file of this.#files) {
      const isBeingWritten = isLive && file === this.#files[this.#files.length - 1]
      for (const entry of file.entries(isBeingWritten, report)) {
        this.#entryCount++
        if (!entry.isChained) this.#noteWrong(entry, 'it does not lead to the entry before it in its chain')
        if (entry.timeDiff < 0) this.#noteWrong(entry, 'its time is before the first')
        if (entry.phyOffset < log.minOffset && entry.phyOffset >= 0) continue
        if (entry.phyOffset >= log.maxOffset) {
          if (!isLive) this.#noteWrong(entry, `it leads to ${entry.phyOffset}, which is behind the end of the log`)
        } else if (recordAt(log, entry.phyOffset) === undefined) {
          this.#noteWrong(entry, `no message begins at ${entry.phyOffset}`)
        } else {
          yield entry
        }
      }
    }
  }

  #advance(): void {
    const { value, done } = this.#entries.next() as IteratorResult<IndexEntry, undefined>
    this.#next = done === true ? undefined : value
  }

  #takeLate(): void {
    const entry = this.#next!
    const record = recordAt(this.#context.log, entry.phyOffset)
    if (record !== undefined && !record.keyHashes().includes(entry.keyHash)) this.#noteWrong(entry, 'the message has no such key')
    this.#advance()
  }

  #noteWrong(entry: IndexEntry, reason: string): void {
    const run = this.#wrong[this.#wrong.length - 1]
    if (run !== undefined && run.file === entry.file && entry.number <= run.to && entry.number >= run.from) {
      run.to = Math.max(run.to, entry.number + 1)
      return
    }
    if (this.#wrong.length === RUNS_MAX) this.#reportWrong(() => false)
    this.#wrong.push({ file: entry.file, from: entry.number, to: entry.number + 1, reason, phyOffset: entry.phyOffset })
  }

  #reportWrong(isExcused: (phyOffset: number) => boolean): void {
    for (const { file, from, to, reason, phyOffset } of this.#wrong.splice(0)) {
      if (isExcused(phyOffset)) continue
      this.#context.report({
        kind: 'index-entry-wrong', file: file.path, offset: file.positionOf(from), bytes: (to - from) * INDEX_ENTRY_LENGTH,
        what: `${to - from === 1 ? `entry ${from}` : `entries ${from} to ${to - 1}`}: ${reason}`,
      })
    }
  }

  #noteMissing({ offset, size }: RecordFacts): void {
    const isBehind = offset > this.#coveredOffset
    if (isBehind && this.#context.isLive) return
    if (this.#missing?.isBehind !== isBehind) this.#endMissing()
    this.#missing ??= { isBehind, offset, bytes: 0, messages: 0 }
    this.#missing.bytes += size
    this.#missing.messages++
  }

  #endMissing(): void {
    if (this.#missing === undefined) return
    this.#ended.push(this.#missing)
    this.#missing = undefined
    if (this.#ended.length === RUNS_MAX) this.#reportMissing(new Set())
  }

  #reportMissing(disagreeing: ReadonlySet<number>): void {
    const { log, report, openDispatchesFrom } = this.#context
    for (const { isBehind, offset, bytes, messages } of this.#ended.splice(0)) {
      if (messages === 1 && disagreeing.has(offset)) continue
      const place = messages === 1 ? 'the message here' : `${messages} messages from here on`
      report({
        kind: isBehind && offset >= openDispatchesFrom ? 'index-behind' : 'index-key-missing',
        file: log.segments.find(offset)!.path, offset, bytes,
        what: `keys of ${place} are not in the index`,
      })
    }
  }
}
