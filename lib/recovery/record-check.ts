import { isCutShort } from '../format/cut-short'
import { readLong } from '../format/long'
import { readPropertyCrc, PROPERTY_CRC_LENGTH } from '../format/property-crc'
import { CRC_MASK, MAGIC_BLANK, MAGIC_V1, MAGIC_V2, Position, RECORD_LENGTH_MIN, RecordParts, locate } from '../format/record'
import type { Backend } from '../storage/ports'

/** What stands at a place in the log. */
export type Finding =
  | 'record'
  /** The end of a segment. */
  | 'blank'
  /** Nothing was ever written here. */
  | 'zeros'
  | 'bad'

export interface RecordCheckOptions {
  checkCRC: boolean
  forceVerifyPropCRC: boolean
  /** 4.9 knows no V2 records, but one that is there is still read. */
  crc32: Backend['crc32']
}

/**
 * Decides whether a record stands at a place: length, magic, own offset, store time and body CRC agree, topic
 * and properties are well formed. The offset is what tells a record from a copy or a leftover of another.
 */
export class RecordCheck {
  readonly parts = new RecordParts()
  /** Why the last finding was `bad`. */
  reason = ''
  readonly #options: RecordCheckOptions

  constructor(options: RecordCheckOptions) {
    this.#options = options
  }

  /** @param limit end of the readable bytes @param offset the log offset of `position` */
  at(bytes: Buffer, view: DataView, position: number, limit: number, offset: number): Finding {
    if (limit - position < 8) return this.#bad(`${limit - position} bytes are too few for a record`)
    const magic = view.getInt32(position + Position.magic)
    if (magic === MAGIC_BLANK) return 'blank'
    if (magic === 0 && view.getInt32(position) === 0) return 'zeros'
    if (magic !== MAGIC_V1 && magic !== MAGIC_V2) return this.#bad(`magic 0x${(magic >>> 0).toString(16)} is not a record's`)
    if (limit - position < RECORD_LENGTH_MIN) return this.#bad('too few bytes for a record')
    const wrong = locate(view, position, limit, this.parts)
    if (wrong !== undefined) return this.#bad(wrong)
    const own = readLong(view, position + Position.physicalOffset)
    if (own !== offset) return this.#bad(`the record says that it lies at ${own}`)
    if (readLong(view, position + this.parts.storeTimestampAt) <= 0) return this.#bad('there is no store time')
    if (this.parts.topicLength === 0) return this.#bad('there is no topic')
    const topicAt = position + this.parts.topicAt
    for (let at = topicAt; at < topicAt + this.parts.topicLength; at++) if (bytes[at] === 0) return this.#bad('the topic holds zeros')
    const propertiesAt = position + this.parts.propertiesAt
    if (isCutShort(bytes, propertiesAt, propertiesAt + this.parts.propertiesLength)) return this.#bad('the properties hold zeros')
    return this.#options.checkCRC ? this.#checkCRC(bytes, view, position) : 'record'
  }

  #checkCRC(bytes: Buffer, view: DataView, position: number): Finding {
    if (this.#options.forceVerifyPropCRC) {
      const end = position + this.parts.size
      const stored = readPropertyCrc(bytes, end)
      if (stored === undefined) return this.#bad('the property CRC is missing')
      const actual = this.#options.crc32(bytes, position, end - PROPERTY_CRC_LENGTH) & CRC_MASK
      return stored === actual ? 'record' : this.#bad('the property CRC does not match')
    }
    if (this.parts.bodyLength === 0) return 'record'
    const bodyAt = position + this.parts.bodyAt
    const actual = this.#options.crc32(bytes, bodyAt, bodyAt + this.parts.bodyLength) & CRC_MASK
    return actual === view.getInt32(position + Position.bodyCRC) ? 'record' : this.#bad('the body CRC does not match')
  }

  #bad(reason: string): Finding {
    this.reason = reason
    return 'bad'
  }
}
