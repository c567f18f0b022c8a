import type { StoreError } from '../errors'
import { isWithin } from '../storage/is-within'
import type { Clock, DiskMeter, DiskUsage } from '../storage/ports'
import type { DiskLevel, DiskVolume } from '../types'
import { bytesLeftAt, crossed, excessOf, levelOf, thresholdsOf, type DiskOptions } from './disk-level'
import type { Place } from './places'

/** What a queue, or the index, is taken to want. In bytes. */
const ROOM_TO_GROW = 1 << 16

export interface DiskGuardOptions {
  meter: DiskMeter
  clock: Clock
  limits: DiskOptions
  places: readonly Place[]
  /** Blocks that are the log's already, and still to be written: they count as free. */
  reserved(): Iterable<{ path: string; bytes: number }>
  onLevel(volume: DiskVolume, previous: DiskLevel): void
  /** The disks cannot be measured; told once, until they can. */
  onBlind(error: Error, path: string): void
}

/** A call that met with a full disk. */
interface Lack {
  /** What it had no room for. */
  bytes: number
  /** A quota: only another try can tell whether there is room again. */
  isQuota: boolean
}

class Volume implements DiskVolume {
  /** Places that do not lie in one another. */
  readonly paths: string[] = []
  readonly places: Place[] = []
  readonly totalBytes: number
  /** Bytes of {@link freeBytes} that are the log's already. */
  reservedBytes = 0
  /** Of the last look, and what has happened since. */
  level: DiskLevel
  /** What the limits say. */
  levelByLimits: DiskLevel = 'ok'
  since: number
  excessBytes = 0
  lack: Lack | undefined
  readonly #freeBytes: number
  /** See {@link crossed}. */
  #isCrossed: readonly boolean[]

  /** @param before what was known of it */
  constructor({ totalBytes, freeBytes }: DiskUsage, before: Volume | undefined, now: number) {
    this.totalBytes = totalBytes
    this.#freeBytes = freeBytes
    this.level = before?.level ?? 'ok'
    this.since = before?.since ?? now
    this.lack = before?.lack
    this.#isCrossed = before === undefined ? [] : before.#isCrossed
  }

  get freeBytes(): number {
    return this.#freeBytes + this.reservedBytes
  }

  add(place: Place): void {
    this.places.push(place)
    if (!this.paths.some((path) => isWithin(path, place.path))) this.paths.push(place.path)
  }

  /** @returns the level that holds now */
  settle(limits: DiskOptions): DiskLevel {
    const nextFilesBytes = this.places.reduce((sum, place) => sum + place.nextFileBytes, 0)
    const thresholds = thresholdsOf(this.totalBytes, limits, nextFilesBytes)
    this.#isCrossed = crossed(thresholds, this.freeBytes, this.#isCrossed)
    this.levelByLimits = levelOf(thresholds, this.#isCrossed)
    if (this.lack !== undefined && !this.lack.isQuota && this.#freeBytes > this.lack.bytes) this.lack = undefined
    this.excessBytes = Math.max(excessOf(thresholds, this.#isCrossed, this.freeBytes), (this.lack?.bytes ?? 0) - this.#freeBytes)
    return this.lack === undefined ? this.levelByLimits : 'full'
  }

  describe(): DiskVolume {
    const { paths, level, since, totalBytes, freeBytes, excessBytes } = this
    return { paths, level, since, totalBytes, freeBytes, excessBytes }
  }
}

/**
 * Knows at which level the volumes are that the store lies on. Between two looks it learns only of calls that have met with a
 * full disk.
 */
export class DiskGuard {
  readonly #options: DiskGuardOptions
  /** By device. */
  #volumes = new Map<number, Volume>()
  #isBlind = false

  constructor(options: DiskGuardOptions) {
    this.#options = options
  }

  /** One for each volume. */
  get volumes(): DiskVolume[] {
    return [...this.#volumes.values()].map((volume) => volume.describe())
  }

  /** The volume that keeps messages from being stored: of those that only take segments, all have to be full. */
  get fullVolume(): DiskVolume | undefined {
    return this.#findBarrier(({ level }) => level === 'full')
  }

  /** The same, where it is full by its limits: one that only has had no room for something may be tried at any time. */
  get fullByLimits(): DiskVolume | undefined {
    return this.#findBarrier(({ levelByLimits }) => levelByLimits === 'full')
  }

  /** Whether files have to go for messages to be stored. By how much a quota is exceeded nobody knows: none goes for that. */
  get lacksRoom(): boolean {
    return this.#findBarrier(({ levelByLimits, lack }) => levelByLimits === 'full' || lack?.isQuota === false) !== undefined
  }

  /** Whether segments had better be made elsewhere. As RocketMQ has it, from the ratio on at which files go before their time. */
  isCrowded(path: string): boolean {
    const volume = volumeOf(this.#volumes, path)
    if (volume === undefined) return false
    return volume.level === 'full' || volume.freeBytes < bytesLeftAt(this.#options.limits.diskSpaceCleanForciblyRatio, volume.totalBytes)
  }

  /** Measures all volumes, and tells of those that have come to another level. */
  look(): void {
    try {
      this.#volumes = this.#measure()
      this.#isBlind = false
    } catch (error) {
      // What was known holds.
      if (!this.#isBlind) this.#options.onBlind(error as Error, (error as Partial<StoreError>).details?.file ?? '')
      this.#isBlind = true
    }
    this.#settle()
  }

  /** A file could not be made, or grow: the volume is full until it could, or until another call has had room. */
  lacked({ details }: StoreError): void {
    const { file = '', reason } = details
    const volume = volumeOf(this.#volumes, file)
    if (volume === undefined) return
    const isNews = volume.lack === undefined
    const segment = volume.places.find(({ takesSegments, path }) => takesSegments && isWithin(path, file))
    volume.lack = { bytes: segment?.nextFileBytes ?? ROOM_TO_GROW, isQuota: reason === 'EDQUOT' }
    if (isNews) this.look()
  }

  /** There was room for `file`. */
  hadRoom(file: string): void {
    const volume = volumeOf(this.#volumes, file)
    if (volume !== undefined) volume.lack = undefined
    this.#settle()
  }

  #settle(): void {
    for (const volume of this.#volumes.values()) {
      const previous = volume.level
      const level = volume.settle(this.#options.limits)
      if (level === previous) continue
      volume.level = level
      volume.since = this.#options.clock.now()
      this.#options.onLevel(volume.describe(), previous)
    }
  }

  #findBarrier(isFull: (volume: Volume) => boolean): DiskVolume | undefined {
    const volumes = [...this.#volumes.values()]
    const only = volumes.find((volume) => isFull(volume) && volume.places.some((place) => !place.takesSegments))
    if (only !== undefined) return only.describe()
    const log = volumes.filter(({ places }) => places.some((place) => place.takesSegments))
    return log.every(isFull) ? log[0]?.describe() : undefined
  }

  #measure(): Map<number, Volume> {
    const { meter, clock, places, reserved } = this.#options
    const found = new Map<number, Volume>()
    for (const place of places) {
      const usage = meter.usage(place.path)
      if (usage === undefined) continue
      const volume = found.get(usage.device) ?? new Volume(usage, this.#volumes.get(usage.device), clock.now())
      found.set(usage.device, volume)
      volume.add(place)
    }
    for (const { path, bytes } of reserved()) {
      const volume = volumeOf(found, path)
      if (volume !== undefined) volume.reservedBytes += bytes
    }
    return found
  }
}

/** The volume of the innermost place that holds `path`. */
function volumeOf(volumes: Map<number, Volume>, path: string): Volume | undefined {
  let innermost = ''
  let found: Volume | undefined
  for (const volume of volumes.values()) {
    for (const place of volume.paths) {
      if (isWithin(place, path) && place.length > innermost.length) [innermost, found] = [place, volume]
    }
  }
  return found
}
