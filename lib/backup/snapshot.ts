import { join, relative } from 'node:path'
import type { CommitLog } from '../commit-log/commit-log'
import type { ConsumeQueues } from '../consume-queue/consume-queues'
import { StoreError } from '../errors'
import type { CheckpointFields } from '../format/checkpoint-layout'
import { segmentName } from '../format/file-name'
import { QUEUE_ENTRY_LENGTH } from '../format/queue-entry'
import type { Checkpoint } from '../flush/checkpoint'
import type { IndexFiles } from '../index-file/index-files'
import { MANIFEST_NAME, makeManifest, type Manifest } from '../recovery/manifest'
import type { FileStatus, FileSystem } from '../storage/ports'
import { MARKER_NAME } from './backup-marker'

/** The parts of a store of which there is a copy to be. */
export interface StoreToCopy {
  /** Absolute path. */
  directory: string
  /** Where the segments of the log are. */
  logDirectories: ReadonlySet<string>
  files: FileSystem
  log: CommitLog
  queues: ConsumeQueues
  index: IndexFiles | undefined
  checkpoint: Checkpoint
}

/**
 * A file of the copy. `sealed`: nobody writes to it any more, save a recovery, which first makes it its own. `growing`: its first
 * `length` bytes, which stay as they are, and behind them zeros up to `size`; `head` takes the place of what the file begins with.
 * `foreign`: none of the store's own, copied as it is.
 */
export type FileToCopy = FoundFile & { status: FileStatus }

type FoundFile = {
  place: string
  path: string
  mayVanish: boolean
  /** Whether what is at `path` now may be another file than was found. */
  isReplaced?(): boolean
} & (
  | { kind: 'sealed' | 'foreign' }
  | { kind: 'growing'; length: number; size: number; head?: Buffer }
)

/** In the directory of a store, what is no part of the copy, or is written anew. */
const leftOut = new Set([
  'commitlog', 'consumequeue', 'checkpoint', 'abort', 'lock', 'quarantine', MANIFEST_NAME, `${MANIFEST_NAME}.draft`, MARKER_NAME,
])

/** All of a store at one moment between two messages, as a clean stop would leave it; what of it lies in files is still there later. */
export class Snapshot {
  readonly logEnd: number
  readonly checkpoint: CheckpointFields
  readonly manifest: Manifest
  readonly #store: StoreToCopy
  readonly #segments: readonly { path: string; fromOffset: number; size: number }[]
  readonly #index: ReturnType<IndexFiles['snapshot']> | undefined

  /** Hands what is in memory to the files. @throws ERR_DISK_FULL where they cannot take it */
  constructor(store: StoreToCopy) {
    const { log, queues, index, checkpoint } = store
    queues.write()
    this.#store = store
    this.#segments = [...log.segments]
    this.#index = index?.snapshot()
    this.logEnd = log.maxOffset
    this.manifest = makeManifest(queues, index, log.maxOffset)
    const { fields } = checkpoint
    this.checkpoint = {
      ...fields,
      physicMsgTimestamp: Math.max(fields.physicMsgTimestamp, log.lastStoreTimestamp),
      logicsMsgTimestamp: Math.max(fields.logicsMsgTimestamp, log.lastStoreTimestamp),
      confirmPhyOffset: log.maxOffset,
    }
  }

  /** Every file of the copy but checkpoint and manifest. @param pause called after each */
  async listFiles(pause: () => Promise<void>): Promise<FileToCopy[]> {
    const listed: FileToCopy[] = []
    for (const all of [this.#logFiles(), this.#queueFiles(), this.#indexFiles(), this.#foreignFiles()]) {
      for (const file of all) {
        const status = this.#store.files.status(file.path)
        if (status !== undefined) listed.push({ ...file, status })
        else if (!file.mayVanish) throw new StoreError('ERR_IO', `${file.path} is gone: somebody else has removed it`, { file: file.path })
        await pause()
      }
    }
    return listed
  }

  *#logFiles(): Generator<FoundFile> {
    const last = this.#segments[this.#segments.length - 1]
    for (const { path, fromOffset, size } of this.#segments) {
      const file = { place: join('commitlog', segmentName(fromOffset)), path, mayVanish: false }
      // The last one is copied also where it is full: recovery may want to write to it.
      if (fromOffset === last!.fromOffset) yield { ...file, kind: 'growing', length: this.logEnd - fromOffset, size }
      else yield { ...file, kind: 'sealed' }
    }
  }

  *#queueFiles(): Generator<FoundFile> {
    const { queues, directory } = this.#store
    for (const { topic, queueId, maxOffset } of this.manifest.queues) {
      const queue = queues.find(topic, queueId)
      const files = queue?.files
      // Deleted, and begun anew.
      const isReplaced = (): boolean => queues.find(topic, queueId) !== queue
      // Files that are made later hold later messages.
      for (const start of files?.starts.filter((start) => start < maxOffset) ?? []) {
        const path = join(files!.directory, segmentName(start * QUEUE_ENTRY_LENGTH))
        const file = { place: relative(directory, path), path, mayVanish: true, isReplaced }
        const length = (maxOffset - start) * QUEUE_ENTRY_LENGTH
        const size = files!.entriesPerFile * QUEUE_ENTRY_LENGTH
        if (length < size) yield { ...file, kind: 'growing', length, size }
        else yield { ...file, kind: 'sealed' }
      }
    }
  }

  *#indexFiles(): Generator<FoundFile> {
    const { directory } = this.#store
    for (const path of this.#index?.full ?? []) yield { place: relative(directory, path), path, mayVanish: true, kind: 'sealed' }
    const active = this.#index?.active
    if (active !== undefined) yield { place: relative(directory, active.path), mayVanish: false, kind: 'growing', ...active }
  }

  /** The broker's own files, and an index that is not kept any more. */
  *#foreignFiles(): Generator<FoundFile> {
    const { files, directory, logDirectories, index } = this.#store
    for (const name of files.list(directory) ?? []) {
      const path = join(directory, name)
      if (leftOut.has(name) || (name === 'index' && index !== undefined) || logDirectories.has(path)) continue
      yield* this.#below(path)
    }
  }

  *#below(path: string): Generator<FoundFile> {
    const { files, directory } = this.#store
    const names = files.list(path)
    if (names === undefined) yield { place: relative(directory, path), path, mayVanish: true, kind: 'foreign' }
    for (const name of names ?? []) yield* this.#below(join(path, name))
  }
}
