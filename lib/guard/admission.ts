import type { CommitLog } from '../commit-log/commit-log'
import { StoreError, type Pressure } from '../errors'
import type { Backlog } from '../flush/derived-flush'
import type { ResolvedOptions } from '../options/options'
import type { Clock, DiskMeter } from '../storage/ports'
import type { DiskVolume, StoreEvents } from '../types'
import { DiskGuard } from './disk-guard'
import { placesOf } from './places'
import { PressureGauge, type FlushProgress } from './pressure-gauge'
import { RunningFlags } from './running-flags'

/** Between two looks at disks and flush, in milliseconds. */
const LOOK_INTERVAL = 1000

export interface AdmissionContext {
  options: ResolvedOptions
  clock: Clock
  meter: DiskMeter
  log: CommitLog
  progress: FlushProgress
  replicas: ReplicaProgress
  /** Tells whoever listens, and not from within a put. */
  emit<Name extends keyof StoreEvents>(name: Name, event: StoreEvents[Name]): void
}

/** How far those are that `put` waits for. */
export interface ReplicaProgress {
  /** Looks who of them is in sync. */
  look(): void
  /** What they hold up, as of now. */
  readonly pressure: Pressure | undefined
}

/** Decides whether messages are taken, by flags, disks and flush, and says why not. */
export class Admission {
  readonly flags = new RunningFlags()
  readonly #options: ResolvedOptions
  readonly #clock: Clock
  readonly #emit: AdmissionContext['emit']
  readonly #disk: DiskGuard
  readonly #gauge: PressureGauge
  readonly #replicas: ReplicaProgress
  /** A call that had no room, until one has. */
  #lack: Pressure | undefined
  #fileOfBacklog = ''
  /** Reasons that the event `pressure` has told of. */
  #reasonsTold = ''
  #cancelTimer: (() => void) | undefined

  constructor({ options, clock, meter, log, progress, replicas, emit }: AdmissionContext) {
    this.#options = options
    this.#clock = clock
    this.#replicas = replicas
    this.#emit = emit
    this.#disk = new DiskGuard({
      meter,
      clock,
      limits: options,
      places: placesOf(options),
      reserved: () => log.reserved,
      onLevel: (volume, previous) => emit('diskLevel', { volume, previous }),
      onBlind: (error, file) => emit('warning', { message: `the room on the disk cannot be told: ${error.message}`, file }),
    })
    const { flushDiskType, flushIntervalCommitLog, flushCommitLogThoroughInterval } = options
    const waitMax = flushDiskType === 'SYNC_FLUSH' ? 0 : flushIntervalCommitLog + flushCommitLogThoroughInterval
    log.placement.isCrowded = (path) => this.#disk.isCrowded(path)
    this.#gauge = new PressureGauge(clock, progress, log, waitMax)
    this.#raiseForGood()
  }

  /** Looks at disks and flush now and, unless nothing is stored anyway, again and again until {@link stop}. */
  start(): void {
    this.#look()
    if (!this.#options.readOnly) this.#cancelTimer = this.#clock.startTimer(LOOK_INTERVAL, () => this.start())
  }

  stop(): void {
    this.#cancelTimer?.()
  }

  /** A slave takes its messages from its master only: with others of its own it could follow no longer. The bare store of 5.3 does not look. */
  setSlave(isSlave: boolean): void {
    if (!isSlave) this.flags.clear('SLAVE')
    else this.flags.raise('SLAVE', () => ({ status: 'SERVICE_NOT_AVAILABLE', reason: 'the store is a slave: put to its master' }))
  }

  /** There may be room again, which is used at once. */
  noteDeletion(): void {
    if (this.flags.has('DISK_FULL')) this.#look()
  }

  /** Messages are refused until files have gone. */
  get lacksRoom(): boolean {
    return this.#disk.lacksRoom
  }

  get volumes(): DiskVolume[] {
    return this.#disk.volumes
  }

  /** What holds up messages; the worst first. */
  get pressure(): Pressure[] {
    const full = this.#disk.fullVolume
    const causes = this.#gauge.causes
    const behind = this.#replicas.pressure
    if (behind !== undefined) causes.push(behind)
    if (full !== undefined) causes.unshift(diskFull(full))
    else if (this.#lack !== undefined) causes.unshift(this.#lack)
    return causes
  }

  /** A file could not be made, or grow. @returns what the caller is to be told */
  lacked(error: StoreError): StoreError {
    const { file = '' } = error.details
    this.#lack ??= { reason: 'diskFull', message: error.message, since: this.#clock.now(), bytes: 0, paths: [file] }
    this.#disk.lacked(error)
    const explained = this.#explain(error)
    this.#settle(explained)
    return explained
  }

  /** There was room for `file`. */
  hadRoom(file: string): void {
    if (!this.flags.has('DISK_FULL')) return
    this.#lack = undefined
    this.#disk.hadRoom(file)
    this.#settle()
  }

  /**
   * Queues or index could not be written, or could again.
   * @param tryAgain writes what waits, and returns what is in the way still
   */
  noteBacklog(backlog: Backlog | undefined, tryAgain: () => StoreError | undefined): void {
    this.flags.clear('WRITE_LOGICS_QUEUE_ERROR')
    this.flags.clear('WRITE_INDEX_FILE_ERROR')
    if (backlog === undefined) {
      this.hadRoom(this.#fileOfBacklog)
      return
    }
    this.#fileOfBacklog = backlog.error.details.file ?? ''
    this.lacked(backlog.error)
    this.flags.raise(backlog.of === 'queues' ? 'WRITE_LOGICS_QUEUE_ERROR' : 'WRITE_INDEX_FILE_ERROR', () => {
      const error = tryAgain()
      if (error !== undefined) throw this.#explain(error)
      return undefined
    })
  }

  #look(): void {
    this.#gauge.look()
    this.#replicas.look()
    this.#disk.look()
    this.#lack = undefined
    this.#settle()
  }

  /** What was settled with the open. */
  #raiseForGood(): void {
    const { readOnly, brokerRole } = this.#options
    if (readOnly) {
      this.flags.raise('READ_ONLY', () => {
        throw new StoreError('ERR_READ_ONLY', 'the store was opened with readOnly')
      })
    }
    this.setSlave(brokerRole === 'SLAVE')
  }

  /** @param error what the disk said, where it has just been asked */
  #settle(error?: StoreError): void {
    this.#tellPressure()
    const isFull = this.#lack !== undefined || this.#disk.fullVolume !== undefined
    if (isFull === this.flags.has('DISK_FULL')) return
    if (!isFull) {
      this.flags.clear('DISK_FULL')
      return
    }
    this.flags.raise('DISK_FULL', () => {
      const full = this.#disk.fullByLimits
      // Where only a call has had no room, the next one may try.
      if (full !== undefined) throw this.#beyondLimits(full)
      return undefined
    })
    const full = this.#disk.fullByLimits
    const reason = error ?? (full && this.#beyondLimits(full))
    if (reason !== undefined) this.#emit('diskFull', { error: reason })
  }

  #tellPressure(): void {
    const causes = this.pressure
    const reasons = causes.map(({ reason }) => reason).join()
    if (reasons === this.#reasonsTold) return
    this.#reasonsTold = reasons
    this.#emit('pressure', { causes })
  }

  #beyondLimits(volume: DiskVolume): StoreError {
    const { diskSpaceWarningLevelRatio, diskFreeSpaceMin } = this.#options
    const { message } = diskFull(volume)
    return new StoreError(
      'ERR_DISK_FULL',
      `${message} before anything is stored again (diskSpaceWarningLevelRatio is ${diskSpaceWarningLevelRatio}, diskFreeSpaceMin ${diskFreeSpaceMin})`,
      { file: volume.paths[0]!, reason: 'the volume is beyond its limits', pressure: this.pressure },
    )
  }

  #explain(error: StoreError): StoreError {
    const volume = this.#disk.fullVolume
    const message = volume === undefined ? error.message : `${error.message}: ${diskFull(volume).message}`
    return new StoreError(error.code, message, { ...error.details, pressure: this.pressure }, error)
  }
}

function diskFull({ paths, since, freeBytes, totalBytes, excessBytes: bytes }: DiskVolume): Pressure {
  const message = `the volume of ${paths.join(' and ')} is full: ${freeBytes} of ${totalBytes} bytes are left, and ${bytes} have to go`
  return { reason: 'diskFull', message, since, bytes, paths }
}
