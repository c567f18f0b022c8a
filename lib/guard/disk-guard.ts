import type { StoreError } from '../errors'
import type { Clock, DiskMeter, DiskUsage } from '../storage/ports'
import type { DiskLevel, DiskVolume } from '../types'
import { excessOf, levelOf, usedRatio, type DiskLimits } from './disk-level'
import { isWithin, type Place } from './places'

/** The least that a file may lack. */
const BLOCK = 4096

export interface DiskGuardOptions {
  meter: DiskMeter
  clock: Clock
  places: readonly Place[]
  /** @param nextFilesBytes what the next files take of those places that lie on the volume */
  limitsFor(nextFilesBytes: number): DiskLimits
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
  levelByLimits: DiskLevel
  since: number
  excessBytes = 0
  lack: Lack | undefined
  readonly #freeBytes: number

  /** @param before what was known of it */
  constructor({ totalBytes, freeBytes }: DiskUsage, before: Volume | undefined, now: number) {
    this.totalBytes = totalBytes
    this.#freeBytes = freeBytes
    this.level = before?.level ?? 'ok'
    this.levelByLimits = before?.levelByLimits ?? 'ok'
    this.since = before?.since ?? now
    this.lack = before?.lack
  }

  get freeBytes(): number {
    return this.#freeBytes + this.reservedBytes
  }

  add(place: Place): void {
    this.places.push(place)
    if (!this.paths.some((path) => isWithin(path, place.path))) this.paths.push(place.path)
  }

  /** @returns the level that holds now */
  settle(limits: DiskLimits): DiskLevel {
    this.levelByLimits = levelOf(this, this.levelByLimits, limits)
    if (this.lack !== undefined && !this.lack.isQuota && this.#freeBytes > this.lack.bytes) this.lack = undefined
    const level = this.lack === undefined ? this.levelByLimits : 'full'
    this.excessBytes = level === 'full' ? Math.max(excessOf(this, limits), (this.lack?.bytes ?? 0) - this.#freeBytes) : 0
    return level
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

  /** Whether segments had better be made elsewhere. As RocketMQ has it, from the ratio on at which files go before their time. */
  isCrowded(path: string): boolean {
    const volume = volumeOf(this.#volumes, path)
    return volume !== undefined && (volume.level === 'full' || usedRatio(volume) > this.#limitsOf(volume).forcedRatio)
  }

  /** Measures all volumes, and tells of those that have come to another level. */
  look(): void {
    try {
      this.#volumes = this.#measure()
      this.#isBlind = false
    } catch (error) {
      // What was known holds.
      if (!this.#isBlind) this.#options.onBlind(error as Error, (error as StoreError).details.file ?? '')
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
    volume.lack = { bytes: segment?.nextFileBytes ?? BLOCK, isQuota: reason === 'EDQUOT' }
    if (isNews) this.look()
  }

  /** What had no room has it now. */
  hadRoom(): void {
    for (const volume of this.#volumes.values()) volume.lack = undefined
    this.#settle()
  }

  #settle(): void {
    for (const volume of this.#volumes.values()) {
      const previous = volume.level
      const level = volume.settle(this.#limitsOf(volume))
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

  #limitsOf({ places }: Volume): DiskLimits {
    return this.#options.limitsFor(places.reduce((sum, { nextFileBytes }) => sum + nextFileBytes, 0))
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
