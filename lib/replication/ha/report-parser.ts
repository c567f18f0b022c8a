import { REPORT_LENGTH, readReport } from '../../format/ha-frame'

/**
 * Takes a replica's reports out of a stream that may be cut anywhere. As in the engine only the newest of those that have come
 * together counts. Never holds more than one report.
 */
export class ReportParser {
  readonly #pending = new Uint8Array(REPORT_LENGTH)
  readonly #view = new DataView(this.#pending.buffer)
  #length = 0

  /** @returns the newest whole report; undefined while there is none */
  take(bytes: Uint8Array): number | undefined {
    const all = this.#length + bytes.length
    const end = all - (all % REPORT_LENGTH) - this.#length
    const start = end - REPORT_LENGTH
    if (end <= 0) {
      this.#pending.set(bytes, this.#length)
      this.#length = all
      return undefined
    }
    if (start < 0) this.#pending.set(bytes.subarray(0, end), this.#length)
    else this.#pending.set(bytes.subarray(start, end))
    const offset = readReport(this.#view, 0)
    this.#pending.set(bytes.subarray(end))
    this.#length = bytes.length - end
    return offset
  }
}
