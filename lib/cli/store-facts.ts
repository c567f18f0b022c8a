import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isStoreError, type StoreError } from '../errors'
import type { CheckpointFields } from '../format/checkpoint-layout'
import { MAGIC_V2, Position } from '../format/record'
import { PROPERTY_SEPARATOR } from '../format/properties'
import { Checkpoint } from '../flush/checkpoint'
import { logPathsOf, type UnusedProperty } from '../options/options'
import { readLayout } from '../recovery/layout'
import { selectBackend } from '../storage/backend'
import { findLockHolder } from '../storage/native-backend'
import { MessageStore } from '../store'
import type { Damage, OpenOptions, QueueInfo, RecoveryReport } from '../types'

/** Messages looked at from the start of a segment on, for what tells the version. */
const SAMPLED = 100

/** What can be known of a directory without changing it. */
export interface StoreFacts {
  directory: string
  backend: string
  /** What tells which versions have written here; only what can be known. */
  versions: string[]
  /** Why the store cannot be opened, null when it can. */
  refusal: { code: string; message: string } | null
  segmentSize: number | null
  segments: number
  /** Names of index files. */
  indexFiles: number
  minPhyOffset: number | null
  maxPhyOffset: number | null
  checkpoint: CheckpointFields | null
  /** The content of the marker of an unclean stop, null where there is none. */
  abort: string | null
  lock: { exists: boolean; holder: string | null }
  recovery: Pick<RecoveryReport, 'label' | 'story' | 'scannedFrom' | 'dispatchedFrom' | 'logEnd' | 'zeroedBytes' | 'files'> | null
  damage: Damage[]
  warnings: { message: string; file: string | null }[]
  unusedProperties: readonly UnusedProperty[]
  queues: QueueInfo[]
  /** Store times of the first message of the log and of the latest of a queue, in milliseconds; null where there is none. */
  oldest: number | null
  newest: number | null
}

/** @throws what the open throws, save for what is wrong with the files of a store */
export async function readFacts(directory: string, open: OpenOptions): Promise<StoreFacts> {
  const { files, name } = selectBackend(open.backend ?? 'auto')
  const checkpointPath = join(directory, 'checkpoint')
  const holder = findLockHolder(join(directory, 'lock'))
  const facts: StoreFacts = {
    directory,
    backend: name,
    versions: [],
    refusal: null,
    segmentSize: null,
    segments: 0,
    indexFiles: files.list(join(directory, 'index'))?.length ?? 0,
    minPhyOffset: null,
    maxPhyOffset: null,
    checkpoint: files.status(checkpointPath) === undefined ? null : new Checkpoint(files, checkpointPath, '5.3').fields,
    abort: files.status(join(directory, 'abort')) === undefined ? null : readFileSync(join(directory, 'abort'), 'utf8').slice(0, 100),
    lock: { exists: files.status(join(directory, 'lock')) !== undefined, holder: holder === undefined ? null : `process ${holder}` },
    recovery: null,
    damage: [],
    warnings: [],
    unusedProperties: [],
    queues: [],
    oldest: null,
    newest: null,
  }
  let store: MessageStore
  try {
    store = await MessageStore.open(directory, { ...open, readOnly: true })
  } catch (error) {
    if (!isStoreError(error) || !isAboutFiles(error)) throw error
    facts.refusal = { code: error.code, message: error.message }
    facts.versions = describeVersions(facts, [])
    return facts
  }
  try {
    store.on('warning', ({ message, file }) => facts.warnings.push({ message, file: file ?? null }))
    // The store tells what it found in the next turn.
    await new Promise((resume) => setImmediate(resume))
    const { damage, milliseconds: _, ...recovery } = store.recovery
    const layout = readLayout(files, logPathsOf(store.options).all)
    facts.backend = store.backend
    facts.segmentSize = layout.segmentSize ?? null
    facts.segments = layout.entries.filter(({ action }) => action === 'segment' || action === 'completed').length
    facts.minPhyOffset = store.minPhyOffset
    facts.maxPhyOffset = store.maxPhyOffset
    facts.recovery = recovery
    facts.damage = damage
    facts.unusedProperties = store.unusedProperties
    facts.queues = store.queues()
    const oldest = store.earliestMessageTime()
    facts.oldest = oldest < 0 ? null : oldest
    facts.newest = newestStoreTimestamp(store, facts.queues) ?? null
    const last = Math.max(store.minPhyOffset, store.maxPhyOffset - ((store.maxPhyOffset - 1) % store.options.mappedFileSizeCommitLog) - 1)
    facts.versions = describeVersions(facts, [...sampleFrom(store, store.minPhyOffset), ...sampleFrom(store, last)])
    return facts
  } finally {
    await store.close()
  }
}

/** The latest of all queues' last messages, undefined where there is none. */
export function newestStoreTimestamp(store: MessageStore, queues: readonly QueueInfo[]): number | undefined {
  const newest = queues.reduce((latest, { topic, queueId, maxOffset }) => Math.max(latest, store.storeTimestamp(topic, queueId, maxOffset - 1)), -1)
  return newest < 0 ? undefined : newest
}

function isAboutFiles({ code }: StoreError): boolean {
  return code === 'ERR_LOG_MISSING' || code === 'ERR_SEGMENT_SIZE' || code === 'ERR_UNSUPPORTED'
}

interface Sample {
  isWide: boolean
  hasProperties: boolean
  endsWithSeparator: boolean
}

function sampleFrom(store: MessageStore, from: number): Sample[] {
  const samples: Sample[] = []
  try {
    for (let offset = from; samples.length < SAMPLED; ) {
      const message = store.lookup(offset)
      if (message === undefined) break
      const { bytes } = message
      samples.push({
        isWide: bytes.readInt32BE(Position.magic) === MAGIC_V2,
        hasProperties: Object.keys(message.properties).length > 0,
        endsWithSeparator: bytes[bytes.length - 1] === PROPERTY_SEPARATOR,
      })
      offset += message.storeSize
    }
  } catch {
    // The end of a segment, or damage: what was seen so far has to do.
  }
  return samples
}

function describeVersions({ abort, checkpoint }: StoreFacts, samples: readonly Sample[]): string[] {
  const hints: string[] = []
  const some = (test: (sample: Sample) => boolean): boolean => samples.some((sample) => sample.hasProperties && test(sample))
  if (abort !== null) {
    const isNumber = /^\d+$/.test(abort)
    hints.push(isNumber ? `abort holds the process id ${abort}: opened last by 5.x rules` : 'abort is empty: opened last by 4.x rules')
  }
  if (checkpoint !== null && checkpoint.masterFlushedOffset + checkpoint.confirmPhyOffset > 0) {
    hints.push('the checkpoint has fields that only 5.x writes')
  }
  if (samples.some(({ isWide }) => isWide)) hints.push('there are V2 records, which only 5.x writes')
  if (some(({ endsWithSeparator }) => endsWithSeparator)) hints.push('properties end with a separator, as 5.x writes them')
  if (some(({ endsWithSeparator }) => !endsWithSeparator)) hints.push('properties end without a separator, as 4.x writes them')
  return hints
}
