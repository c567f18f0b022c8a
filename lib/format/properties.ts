import { asciiText } from './ascii-text'
import { hashCodeOfBytes } from './java-string'
import { KEY_SEPARATOR, PropertyPlaces, type Place } from './property-places'
import { RecentTexts } from './recent-texts'

/**
 * The properties of a record: `name 0x01 value 0x02 name 0x01 value …` in UTF-8. The 5.x encoder ends the
 * last pair with 0x02 too, the 4.x encoder does not; readers take both.
 */
export const NAME_VALUE_SEPARATOR = 0x01
export const PROPERTY_SEPARATOR = 0x02
/** The length is a signed 16-bit number on disk. */
export const PROPERTIES_LENGTH_MAX = 32_767

/** Names that the store itself looks at. */
export const PropertyName = {
  KEYS: 'KEYS',
  TAGS: 'TAGS',
  WAIT: 'WAIT',
  DELAY: 'DELAY',
  UNIQ_KEY: 'UNIQ_KEY',
  REAL_TOPIC: 'REAL_TOPIC',
  REAL_QID: 'REAL_QID',
  INNER_NUM: 'INNER_NUM',
  INNER_MULTI_DISPATCH: 'INNER_MULTI_DISPATCH',
  CRC32: '__CRC32#',
} as const

const SHORT_TEXT = 64

/** The most bytes that one UTF-16 code unit takes in UTF-8. */
const UTF8_BYTES_MAX = 3

/** Why {@link encodeProperties} refuses: more than {@link PROPERTIES_LENGTH_MAX} bytes. */
export const TOO_LONG = -1
/** A value is not a string. */
export const NOT_TEXT = -2
/** A separator stands in a name, or the one between pairs in a value. */
export const HOLDS_SEPARATOR = -3

/**
 * Appends the pairs to `target` from `position` on; what is undefined or null is left out.
 * @param places filled with where values stand
 * @param topicHash Java's hash code of `topic#`, for the places
 * @returns the position behind them, or one of the negative reasons above
 */
export function encodeProperties(
  properties: Readonly<Record<string, string>>,
  target: Buffer,
  position: number,
  endWithSeparator: boolean,
  places = new PropertyPlaces(),
  topicHash = 0,
): number {
  // `| 0` here and below: a position is an integer, which the compiler cannot know of a result that comes from a call.
  const start = position | 0
  const { length } = target
  position = start
  places.clear(topicHash)
  for (const name in properties) {
    const value = properties[name]
    if (value === undefined || value === null) continue
    if (typeof value !== 'string') return NOT_TEXT
    if ((name.length + value.length) * UTF8_BYTES_MAX + 2 > length - position) {
      const exact = Buffer.byteLength(name) + Buffer.byteLength(value) + 2
      if (exact > length - position) return TOO_LONG
    }
    const place = places.of(name)
    position = (place === undefined ? writeText(target, position, name, NAME_VALUE_SEPARATOR, undefined) : writeBytes(target, position, place.name)) | 0
    if (position < 0) return position
    target[position++] = NAME_VALUE_SEPARATOR
    position = writeText(target, position, value, PROPERTY_SEPARATOR, place) | 0
    if (position < 0) return position
    target[position++] = PROPERTY_SEPARATOR
  }
  if (position > start && !endWithSeparator) position--
  return position - start > PROPERTIES_LENGTH_MAX ? TOO_LONG : position
}

function writeBytes(target: Buffer, position: number, bytes: Buffer): number {
  for (let index = 0; index < bytes.length; index++) target[position + index] = bytes[index]!
  return position + bytes.length
}

/**
 * Writes `text`, in which no character from `lowest` to the separator of pairs may stand. A loop wins over calls into
 * the runtime for the short ASCII strings that names, tags and keys are; and its characters are at hand for the hash code.
 * @param place filled, unless the text decides nothing
 */
function writeText(target: Buffer, position: number, text: string, lowest: number, place: Place | undefined): number {
  const length = text.length
  if (length > SHORT_TEXT) return writeLongText(target, position, text, lowest, place)
  let hash = place === undefined ? 0 : place.seed | 0
  let holdsSpace = false
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return writeLongText(target, position, text, lowest, place)
    if (code <= KEY_SEPARATOR) {
      if (code <= PROPERTY_SEPARATOR && code >= lowest) return HOLDS_SEPARATOR
      holdsSpace ||= code === KEY_SEPARATOR
    }
    target[position + index] = code
    hash = (Math.imul(hash, 31) + code) | 0
  }
  if (place !== undefined) place.set(position, position + length, hash, holdsSpace)
  return position + length
}

function writeLongText(target: Buffer, position: number, text: string, lowest: number, place: Place | undefined): number {
  if (text.includes('\u0002') || (lowest === NAME_VALUE_SEPARATOR && text.includes('\u0001'))) return HOLDS_SEPARATOR
  const end = position + target.utf8Write(text, position)
  if (place !== undefined) place.set(position, end, hashCodeOfBytes(target, position, end, place.seed), text.includes(' '))
  return end
}

/**
 * Walks the pairs of an encoded property text. A segment counts when it has three characters or more and a
 * separator strictly inside; anything else is passed over, as the engine's decoder does.
 */
export function forEachProperty(text: string, visit: (name: string, value: string) => void): void {
  let from = 0
  while (from < text.length) {
    let to = text.indexOf('\u0002', from)
    if (to < 0) to = text.length
    if (to - from >= 3) {
      const separator = text.indexOf('\u0001', from)
      if (separator > from && separator < to - 1) visit(text.slice(from, separator), text.slice(separator + 1, to))
    }
    from = to + 1
  }
}

const names = new RecentTexts()

/** The pairs that are encoded in bytes[from, to), by the rules of {@link forEachProperty}; an object without prototype. */
export function decodeProperties(bytes: Buffer, from = 0, to = bytes.length): Record<string, string> {
  const properties = Object.create(null) as Record<string, string>
  while (from < to) {
    let separator = -1
    let end = from
    let anyByte = 0
    for (; end < to; end++) {
      const byte = bytes[end]!
      if (byte === PROPERTY_SEPARATOR) break
      if (byte === NAME_VALUE_SEPARATOR && separator < 0) separator = end
      anyByte |= byte
    }
    if (separator > from && separator < end - 1) {
      const isAscii = anyByte <= 0x7f
      properties[names.decode(bytes, from, separator)] = isAscii ? asciiText(bytes, separator + 1, end) : bytes.utf8Slice(separator + 1, end)
    }
    from = end + 1
  }
  return properties
}
