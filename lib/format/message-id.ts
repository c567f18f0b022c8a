import { StoreError } from '../errors'
import { IPV4_HOST_LENGTH, IPV6_HOST_LENGTH, type HostBytes } from './host'
import { highWord } from './long'

/** The offset message id: upper-case hex of the store host (address, port) and the commit log offset. */
export function encodeMessageId(storeHost: HostBytes, commitLogOffset: number): string {
  const bytes = Buffer.alloc(storeHost.length + 8)
  bytes.set(storeHost)
  bytes.writeInt32BE(highWord(commitLogOffset), storeHost.length)
  bytes.writeInt32BE(commitLogOffset | 0, storeHost.length + 4)
  return bytes.toString('hex').toUpperCase()
}

/** The commit log offset in a message id. */
export function decodeMessageId(id: string): number {
  const bytes = Buffer.from(id, 'hex')
  const hostLength = bytes.length - 8
  const wellFormed = bytes.length * 2 === id.length && (hostLength === IPV4_HOST_LENGTH || hostLength === IPV6_HOST_LENGTH)
  if (!wellFormed) {
    throw new StoreError('ERR_INVALID_ARGUMENT', `a message id has 32 or 56 hexadecimal digits, not ${JSON.stringify(id)}`, {
      value: id,
    })
  }
  return Number(bytes.readBigInt64BE(hostLength))
}
