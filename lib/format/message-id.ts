import { StoreError } from '../errors'
import { IPV4_HOST_LENGTH, IPV6_HOST_LENGTH, type HostBytes } from './host'
import { fromWords, highWord } from './long'

/** The offset message id: upper-case hex of the store host (address, port) and the commit log offset. */
export function encodeMessageId(storeHost: HostBytes, commitLogOffset: number): string {
  return messageIdAt(Buffer.from(storeHost).toString('hex').toUpperCase(), commitLogOffset)
}

/** {@link encodeMessageId} for a host that is written out already. */
export function messageIdAt(storeHost: string, commitLogOffset: number): string {
  const upper = Math.floor(commitLogOffset / LOWER)
  if (upper !== lastUpper || storeHost !== lastHost) {
    lastHost = storeHost
    lastUpper = upper
    lastBeginning = storeHost + longText(upper).slice(4)
  }
  // The short ones first: the id is then one join deep, not two.
  return lastBeginning + (byteTexts[(commitLogOffset >> 8) & 0xff]! + byteTexts[commitLogOffset & 0xff]!)
}

/** Messages that are read one after the other lie near each other: of most, all digits but four are those of the one before. */
const LOWER = 0x1_0000
let lastHost = ''
let lastUpper = -1
let lastBeginning = ''

/** Every byte in upper-case hex. */
const byteTexts = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0').toUpperCase())

function longText(value: number): string {
  return wordText(highWord(value)) + wordText(value)
}

function wordText(word: number): string {
  return byteTexts[(word >> 24) & 0xff]! + byteTexts[(word >> 16) & 0xff]! + byteTexts[(word >> 8) & 0xff]! + byteTexts[word & 0xff]!
}

/** The commit log offset in a message id. */
export function decodeMessageId(id: string): number {
  const text = String(id)
  const hostLength = text.length / 2 - 8
  if (hostLength !== IPV4_HOST_LENGTH && hostLength !== IPV6_HOST_LENGTH) throw notAnId(text)
  let high = 0
  let low = 0
  let everyDigit = 0
  // What has gone through both words is shifted out: the digits of the host are only looked at.
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const digit = digits[code & ASCII]!
    everyDigit |= digit | (code & ~ASCII)
    high = (high << 4) | (low >>> 28)
    low = (low << 4) | digit
  }
  if (everyDigit >= NO_DIGIT) throw notAnId(text)
  return fromWords(high, low)
}

function notAnId(value: string): StoreError {
  return new StoreError('ERR_INVALID_ARGUMENT', `a message id has 32 or 56 hexadecimal digits, not ${JSON.stringify(value)}`, { value })
}

const ASCII = 0x7f
/** More than any digit is worth. */
const NO_DIGIT = 0x10
/** What each character of ASCII is worth as a hexadecimal digit. */
const digits = Uint8Array.from({ length: ASCII + 1 }, (_, code) => {
  const worth = parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(worth) ? NO_DIGIT : worth
})
