import type { Pressure } from '../errors'
import type { Clock } from '../storage/ports'

/** A flush, or being behind what was promised, is worth a word from here on. In milliseconds. */
const SLOW = 1000

/** How far the log is on the disk. */
export interface FlushProgress {
  /** Everything below is on disk. */
  readonly flushedOffset: number
  /** The flush under way. */
  readonly flushing: { from: number; to: number; since: number } | undefined
}

/** Tells whether the disk keeps up with what is written. */
export class PressureGauge {
  readonly #clock: Clock
  readonly #progress: FlushProgress
  readonly #log: { readonly maxOffset: number }
  /** How long a message may wait for its flush, in milliseconds. */
  readonly #waitMax: number
  /** Below this offset everything had been written at this time, and not all of it was on the disk. */
  #mark: { offset: number; time: number }

  constructor(clock: Clock, progress: FlushProgress, log: { readonly maxOffset: number }, waitMax: number) {
    this.#clock = clock
    this.#progress = progress
    this.#log = log
    this.#waitMax = waitMax
    this.#mark = { offset: 0, time: clock.now() }
  }

  /** Looks at how far the flush is; the more often, the more exact {@link causes} is. */
  look(): void {
    if (this.#progress.flushedOffset >= this.#mark.offset) this.#mark = { offset: this.#log.maxOffset, time: this.#clock.now() }
  }

  /** What holds up the flush, the cause before its effect. */
  get causes(): Pressure[] {
    const now = this.#clock.now()
    const { flushing, flushedOffset } = this.#progress
    const causes: Pressure[] = []
    if (flushing !== undefined && now - flushing.since >= SLOW) {
      const bytes = flushing.to - flushing.from
      const message = `the disk is slow: a flush of ${bytes} bytes has taken ${now - flushing.since} ms so far`
      causes.push({ reason: 'diskSlow', message, since: flushing.since, bytes })
    }
    const { offset, time } = this.#mark
    if (flushedOffset < offset && now - time >= this.#waitMax + SLOW) {
      const bytes = this.#log.maxOffset - flushedOffset
      const message = `the flush is behind: ${bytes} bytes are not on the disk, the first of them for ${now - time} ms or more`
      causes.push({ reason: 'flushBehind', message, since: time, bytes })
    }
    return causes
  }
}
