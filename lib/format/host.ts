import { isIPv4, isIPv6 } from 'node:net'
import { StoreError } from '../errors'
import { standsAt } from './bytes'

/**
 * A host as a record stores it: raw address (4 or 16 bytes), then the port as a 4-byte integer. The length, 8
 * or 20, tells the family.
 */
export type HostBytes = Uint8Array

export const IPV4_HOST_LENGTH = 8
export const IPV6_HOST_LENGTH = 20

/** Parses `ip:port`; an IPv6 address may stand in brackets. */
export function encodeHost(text: string): HostBytes {
  const given = String(text)
  const colon = given.lastIndexOf(':')
  const address = given.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  const portText = given.slice(colon + 1)
  const port = Number(portText)
  const known = isIPv4(address) || isIPv6(address)
  if (!known || !/^\d{1,5}$/.test(portText) || port > 65_535) {
    throw new StoreError('ERR_INVALID_ARGUMENT', `a host is written ip:port, not ${JSON.stringify(text)}`, {
      value: text,
    })
  }
  const octets = isIPv4(address) ? address.split('.').map(Number) : ipv6Octets(address)
  const bytes = new Uint8Array(octets.length + 4)
  bytes.set(octets)
  new DataView(bytes.buffer).setInt32(octets.length, port)
  return bytes
}

function ipv6Octets(address: string): number[] {
  const plain = address.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    `${((+a << 8) | +b).toString(16)}:${((+c << 8) | +d).toString(16)}`)
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff])
}

/** `ip:port`; IPv6 unabbreviated, as Java prints it. */
export function decodeHost(bytes: Buffer, position: number, length: number): string {
  const port = bytes.readInt32BE(position + length - 4)
  if (length === IPV4_HOST_LENGTH) {
    return `${bytes[position]}.${bytes[position + 1]}.${bytes[position + 2]}.${bytes[position + 3]}:${port}`
  }
  const groups: string[] = []
  for (let group = 0; group < 16; group += 2) groups.push(bytes.readUInt16BE(position + group).toString(16))
  return `${groups.join(':')}:${port}`
}

/** A host, written out. */
export interface HostTexts {
  /** `ip:port` */
  readonly text: string
  /** Upper-case digits of its bytes. */
  readonly hexadecimal: string
}

interface RecentHost extends HostTexts {
  readonly bytes: Buffer
  /** The last four bytes of the address, and the port. */
  readonly address: number
  readonly port: number
}

const PLACES = 64

/** Hosts come again and again: one that was seen lately is not written out anew. Two that fall on the same place take turns. */
export class RecentHosts {
  readonly #hosts: (RecentHost | undefined)[] = Array.from({ length: PLACES })

  /** The host at [position, position + length) of `bytes`, which `view` shows as well. */
  find(bytes: Buffer, view: DataView, position: number, length: number): HostTexts {
    const end = position + length
    const address = view.getInt32(end - 8)
    const port = view.getInt32(end - 4)
    const place = (Math.imul(address, 7) + port) & (PLACES - 1)
    const known = this.#hosts[place]
    if (known !== undefined && known.address === address && known.port === port && known.bytes.length === length) {
      if (length === IPV4_HOST_LENGTH || standsAt(known.bytes, bytes, position)) return known
    }
    const own = Buffer.from(bytes.subarray(position, end))
    const host = { bytes: own, address, port, text: decodeHost(own, 0, length), hexadecimal: own.toString('hex').toUpperCase() }
    this.#hosts[place] = host
    return host
  }
}
