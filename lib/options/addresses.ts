import { isIP, isIPv6 } from 'node:net'

export interface HostPort {
  host: string
  port: number
}

/** What `haMasterAddress` has to look like, for errors. */
export const hostPortAllowed = 'host:port, an IPv6 address in brackets'

/** Undefined where `text` is not well formed. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535 || (bracketed !== undefined && !isIPv6(bracketed))) return undefined
  return { host, port }
}

/** All addresses that begin with the first `prefix` bits of `address`. */
export interface AddressRange {
  address: string
  family: 'ipv4' | 'ipv6'
  prefix: number
}

/** What `haAllowedAddresses` has to look like, for errors. */
export const addressesAllowed = 'addresses or ranges such as 10.0.0.0/8 and fd00::/8, with commas between them'

/** The ranges of a list; a single address is a range of one. Undefined where the list is not well formed. */
export function parseAddresses(text: string): AddressRange[] | undefined {
  const parts = text.split(',').map((part) => part.trim()).filter((part) => part !== '')
  const ranges = parts.map(parseAddressRange)
  return ranges.every((range) => range !== undefined) ? ranges : undefined
}

function parseAddressRange(text: string): AddressRange | undefined {
  const [, address = '', digits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  if (version === 0) return undefined
  const bits = version === 4 ? 32 : 128
  const prefix = digits === undefined ? bits : Number(digits)
  return prefix <= bits ? { address, family: `ipv${version as 4 | 6}`, prefix } : undefined
}
