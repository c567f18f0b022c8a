import { CRC_MASK } from './record'
import { NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, PropertyName } from './properties'

/**
 * The optional property that covers a whole record (5.x, `enabledAppendPropCRC`): the last 20 bytes are
 * `__CRC32#`, 0x01, ten decimal digits with the least significant first, 0x02.
 */
export const PROPERTY_CRC_LENGTH = 20
const DIGITS = 10

/** Reserves the property's bytes; the digits come later, since the CRC covers offsets not yet known. */
export function reservePropertyCrc(target: Buffer, from: number, position: number): number {
  if (position > from && target[position - 1] !== PROPERTY_SEPARATOR) target[position++] = PROPERTY_SEPARATOR
  position += target.latin1Write(PropertyName.CRC32, position)
  target[position] = NAME_VALUE_SEPARATOR
  target.fill(0x30, position + 1, position + 1 + DIGITS)
  target[position + 1 + DIGITS] = PROPERTY_SEPARATOR
  return position + DIGITS + 2
}

/** Fills in the digits of the record that ends at `end`. */
export function writePropertyCrc(bytes: Buffer, end: number, crc: number): void {
  let rest = (crc & CRC_MASK) >>> 0
  for (let digit = 0; digit < DIGITS; digit++) {
    bytes[end - 1 - DIGITS + digit] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}

/** The CRC that the record ending at `end` carries, or undefined when it has none. */
export function readPropertyCrc(bytes: Buffer, end: number): number | undefined {
  const from = end - PROPERTY_CRC_LENGTH
  const nameEnd = from + PropertyName.CRC32.length
  if (from < 0 || bytes.latin1Slice(from, nameEnd) !== PropertyName.CRC32) return undefined
  if (bytes[nameEnd] !== NAME_VALUE_SEPARATOR || bytes[end - 1] !== PROPERTY_SEPARATOR) return undefined
  let value = 0
  for (let digit = DIGITS - 1; digit >= 0; digit--) value = value * 10 + bytes[nameEnd + 1 + digit]! - 0x30
  return value
}
