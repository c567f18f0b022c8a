import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { CommitLog } from './commit-log/commit-log'
import { SegmentPlacement } from './commit-log/segment-placement'
import { StoreConfig } from './config/store-config'
import { ConsumeQueues } from './consume-queue/consume-queues'
import { RecordDispatch } from './dispatch/record-dispatch'
import { StoreError } from './errors'
import { Checkpoint } from './flush/checkpoint'
import { IndexFiles } from './index-file/index-files'
import { parseDelayLevels, logPathsOf, resolveLogPaths, resolveOptions, type ResolvedOptions, type UnusedProperty } from './options/options'
import { AbortMarker } from './recovery/abort-marker'
import { assertComplete, readLayout } from './recovery/layout'
import { MANIFEST_NAME, lacksIndexFiles, lacksQueues, readManifest, writeManifest } from './recovery/manifest'
import type { ManifestWriter } from './recovery/manifest-writer'
import { openSegments } from './recovery/open-segments'
import { settleDeletions } from './recovery/queue-deletion'
import { recover } from './recovery/recover'
import { assertRetention } from './retention/objections'
import { selectBackend } from './storage/backend'
import { DirectoryLock } from './storage/directory-lock'
import { makeDurableDirectory } from './storage/durable-directory'
import type { Backend, Clock, DiskMeter, FileSystem } from './storage/ports'
import type { Segment } from './storage/segment'
import { systemClock } from './storage/system-clock'
import { systemDiskMeter } from './storage/system-disk-meter'
import type { OpenOptions, RecoveryProgress, RecoveryReport } from './types'

/** What an open store is made of. */
export interface StoreParts {
  directory: string
  options: ResolvedOptions
  unusedProperties: UnusedProperty[]
  /** Milliseconds per delay level. */
  delayLevels: readonly number[]
  backend: Backend
  clock: Clock
  disk: DiskMeter
  /** Bytes of physical memory of the machine. */
  memoryBytes: number
  lock: DirectoryLock | undefined
  abortMarker: AbortMarker
  checkpoint: Checkpoint
  log: CommitLog
  queues: ConsumeQueues
  index: IndexFiles | undefined
  config: StoreConfig
  dispatch: RecordDispatch
  recovery: RecoveryReport
  /** Yields to the event loop, reports, and throws when the open is to end. */
  pause(progress: RecoveryProgress): Promise<void>
}

export interface OpenEvents {
  onRoll(segment: Segment): void
  onWarning(message: string, file: string): void
  /** A flush failed, off to the side of any call: the store is to stop. */
  onFlushFailure(error: Error): void
}

/** Options that are the open's own, beside those of the store. */
const ownOptions = ['properties', 'clock', 'dispatchers', 'retention', 'recovery', 'ports']

/** Directories whose content this version does not understand, and would spoil by writing beside it. */
const unsupportedContent: Record<string, string> = {
  consumequeue_ext: 'queue extension files (enableConsumeQueueExt)',
  batchconsumequeue: 'batch consume queues',
}

/** Opens the files, takes the lock, recovers, and hands over the parts. Nothing stays open when it throws. */
export async function openStore(
  directory: string | undefined, open: OpenOptions & { ports?: { backend?: Backend; disk?: DiskMeter; memoryBytes?: number } }, events: OpenEvents,
): Promise<StoreParts> {
  const started = performance.now()
  const { clock = systemClock, recovery = {}, ports } = open
  const { options, unusedProperties } = settleOptions(open)
  assertRetention(open.retention ?? {})
  const root = resolve(directory ?? options.storePathRootDir)
  Object.assign(options, resolveLogPaths(root, options))
  const logPaths = logPathsOf(options)
  const backend = ports?.backend ?? selectBackend(options.backend)
  const disk = ports?.disk ?? systemDiskMeter
  const memoryBytes = ports?.memoryBytes ?? totalmem()
  const { files } = backend
  assertUsable(files, root, options.readOnly)
  const closing: (() => void | Promise<void>)[] = []
  try {
    const lock = options.readOnly ? undefined : await takeLock(files, root, closing)
    if (!backend.capabilities.has('lock') && !options.readOnly) {
      const message = `the backend ${backend.name} takes no lock that another process or worker would meet, unmaps late, reserves by writing, ` +
        'and has no guard against memory faults: see to it that nobody else writes to this directory'
      events.onWarning(message, root)
    }
    const abortMarker = new AbortMarker(files, join(root, 'abort'), options.compatibility)
    const isClean = !abortMarker.isThere()
    const indexDirectory = join(root, 'index')
    const hasIndexDirectory = files.list(indexDirectory) !== undefined
    const manifestPath = join(root, MANIFEST_NAME)
    const manifest = readManifest(backend, manifestPath)
    if (!options.readOnly && options.messageIndexEnable && !hasIndexDirectory && !lacksIndexFiles(manifest, []) && logPaths.all.some((path) => holdsFiles(files, path))) {
      // Once its directory is there again, nothing else says until its end that the index is being made.
      await writeManifest(backend, manifestPath, { indexFiles: [], indexIsDamaged: true, queues: manifest.queues, deleted: manifest.deleted })
    }
    if (!options.readOnly) await claimDirectory(files, options, abortMarker)
    const checkpoint = new Checkpoint(files, join(root, 'checkpoint'), options.compatibility)
    closing.push(() => checkpoint.close())
    const layout = readLayout(files, logPaths.all)
    if (!options.readOnly) assertComplete(layout, logPaths.all, checkpoint.fields.confirmPhyOffset)
    options.mappedFileSizeCommitLog = layout.segmentSize ?? options.mappedFileSizeCommitLog
    const log = new CommitLog({
      backend,
      placement: new SegmentPlacement(logPaths.writable, options.mappedFileSizeCommitLog),
      segmentSize: options.mappedFileSizeCommitLog,
      appendsPropertyCrc: options.enabledAppendPropCRC,
      isFlushedOften: options.flushDiskType === 'SYNC_FLUSH',
      onRoll: events.onRoll,
      warn: events.onWarning,
      onFlushFailure: events.onFlushFailure,
    })
    closing.push(() => log.close())
    const layoutReport = openSegments(backend, layout, log, { readOnly: options.readOnly, isClean })
    const queues = new ConsumeQueues({
      files,
      directory: join(root, 'consumequeue'),
      fileSize: options.mappedFileSizeConsumeQueue,
      readOnly: options.readOnly,
      logIsOnDisk: () => log.isOnDisk,
      warn: events.onWarning,
    })
    closing.push(() => queues.close())
    const { compatibility, readOnly, flushConsumerOffsetInterval: interval } = options
    const config = new StoreConfig({
      files, clock, directory: join(root, 'config'), compatibility, readOnly, interval, queues, logMinOffset: () => log.minOffset, warn: events.onWarning,
    })
    closing.push(() => config.close())
    for (const deleted of manifest.deleted) queues.setDeleted(deleted)
    const pause = (progress: RecoveryProgress): Promise<void> => report(recovery, progress)
    const queuesAreDamaged = await queues.load((done, total) => pause({ phase: 'queues', done, total, unit: 'queues' }))
    if (!readOnly && log.segments.length > 0) await queues.remove(queues.leftovers)
    const index = makeIndex(options, { backend, clock, directory: indexDirectory, warn: events.onWarning })
    if (index !== undefined) closing.push(() => index.close())
    index?.load()
    const delayLevels = parseDelayLevels(options.messageDelayLevel)
    const dispatch = new RecordDispatch(queues, index, delayLevels)
    const found = await recover({
      backend, log, queues, index, checkpoint, dispatch, isClean, pause,
      // After a crash the newest file is not expected to be whole, and is cut to what is.
      hasIndex: hasIndexDirectory && !lacksIndexFiles(manifest, index?.names ?? []) && (!isClean || (index?.isSound ?? true)),
      queuesAreWhole: !queuesAreDamaged && !lacksQueues(manifest, (topic, queueId) => queues.find(topic, queueId)?.maxOffset ?? 0),
      closedQueues: manifest.queues,
      readOnly: options.readOnly,
      checkCRC: options.checkCRCOnRecover,
      forceVerifyPropCRC: options.forceVerifyPropCRC,
      messageIndexSafe: options.messageIndexSafe,
      isSlave: options.brokerRole === 'SLAVE',
    })
    if (!readOnly) {
      await settleDeletions({ backend, manifestPath, queues, config, log })
      log.startWriting()
    }
    return {
      directory: root, options, unusedProperties, delayLevels, backend, clock, disk, memoryBytes, lock, abortMarker, checkpoint, log, queues, index, config, dispatch,
      pause,
      recovery: { ...found, files: layoutReport, milliseconds: performance.now() - started },
    }
  } catch (error) {
    for (const close of closing.reverse()) await close()
    throw error
  }
}

/** Writes what an orderly close leaves, once all that was stored is on the disk; the mark of an unclean stop goes last. */
export async function finishParts({ config, index, log, abortMarker, backend, directory }: StoreParts, manifest: ManifestWriter): Promise<void> {
  await config.finish()
  index?.finish()
  await index?.sync()
  await manifest.writeLast()
  await log.discardPrepared()
  abortMarker.remove()
  await backend.files.syncDirectory(directory)
}

/** Closes the files and gives the lock back, also where a file cannot be closed. */
export async function closeParts({ config, log, index, queues, checkpoint, lock }: StoreParts): Promise<void> {
  try {
    config.close()
    await log.close()
    index?.close()
    queues.close()
    checkpoint.close()
  } finally {
    lock?.release()
  }
}

/** The options of an open, its properties file read. */
export function settleOptions(open: OpenOptions & { ports?: unknown }): { options: ResolvedOptions; unusedProperties: UnusedProperty[] } {
  const { properties, clock: _clock, dispatchers: _dispatchers, retention: _retention, recovery: _recovery, ports: _ports, ...given } = open
  return resolveOptions(given, properties === undefined ? undefined : readProperties(properties), ownOptions)
}

function readProperties(file: string): { file: string; text: string } {
  try {
    return { file, text: readFileSync(file, 'utf8') }
  } catch (cause) {
    throw new StoreError('ERR_IO', `the properties file ${file} cannot be read: ${(cause as Error).message}`, { file }, cause)
  }
}

/** @throws ERR_NOT_A_STORE */
export function assertIsStore(files: FileSystem, root: string): void {
  if (files.list(root)?.some((name) => ['commitlog', 'consumequeue', 'checkpoint'].includes(name))) return
  throw new StoreError('ERR_NOT_A_STORE', `${root} holds no message store: there is no commitlog, consumequeue or checkpoint`, { file: root })
}

function assertUsable(files: FileSystem, root: string, readOnly: boolean): void {
  if (readOnly) assertIsStore(files, root)
  for (const [name, feature] of Object.entries(unsupportedContent)) {
    const path = join(root, name)
    if (!holdsFiles(files, path)) continue
    throw new StoreError('ERR_UNSUPPORTED', `${path} holds ${feature}, which this version does not read. The directory was left as it is`, { file: path })
  }
}

function holdsFiles(files: FileSystem, directory: string): boolean {
  return (files.list(directory)?.length ?? 0) > 0
}

async function takeLock(files: FileSystem, root: string, closing: (() => void | Promise<void>)[]): Promise<DirectoryLock> {
  await makeDurableDirectory(files, root)
  const lock = DirectoryLock.take(files, join(root, 'lock'))
  closing.push(() => lock.release())
  return lock
}

/** From here on a crash is known as one; and the directories are there to be written to. */
async function claimDirectory(files: FileSystem, options: ResolvedOptions, abortMarker: AbortMarker): Promise<void> {
  abortMarker.write()
  const root = options.storePathRootDir
  for (const path of logPathsOf(options).writable) await makeDurableDirectory(files, path)
  files.makeDirectory(join(root, 'consumequeue'))
  if (options.messageIndexEnable) files.makeDirectory(join(root, 'index'))
  await files.syncDirectory(root)
}

function makeIndex(
  options: ResolvedOptions, context: { backend: Backend; clock: Clock; directory: string; warn(message: string, file: string): void },
): IndexFiles | undefined {
  if (!options.messageIndexEnable) return undefined
  return new IndexFiles({
    ...context,
    geometry: { slots: options.maxHashSlotNum, entries: options.maxIndexNum },
    readOnly: options.readOnly,
  })
}

async function report(recovery: NonNullable<OpenOptions['recovery']>, progress: RecoveryProgress): Promise<void> {
  recovery.onProgress?.(progress)
  await new Promise((resume) => setImmediate(resume))
  if (!recovery.signal?.aborted) return
  throw new StoreError('ERR_OPEN_ABORTED', 'the open was aborted; opening again starts recovery anew', {}, recovery.signal.reason)
}
