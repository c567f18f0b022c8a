import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { backendOf } from '../../check/backend-of'
import { isStoreError, systemErrorCode } from '../../errors'
import { isIndexFileName } from '../../format/file-name'
import { placesOf, type Place } from '../../guard/places'
import { settleOptions } from '../../open-store'
import { logPathsOf, resolveLogPaths, type ResolvedOptions, type UnusedProperty } from '../../options/options'
import { readLayout } from '../../recovery/layout'
import { isWithin } from '../../storage/is-within'
import { findLockHolder } from '../../storage/native-backend'
import type { Backend, DiskUsage } from '../../storage/ports'
import { MessageStore } from '../../store'
import type { OpenOptions } from '../../types'
import { usageOfStore } from '../file-usage'
import { nearestExisting, type Machine } from '../machine'
import { newestStoreTimestamp } from '../store-facts'
import { probeFileSystem, type Probe } from './probe'
import { findMount, parseCount, parseLimits, type Mount, type ProcessLimits } from './system-files'

/** What the checks go by; they ask nothing else. */
export interface DoctorFacts {
  now: number
  platform: string
  nodeVersion: string
  userId: number | undefined
  /** Bytes of memory, and how many of them a container leaves to its processes. */
  memory: number
  memoryLimit: number | undefined
  /** Why no backend can be loaded, or which one is. */
  backend: string | { name: string; capabilities: ReadonlySet<string> }
  /** Of the process that has the store open, or of this one. */
  limits: ProcessLimits & { owner: string }
  /** `vm.max_map_count` */
  mapsMax: number | undefined
  /** Why the options would be refused, or what they are. */
  options: string | { values: ResolvedOptions; unused: readonly UnusedProperty[] }
  /** Why the directory that was named cannot be looked at. */
  unreadable: string | undefined
  /** Undefined where none was named, or it cannot be looked at. */
  directory: DirectoryFacts | undefined
}

export interface DirectoryFacts {
  path: string
  /** Something of a store is there. */
  isStore: boolean
  lock: { exists: boolean; holder: string | undefined }
  /** Of the directory, or of the nearest one above it that is there. */
  ownerId: number | undefined
  /** A file that this user cannot write. */
  unwritable: string | undefined
  /** What the directories of the store lie on, that of its root first. */
  volumes: VolumeFacts[]
  /** Why it could not be tried, or what came of it; undefined where that was not wanted. */
  probe: Probe | string | undefined
  /** Bytes of files that repairs have set aside. */
  quarantine: number
  indexFileSizes: readonly number[]
  /** Why the store cannot be opened, or what an open finds; undefined where there is none. */
  store: string | OpenedFacts | undefined
}

export interface VolumeFacts extends DiskUsage {
  /** Those of the store that lie on it, the outermost first. */
  paths: string[]
  /** Segments are made there. */
  takesSegments: boolean
  /** What the next files take that are made there, in bytes. */
  nextFilesBytes: number
  filesLeft: number | undefined
  mount: Mount | undefined
}

export interface OpenedFacts {
  label: string
  story: string
  isClean: boolean
  unreadableBytes: number
  queues: number
  segmentSize: number
  newest: number | undefined
  segments: SegmentTimes[]
  /** Why files in config cannot be read. */
  unreadableConfig: string[]
}

/** Milliseconds since 1970. */
export interface SegmentTimes {
  file: string
  modified: number
  /** Store time of its first message; undefined where none begins there. */
  first: number | undefined
}

export interface FactsRequest {
  directory: string | undefined
  openOptions: OpenOptions
  machine: Machine
  /** Whether files may be made to try the file system with. */
  probes: boolean
  /** Called before such files are made, so that an interrupt does not leave them behind. */
  catchInterrupt(): void
}

export async function readDoctorFacts({ directory, openOptions, machine, probes, catchInterrupt }: FactsRequest): Promise<DoctorFacts> {
  const options = orReason(() => {
    const { options: values, unusedProperties: unused } = settleOptions(openOptions)
    return { values, unused }
  })
  const backend = orReason(() => backendOf(openOptions))
  const path = directory === undefined ? undefined : resolve(directory)
  const holder = path === undefined ? undefined : findLockHolder(join(path, 'lock'))
  const looked = path === undefined || typeof options === 'string' || typeof backend === 'string'
    ? undefined
    : await tryToReadDirectory(path, { openOptions, options: options.values, backend, machine, probes, catchInterrupt, holder })
  return {
    now: machine.clock.now(),
    platform: machine.platform,
    nodeVersion: machine.nodeVersion,
    userId: machine.userId,
    memory: machine.memory,
    memoryLimit: parseCount(machine.read('/sys/fs/cgroup/memory.max') ?? machine.read('/sys/fs/cgroup/memory/memory.limit_in_bytes')),
    backend: typeof backend === 'string' ? backend : { name: backend.name, capabilities: backend.capabilities },
    limits: {
      owner: holder === undefined ? 'this process' : `process ${holder}`,
      ...parseLimits(machine.read(`/proc/${holder ?? 'self'}/limits`)),
    },
    mapsMax: parseCount(machine.read('/proc/sys/vm/max_map_count')),
    options,
    ...(typeof looked === 'string' ? { unreadable: looked, directory: undefined } : { unreadable: undefined, directory: looked }),
  }
}

interface DirectoryContext {
  openOptions: OpenOptions
  options: ResolvedOptions
  backend: Backend
  machine: Machine
  probes: boolean
  catchInterrupt(): void
  holder: number | undefined
}

/** @returns why it cannot be looked at, where that is so */
async function tryToReadDirectory(path: string, context: DirectoryContext): Promise<DirectoryFacts | string> {
  try {
    return await readDirectory(path, context)
  } catch (error) {
    return describeError(error)
  }
}

async function readDirectory(path: string, context: DirectoryContext): Promise<DirectoryFacts> {
  const { options, backend, machine, probes, catchInterrupt, holder } = context
  const { files } = backend
  const settled = { ...options, ...resolveLogPaths(path, options) }
  const logs = logPathsOf(settled)
  const isStore = ['commitlog', 'consumequeue', 'checkpoint'].some((name) => files.status(join(path, name)) !== undefined)
  const store = isStore ? await readStore(path, context) : undefined
  const segmentSize = typeof store === 'object' ? store.segmentSize : options.mappedFileSizeCommitLog
  const indexDirectory = join(path, 'index')
  const usage = usageOfStore(path, logs.all)
  if (probes) catchInterrupt()
  return {
    path,
    isStore,
    lock: { exists: files.status(join(path, 'lock')) !== undefined, holder: holder === undefined ? undefined : `process ${holder}` },
    ownerId: statSync(nearestExisting(path)).uid,
    unwritable: findUnwritable(path, logs.writable),
    volumes: readVolumes(placesOf({ ...settled, mappedFileSizeCommitLog: segmentSize }), machine),
    probe: probes ? await probeFileSystem(backend, path, logs.writable[0]!) : undefined,
    quarantine: usage.find(({ name }) => name === 'quarantine')?.onDisk ?? 0,
    indexFileSizes: (files.list(indexDirectory) ?? [])
      .filter(isIndexFileName)
      .map((name) => files.status(join(indexDirectory, name))?.size ?? 0),
    store,
  }
}

function readVolumes(places: readonly Place[], { disk, filesLeft, read }: Machine): VolumeFacts[] {
  const volumes = new Map<number, VolumeFacts>()
  for (const { path, nextFileBytes, takesSegments } of places) {
    const existing = nearestExisting(path)
    const usage = disk.usage(existing)!
    let volume = volumes.get(usage.device)
    if (volume === undefined) {
      const mount = findMount(read('/proc/self/mountinfo'), existing)
      volumes.set(usage.device, volume = { ...usage, paths: [], takesSegments: false, nextFilesBytes: 0, filesLeft: filesLeft(existing), mount })
    }
    if (!volume.paths.some((known) => isWithin(known, path))) volume.paths.push(path)
    volume.takesSegments ||= takesSegments
    volume.nextFilesBytes += nextFileBytes
  }
  return [...volumes.values()]
}

async function readStore(path: string, { openOptions, backend: { files } }: DirectoryContext): Promise<OpenedFacts | string> {
  let store: MessageStore
  try {
    store = await MessageStore.open(path, { ...openOptions, readOnly: true, messageIndexEnable: false })
  } catch (error) {
    return describeError(error)
  }
  try {
    const { label, story, damage } = store.recovery
    const entries = readLayout(files, logPathsOf(store.options).all).entries.filter(({ action }) => action === 'segment')
    const queues = store.queues()
    return {
      label,
      story,
      isClean: files.status(join(path, 'abort')) === undefined,
      unreadableBytes: damage.reduce((sum, { unreadableBytes }) => sum + unreadableBytes, 0),
      queues: queues.length,
      segmentSize: store.options.mappedFileSizeCommitLog,
      newest: newestStoreTimestamp(store, queues),
      segments: entries.map(({ path: file, fromOffset }) => ({
        file, modified: files.status(file)?.modifiedTime ?? 0, first: firstStoreTimestamp(store, fromOffset),
      })),
      unreadableConfig: findUnreadableConfig(store),
    }
  } finally {
    await store.close()
  }
}

function findUnreadableConfig({ config }: MessageStore): string[] {
  const tables = ['consumerOffsets', 'topics', 'groups', 'delayOffsets'] as const
  return tables.map((name) => orReason(() => void config[name])).filter((reason) => reason !== undefined)
}

function firstStoreTimestamp(store: MessageStore, offset: number): number | undefined {
  try {
    return store.lookup(offset)?.storeTimestamp
  } catch {
    // What is damaged is told by the open.
    return undefined
  }
}

/** Looks at the directories and at the files of the log; of the queues at their topics only. */
function findUnwritable(path: string, logs: readonly string[]): string | undefined {
  const existing = nearestExisting(path)
  if (existing !== path) return isWritable(existing) ? undefined : existing
  const below = (directory: string): string[] => [directory, ...namesIn(directory).map((name) => join(directory, name))]
  return [...below(path), ...logs.flatMap(below), ...below(join(path, 'consumequeue')), ...below(join(path, 'index'))]
    .find((file) => file !== dirname(file) && !isWritable(file))
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'ENOENT'
  }
}

/** @returns what the call threw on purpose as a text */
function orReason<Result>(call: () => Result): Result | string {
  try {
    return call()
  } catch (error) {
    return describeError(error)
  }
}

function describeError(error: unknown): string {
  if (isStoreError(error)) return `${error.code}: ${error.message}`
  if (systemErrorCode(error) === undefined) throw error
  return (error as Error).message
}
