import { indexFileSize } from '../../format/index-layout'
import { bytesLeftAt, crossed, excessOf, levelOf, thresholdsOf, usedRatio } from '../../guard/disk-level'
import { bytesText, countOf, countText, durationText, percentText, timeText } from '../units'
import type { DirectoryFacts, DoctorFacts, OpenedFacts, VolumeFacts } from './facts'
import { fileSystemTraits } from './file-system-traits'
import type { Probe } from './probe'

/** Least first. `note`: worth knowing. `warning`: it will bite one day. `error`: it keeps a store from working. */
export const severities = ['fine', 'note', 'warning', 'error'] as const

export type Severity = (typeof severities)[number]

export interface Diagnosis {
  severity: Severity
  text: string
  /** The line that puts it right, where there is one. */
  fix?: string
}

export interface Check {
  name: string
  /** Nothing where there is nothing to look at. */
  look(facts: DoctorFacts): Diagnosis[]
}

const SECOND = 1000
const HOUR = 3600 * SECOND
const NODE_MAJOR_MIN = 20
/** Descriptors and maps of Node.js itself and of the program around the store. */
const FILES_ELSEWHERE = 100
const MAPS_ELSEWHERE = 1000
/** Queue files that are kept open at most; with fewer the store works, and opens files more often. */
const QUEUE_FILES_MAX = 4096
const FILES_RECOMMENDED = 65_536
const MAPS_RECOMMENDED = 262_144
/** Bytes that a queue takes at most. */
const QUEUE_MEMORY = 20_000
/** Bytes: populated pages ahead of the writer, the slots of the index, and Node.js. */
const MEMORY_MIN = 256 << 20
const FILES_LEFT_MIN = 10_000
/** Milliseconds from which on a flush is slow, and very slow. */
const FLUSH_SLOW = 10
const FLUSH_VERY_SLOW = 100
const NAMES_MAX = 5

export const checks: readonly Check[] = [
  { name: 'node', look: lookAtNode },
  { name: 'backend', look: lookAtBackend },
  { name: 'open files', look: lookAtOpenFiles },
  { name: 'memory maps', look: lookAtMaps },
  { name: 'address space', look: lookAtAddressSpace },
  { name: 'memory', look: lookAtMemory },
  { name: 'options', look: lookAtOptions },
  { name: 'directory', look: lookAtReading },
  { name: 'permissions', look: inDirectory(lookAtPermissions) },
  { name: 'file system', look: inDirectory(lookAtFileSystems) },
  { name: 'trial', look: inDirectory(lookAtProbe) },
  { name: 'room', look: inDirectory(lookAtRoom) },
  { name: 'reserved time', look: inStore(lookAtReservedTime) },
  { name: 'lock', look: inDirectory(lookAtLock) },
  { name: 'index', look: inDirectory(lookAtIndex) },
  { name: 'store', look: inDirectory(lookAtStore) },
  { name: 'config', look: inStore(lookAtConfig) },
  { name: 'clock', look: inStore(lookAtClock) },
  { name: 'file times', look: inStore(lookAtFileTimes) },
  { name: 'quarantine', look: inDirectory(lookAtQuarantine) },
]

function inDirectory(look: (directory: DirectoryFacts, facts: DoctorFacts) => Diagnosis[]): Check['look'] {
  return (facts) => (facts.directory === undefined ? [] : look(facts.directory, facts))
}

function inStore(look: (store: OpenedFacts, facts: DoctorFacts) => Diagnosis[]): Check['look'] {
  return inDirectory(({ store }, facts) => (typeof store === 'object' ? look(store, facts) : []))
}

function fine(text: string): Diagnosis[] {
  return [{ severity: 'fine', text }]
}

// The machine

function lookAtNode({ nodeVersion, platform }: DoctorFacts): Diagnosis[] {
  const text = `Node.js ${nodeVersion} on ${platform}`
  if (Number(nodeVersion.split('.')[0]) < NODE_MAJOR_MIN) {
    return [{ severity: 'error', text: `${text}: the library needs ${NODE_MAJOR_MIN} or later`, fix: `nvm install ${NODE_MAJOR_MIN}` }]
  }
  return platform === 'linux-x64' ? fine(text) : [{ severity: 'note', text: `${text}: only linux-x64 is tested` }]
}

/** What the lack of a capability means. */
const lacks: Record<string, string> = {
  lock: 'nothing keeps a second process from writing to the same directory',
  guard: 'a bad sector, or a file that is cut while it is mapped, ends the process',
  reserve: 'a segment is reserved by writing zeros',
  unmap: 'the memory of a deleted segment comes back with the next garbage collection',
}

function lookAtBackend({ backend }: DoctorFacts): Diagnosis[] {
  if (typeof backend === 'string') return [{ severity: 'error', text: backend, fix: 'npm rebuild mqstore' }]
  const missing = Object.keys(lacks).filter((capability) => !backend.capabilities.has(capability))
  if (missing.length === 0) return fine(`${backend.name}, with all that it can do`)
  const text = `${backend.name}: ${missing.map((capability) => lacks[capability]).join('; ')}`
  const severity = missing.includes('lock') || missing.includes('guard') ? 'warning' : 'note'
  return [{ severity, text, ...(backend.name === 'native' ? {} : { fix: 'npm rebuild mqstore' }) }]
}

/** Files of the log and the index, of which each is open and mapped once it has been touched. */
function mappedFiles({ directory }: DoctorFacts): number {
  const segments = typeof directory?.store === 'object' ? directory.store.segments.length : 0
  return segments + 1 + (directory?.indexFileSizes.length ?? 0)
}

function queuesOf({ directory }: DoctorFacts): number {
  return typeof directory?.store === 'object' ? directory.store.queues : 0
}

function lookAtOpenFiles(facts: DoctorFacts): Diagnosis[] {
  const { openFiles, owner } = facts.limits
  if (openFiles === undefined) return []
  const fix = `ulimit -n ${FILES_RECOMMENDED}; in a service file LimitNOFILE=${FILES_RECOMMENDED}`
  const least = mappedFiles(facts) + FILES_ELSEWHERE
  const wanted = least + Math.min(QUEUE_FILES_MAX, queuesOf(facts))
  const text = `${owner} may open ${openFiles === Infinity ? 'any number' : countText(openFiles)}`
  if (openFiles < least) return [{ severity: 'error', text: `${text}; log and index alone want ${countText(least)}`, fix }]
  if (openFiles < wanted) return [{ severity: 'warning', text: `${text}; with its queues the store wants ${countText(wanted)}, and is slower with fewer`, fix }]
  return fine(`${text}; the store wants ${countText(wanted)}`)
}

function lookAtMaps(facts: DoctorFacts): Diagnosis[] {
  const { mapsMax } = facts
  if (mapsMax === undefined) return []
  const wanted = mappedFiles(facts) + MAPS_ELSEWHERE
  const text = `vm.max_map_count is ${countText(mapsMax)}; the store wants ${countText(wanted)}`
  if (mapsMax >= wanted) return fine(text)
  const enough = Math.max(MAPS_RECOMMENDED, 2 * wanted)
  return [{ severity: 'error', text, fix: `sysctl -w vm.max_map_count=${enough}; to keep it, a line in /etc/sysctl.d/` }]
}

function lookAtAddressSpace(facts: DoctorFacts): Diagnosis[] {
  const { addressSpace, owner } = facts.limits
  if (addressSpace === undefined || addressSpace === Infinity) return []
  const store = facts.directory?.store
  const log = typeof store === 'object' ? (store.segments.length + 1) * store.segmentSize : 0
  const wanted = log + (facts.directory?.indexFileSizes.reduce((sum, size) => sum + size, 0) ?? 0)
  const text = `${owner} may have ${bytesText(addressSpace)} of addresses; log and index are ${bytesText(wanted)} long`
  return [{ severity: addressSpace < wanted ? 'error' : 'warning', text, fix: 'ulimit -v unlimited' }]
}

function lookAtMemory(facts: DoctorFacts): Diagnosis[] {
  const memory = Math.min(facts.memory, facts.memoryLimit ?? Infinity)
  const wanted = MEMORY_MIN + queuesOf(facts) * QUEUE_MEMORY
  const isLimited = memory < facts.memory
  const text = `${bytesText(memory)}${isLimited ? ' for this container, in which the cache of its files counts' : ''}`
  if (memory >= wanted) return fine(text)
  return [{ severity: 'warning', text: `${text}; with its queues the store may want ${bytesText(wanted)}`, fix: `a limit of at least ${bytesText(wanted)}` }]
}

// The options

function lookAtOptions({ options, directory }: DoctorFacts): Diagnosis[] {
  if (typeof options === 'string') return [{ severity: 'error', text: options }]
  const { values, unused } = options
  const found: Diagnosis[] = []
  const { diskMaxUsedSpaceRatio: short, diskSpaceCleanForciblyRatio: forced, diskSpaceWarningLevelRatio: full } = values
  if (short > forced || forced > full) {
    found.push({
      severity: 'warning',
      text: `diskMaxUsedSpaceRatio ${short}, diskSpaceCleanForciblyRatio ${forced} and diskSpaceWarningLevelRatio ${full} are not in this order`,
      fix: 'diskMaxUsedSpaceRatio <= diskSpaceCleanForciblyRatio <= diskSpaceWarningLevelRatio',
    })
  }
  const store = directory?.store
  if (typeof store === 'object' && store.segmentSize !== values.mappedFileSizeCommitLog) {
    const given = bytesText(values.mappedFileSizeCommitLog)
    found.push({ severity: 'note', text: `mappedFileSizeCommitLog is ${given}, the segments have ${bytesText(store.segmentSize)} and keep it` })
  }
  if (unused.length > 0) {
    const names = unused.slice(0, NAMES_MAX).map(({ key }) => key).join(', ')
    const more = unused.length > NAMES_MAX ? ` and ${unused.length - NAMES_MAX} more` : ''
    found.push({ severity: 'note', text: `not used: ${names}${more}; mqstore info says why` })
  }
  return found.length > 0 ? found : fine('taken as they are')
}

// The directory

function lookAtReading({ unreadable }: DoctorFacts): Diagnosis[] {
  if (unreadable === undefined) return []
  return [{ severity: 'error', text: `cannot be looked at: ${unreadable}`, fix: 'the path of a directory, as a user who may read it' }]
}

function lookAtPermissions({ path, unwritable, ownerId }: DirectoryFacts, { userId }: DoctorFacts): Diagnosis[] {
  if (unwritable !== undefined) {
    return [{ severity: 'error', text: `${unwritable} cannot be written by user ${userId}`, fix: `chown -R ${userId} ${path}` }]
  }
  if (ownerId === userId || userId === undefined) return fine('all can be read and written')
  return [{
    severity: userId === 0 ? 'warning' : 'note',
    text: `the directory belongs to user ${ownerId}, who cannot write the files that user ${userId} makes in it`,
    fix: `run as user ${ownerId}, or chown -R ${userId} ${path}`,
  }]
}

function lookAtFileSystems({ volumes }: DirectoryFacts): Diagnosis[] {
  return volumes.flatMap(({ mount }) => {
    if (mount === undefined) return []
    const { point, type, options } = mount
    const text = `${type} at ${point}`
    if (options.includes('ro')) return [{ severity: 'error', text: `${text} is mounted read-only`, fix: `mount -o remount,rw ${point}` }]
    if (options.includes('nobarrier') || options.includes('barrier=0')) {
      return [{
        severity: 'warning', text: `${text} is mounted without barriers: a power cut takes messages that were acknowledged`,
        fix: `mount -o remount,barrier ${point}`,
      }]
    }
    const trait = fileSystemTraits(type)
    return [trait === undefined ? { severity: 'fine', text } : { ...trait, text: `${text}: ${trait.text}` }]
  })
}

function lookAtProbe({ probe }: DirectoryFacts): Diagnosis[] {
  if (probe === undefined) return []
  if (typeof probe === 'string') return [{ severity: 'note', text: `the file system could not be tried: ${probe}` }]
  const found = [...lookAtReserving(probe), ...lookAtLocking(probe), ...lookAtMapping(probe), ...lookAtFlush(probe)]
  return found.length > 0 ? found : fine(`reserving, holes, locks and maps work; a flush takes ${probe.flush.toFixed(1)} ms`)
}

function lookAtReserving({ reserve, holes }: Probe): Diagnosis[] {
  const found: Diagnosis[] = []
  if (typeof reserve === 'string') found.push({ severity: 'error', text: `blocks cannot be reserved: ${reserve}` })
  if (reserve === false) {
    found.push({ severity: 'warning', text: 'reserved blocks take no room: on a full disk a write through the map is a memory fault', fix: 'ext4 or xfs' })
  }
  if (!holes) found.push({ severity: 'note', text: 'there are no holes in files: queues and index take all of their length' })
  return found
}

function lookAtLocking({ lock }: Probe): Diagnosis[] {
  if (lock === undefined || lock === true) return []
  const reason = lock === false ? 'a second lock was given' : lock
  return [{ severity: 'error', text: `locks do not hold (${reason}): a second process could write to the same directory`, fix: 'a local file system' }]
}

function lookAtMapping({ map }: Probe): Diagnosis[] {
  if (map === true) return []
  const reason = map === false ? 'what is stored to a map is not in the file' : map
  return [{ severity: 'error', text: `files cannot be mapped: ${reason}`, fix: 'ext4 or xfs' }]
}

function lookAtFlush({ flush }: Probe): Diagnosis[] {
  if (flush < FLUSH_SLOW) return []
  const text = `a flush takes ${flush.toFixed(0)} ms, and under SYNC_FLUSH put waits for one`
  return [{ severity: flush < FLUSH_VERY_SLOW ? 'note' : 'warning', text }]
}

function lookAtRoom({ volumes, path }: DirectoryFacts, { options }: DoctorFacts): Diagnosis[] {
  if (typeof options === 'string') return []
  const fix = `mqstore retention ${path}`
  return volumes.flatMap((volume): Diagnosis[] => {
    const { totalBytes, freeBytes, paths, nextFilesBytes } = volume
    const where = volumes.length > 1 ? ` for ${paths.join(' and ')}` : ''
    const text = `${bytesText(freeBytes)} left of ${bytesText(totalBytes)}${where}, ${percentText(usedRatio(volume))} used`
    const thresholds = thresholdsOf(totalBytes, options.values, nextFilesBytes)
    const isCrossed = crossed(thresholds, freeBytes, [])
    const level = levelOf(thresholds, isCrossed)
    const { cleanFileForciblyEnable, diskSpaceCleanForciblyRatio } = options.values
    const filesLeft = lookAtFilesLeft(volume)
    if (level === 'full') {
      const excess = bytesText(excessOf(thresholds, isCrossed, freeBytes))
      return [{ severity: 'error', text: `${text}: nothing can be stored until ${excess} more are free`, fix }, ...filesLeft]
    }
    if (cleanFileForciblyEnable && freeBytes < bytesLeftAt(diskSpaceCleanForciblyRatio, totalBytes)) {
      return [{ severity: 'warning', text: `${text}: messages are deleted before their time`, fix }, ...filesLeft]
    }
    if (level === 'warning') return [{ severity: 'warning', text: `${text}: old files go at any hour`, fix }, ...filesLeft]
    return [{ severity: 'fine', text }, ...filesLeft]
  })
}

/** A queue is a directory with a file, and a volume has only so many. */
function lookAtFilesLeft({ filesLeft, paths }: VolumeFacts): Diagnosis[] {
  if (filesLeft === undefined || filesLeft >= FILES_LEFT_MIN) return []
  const severity = filesLeft === 0 ? 'error' : 'warning'
  return [{ severity, text: `only ${countOf(filesLeft, 'more file')} can be made for ${paths.join(' and ')}`, fix: `df -i ${paths[0]}` }]
}

/** Whether what is to be kept has room, if messages go on to come as they have. */
function lookAtReservedTime({ segments, segmentSize }: OpenedFacts, { options, directory }: DoctorFacts): Diagnosis[] {
  const [first, last] = [segments[0]?.first, segments.at(-1)?.first]
  // What a few minutes brought says nothing about days.
  if (typeof options === 'string' || first === undefined || last === undefined || last - first < HOUR) return []
  const { fileReservedTime, cleanFileForciblyEnable, diskSpaceCleanForciblyRatio, diskSpaceWarningLevelRatio } = options.values
  const bytesPerHour = ((segments.length - 1) * segmentSize * HOUR) / (last - first)
  const limit = cleanFileForciblyEnable ? diskSpaceCleanForciblyRatio : diskSpaceWarningLevelRatio
  const left = directory!.volumes.filter(({ takesSegments }) => takesSegments).map(({ freeBytes, totalBytes }) => freeBytes - bytesLeftAt(limit, totalBytes))
  const room = left.reduce((sum, bytes) => sum + bytes, segments.length * segmentSize)
  const hours = Math.max(0, Math.floor(room / bytesPerHour))
  const text = `at ${bytesText(Math.round(bytesPerHour * 24))} a day there is room for ${hours === 0 ? 'less than an hour' : durationText(hours * HOUR)} of messages`
  if (hours >= fileReservedTime) return fine(`${text}; they are kept for ${durationText(fileReservedTime * HOUR)}`)
  const effect = cleanFileForciblyEnable ? 'the oldest are deleted before their time' : 'then nothing can be stored'
  return [{
    severity: 'warning', text: `${text}, and they are to be kept for ${durationText(fileReservedTime * HOUR)}: ${effect}`,
    fix: `a larger volume${hours === 0 ? '' : `, or fileReservedTime=${hours}`}`,
  }]
}

function lookAtLock({ lock, isStore }: DirectoryFacts): Diagnosis[] {
  if (lock.holder !== undefined) return fine(`held by ${lock.holder}: it has the store open`)
  return isStore ? fine('held by nobody that can be seen') : []
}

function lookAtIndex({ indexFileSizes, path }: DirectoryFacts, { options }: DoctorFacts): Diagnosis[] {
  if (typeof options === 'string' || !options.values.messageIndexEnable || indexFileSizes.length === 0) return []
  const { maxHashSlotNum, maxIndexNum } = options.values
  const expected = indexFileSize(maxHashSlotNum, maxIndexNum)
  const others = indexFileSizes.filter((size) => size !== expected && size !== 0)
  if (others.length === 0) return fine(`${countOf(indexFileSizes.length, 'file')} of the size that the options make`)
  return [{
    severity: 'error',
    text: `${countOf(others.length, 'file')} of ${countText(others[0]!)} bytes where maxHashSlotNum and maxIndexNum make ${countText(expected)}: ` +
      'an open for writing is refused',
    fix: `give both as they were, or mqstore rebuild ${path} index --apply`,
  }]
}

function lookAtStore({ store, isStore, lock, path }: DirectoryFacts): Diagnosis[] {
  if (!isStore) return [{ severity: 'note', text: 'there is no store yet; the first open makes one' }]
  if (store === undefined) return []
  if (typeof store === 'string') return [{ severity: 'error', text: `cannot be opened: ${store}`, fix: `mqstore check ${path}` }]
  if (store.unreadableBytes > 0) {
    return [{ severity: 'warning', text: `${bytesText(store.unreadableBytes)} of the log cannot be read`, fix: `mqstore check ${path}` }]
  }
  const text = `${countOf(store.segments.length, 'segment')} and ${countOf(store.queues, 'queue')}`
  if (store.isClean || lock.holder !== undefined) return fine(`${text} can be read`)
  return [{ severity: 'note', text: `${text} can be read; not closed in order, so that the next open recovers (${store.label}: ${store.story})` }]
}

function lookAtConfig({ unreadableConfig }: OpenedFacts): Diagnosis[] {
  return unreadableConfig.map((text) => ({ severity: 'warning', text }))
}

// Times

function lookAtClock({ newest, segments }: OpenedFacts, { now }: DoctorFacts): Diagnosis[] {
  const found: Diagnosis[] = []
  if (newest !== undefined && newest > now + SECOND) {
    found.push({
      severity: 'warning',
      text: `the last message was stored ${durationText(newest - now)} from now, at ${timeText(newest)}: the clock was ahead, or is behind`,
      fix: 'timedatectl status',
    })
  }
  const back = segments.findIndex((segment, index) => (segment.first ?? Infinity) < (segments[index - 1]?.first ?? 0))
  if (back > 0) {
    const [before, after] = [segments[back - 1]!.first!, segments[back]!.first!]
    found.push({
      severity: 'note',
      text: `the clock was set back by ${durationText(before - after)} or more at about ${timeText(after)}: ` +
        'around there a search by time may miss messages',
    })
  }
  if (found.length > 0) return found
  return fine(newest === undefined ? 'there is no message to compare it with' : 'no message is from the future, and the log is in the order of its times')
}

/** Retention, and 4.9's search by time, go by the time of a file, which is that of its last message. */
function lookAtFileTimes({ segments }: OpenedFacts): Diagnosis[] {
  const off = segments.flatMap(({ file, modified }, index) => {
    const last = segments[index + 1]?.first
    return last === undefined || Math.abs(modified - last) <= HOUR ? [] : [{ file, off: modified - last, last }]
  })
  if (off.length === 0) return segments.length < 2 ? [] : fine('those of the segments are those of their messages')
  const { file, off: by, last } = off.reduce(furthest)
  const effect = by > 0 ? `kept ${durationText(by)} too long` : `deleted ${durationText(-by)} too early`
  return [{
    severity: 'warning',
    text: `${countOf(off.length, 'segment')} with a time that is not that of its last message: ${file} would be ${effect}. Copies have to keep times`,
    fix: `touch -d @${Math.floor(last / SECOND)} ${file}`,
  }]
}

function furthest<Off extends { off: number }>(left: Off, right: Off): Off {
  return Math.abs(right.off) > Math.abs(left.off) ? right : left
}

function lookAtQuarantine({ quarantine, path }: DirectoryFacts): Diagnosis[] {
  if (quarantine === 0) return []
  return [{ severity: 'note', text: `repairs have set ${bytesText(quarantine)} aside`, fix: `rm -r ${path}/quarantine, once nobody wants it` }]
}
