import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { unpackFiles, type ArchivedFile } from './golden-archive'
import type { RecordedMessage, RecordedResult } from './recorded'

/** Stores that the real engine wrote, with what was put and what it answered; golden/README.md has the kinds. */

/** Tests run from the root of the project. */
export const goldenStoresDirectory = join(process.cwd(), 'test', 'golden', 'stores')

/** The options under which a store was written. */
export interface GoldenSettings {
  mappedFileSizeCommitLog: number
  mappedFileSizeConsumeQueue: number
  maxHashSlotNum: number
  maxIndexNum: number
  maxMessageSize?: number
}

/** A line of the list of stores. */
export interface GoldenEntry {
  /** `KIND-VERSION`. */
  name: string
  kind: string
  /** The version of the engine that wrote it. */
  version: string
  /** The file that has it. */
  archive: string
  settings: GoldenSettings
}

/** One question to the engine and its answer. */
export type GoldenProbe =
  | {
      op: 'get'
      topic: string
      queueId: number
      offset: number
      max: number
      filter?: string
      status: string
      nextBeginOffset: number
      minOffset: number
      maxOffset: number
      commitLogOffsets: number[]
    }
  | { op: 'time'; topic: string; queueId: number; timestamp: number; offset: number }
  | { op: 'key'; topic: string; key: string; max: number; commitLogOffsets: number[] }

export class GoldenStore {
  readonly name: string
  readonly kind: string
  readonly version: string
  readonly compatibility: '4.9' | '5.3'
  readonly settings: Readonly<GoldenSettings>
  readonly #archive: string

  constructor(entry: GoldenEntry) {
    this.name = entry.name
    this.kind = entry.kind
    this.version = entry.version
    this.compatibility = entry.version.startsWith('4.9') ? '4.9' : '5.3'
    this.settings = entry.settings
    this.#archive = entry.archive
  }

  /** What was put, in order; pauses are left out. */
  messages(): RecordedMessage[] {
    return this.#lines<RecordedMessage | { sleepMs: number }>('messages').filter(
      (line) => !('sleepMs' in line),
    ) as RecordedMessage[]
  }

  /** The result of each put. */
  puts(): RecordedResult[] {
    return this.#lines('puts')
  }

  /** Every queue and message as the engine read them, in the form of `mqstore dump`. */
  read(): object[] {
    return this.#lines('read')
  }

  /** What the engine answered to gets, queries by key and lookups by time. */
  probe(): GoldenProbe[] {
    return this.#lines('probe')
  }

  /**
   * Writes the files as the engine left them below `parent`.
   * @returns the directory of the store
   */
  unpack(parent: string): string {
    const target = join(parent, this.name)
    for (const { path, content, modifiedTime } of this.#files('store/')) {
      const file = join(target, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, content)
      utimesSync(file, modifiedTime / 1000, modifiedTime / 1000)
    }
    return join(target, 'store')
  }

  /** The recorded files of the store, or of one folder of it, by their path in the store, ascending. */
  files(folder = ''): Map<string, Buffer> {
    return new Map(
      this.#files(folder === '' ? 'store/' : `store/${folder}/`).map(({ path, content }) => [
        path.slice('store/'.length),
        content,
      ]),
    )
  }

  #lines<Line>(name: string): Line[] {
    const [file] = this.#files(`${name}.ndjson`)
    return file.content
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
  }

  #files(prefix: string): ArchivedFile[] {
    const start = `${this.name}/`
    return openArchive(this.#archive)
      .filter(({ path }) => path.startsWith(start + prefix))
      .map((file) => ({ ...file, path: file.path.slice(start.length) }))
  }
}

/** Every recorded store, by name. */
export function goldenStores(): GoldenStore[] {
  const entries = JSON.parse(
    readFileSync(join(goldenStoresDirectory, 'stores.json'), 'utf8'),
  ) as GoldenEntry[]
  return entries.map((entry) => new GoldenStore(entry))
}

/** The archive used last: tests go through the stores in order, and those of a kind share one. */
let opened: { archive: string; files: ArchivedFile[] } | undefined

function openArchive(archive: string): ArchivedFile[] {
  if (opened?.archive !== archive) {
    opened = { archive, files: unpackFiles(readFileSync(join(goldenStoresDirectory, archive))) }
  }
  return opened.files
}
