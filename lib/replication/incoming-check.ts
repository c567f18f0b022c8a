import { readLong } from '../format/long'
import {
  BLANK_LENGTH, MAGIC_BLANK, MAGIC_V1, MAGIC_V2, Position, RECORD_LENGTH_MIN, bornHostLength, storeHostLength, type RecordParts,
} from '../format/record'
import { RecordCheck, type Finding, type RecordCheckOptions } from '../recovery/record-check'
import type { Segment } from '../storage/segment'

/** What stands at a place of a log that is still coming in; `partial`, where only the rest will tell. */
export type IncomingFinding = Finding | 'partial'

/** Behind the body: lengths of topic and properties, and these. */
const TAIL_LENGTH_MIN = 1 + 2
const TAIL_LENGTH_MAX = 2 + 0x7fff + 2 + 0x7fff

/**
 * {@link RecordCheck} for a log of which not all has come. A record that is begun is held against its first bytes: one that can be
 * none is not waited for, else a single wrong length would hold up all that follows.
 */
export class IncomingCheck {
  readonly #check: RecordCheck
  #reason = ''

  constructor(options: RecordCheckOptions) {
    this.#check = new RecordCheck(options)
  }

  /** Of the last `record`. */
  get parts(): RecordParts {
    return this.#check.parts
  }

  /** Why the last finding was `bad`, or `zeros`. */
  get reason(): string {
    return this.#reason
  }

  /** @param limit end of what has come, in the segment */
  at(segment: Segment, position: number, limit: number): IncomingFinding {
    const { bytes, view } = segment.mapping
    const offset = segment.fromOffset + position
    const left = segment.size - position
    const there = limit - position
    if (left >= BLANK_LENGTH) {
      if (there < BLANK_LENGTH) return 'partial'
      const size = view.getInt32(position)
      const magic = view.getInt32(position + Position.magic)
      if (magic === MAGIC_BLANK) return this.#blank(size, there, left)
      if ((magic === MAGIC_V1 || magic === MAGIC_V2) && size > there) return this.#begun(view, position, there, left, offset)
    }
    const finding = this.#check.at(bytes, view, position, limit, offset)
    if (finding === 'bad') this.#reason = this.#check.reason
    if (finding === 'zeros') this.#reason = 'zeros where a record should be'
    return finding
  }

  /** It says how much it leaves of its file. */
  #blank(size: number, there: number, left: number): IncomingFinding {
    if (size !== left) return this.#bad(`the file is to end after ${size} bytes, and ${left} are left of it here`)
    return there === left ? 'blank' : 'partial'
  }

  #begun(view: DataView, position: number, there: number, left: number, offset: number): IncomingFinding {
    const size = view.getInt32(position)
    if (size < RECORD_LENGTH_MIN) return this.#bad(`record length ${size} is too small`)
    if (size > left) return this.#bad(`record length ${size} goes beyond the ${left} bytes that are left of the file`)
    if (there < Position.sysFlag) return 'partial'
    const own = readLong(view, position + Position.physicalOffset)
    if (own !== offset) return this.#bad(`the record says that it lies at ${own}`)
    if (there < Position.bornTimestamp) return 'partial'
    const sysFlag = view.getInt32(position + Position.sysFlag)
    const bodyAt = Position.bornHost + bornHostLength(sysFlag) + 8 + storeHostLength(sysFlag) + 16
    if (there < bodyAt) return 'partial'
    const bodyLength = view.getInt32(position + bodyAt - 4)
    const tailLength = size - bodyAt - bodyLength
    const fits = bodyLength >= 0 && tailLength >= TAIL_LENGTH_MIN && tailLength <= TAIL_LENGTH_MAX
    return fits ? 'partial' : this.#bad(`body length ${bodyLength} does not fit into ${size} bytes`)
  }

  #bad(reason: string): 'bad' {
    this.#reason = reason
    return 'bad'
  }
}
