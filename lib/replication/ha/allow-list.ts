import { BlockList, isIPv4 } from 'node:net'
import type { AddressRange } from '../../options/addresses'

/** Who may connect. An IPv4 address is the same one where the system writes it as an IPv6 address. */
export class AllowList {
  readonly #ranges: BlockList | undefined

  /** @param ranges nobody is kept out where there are none */
  constructor(ranges: readonly AddressRange[]) {
    if (ranges.length === 0) return
    this.#ranges = new BlockList()
    for (const { address, family, prefix } of ranges) this.#ranges.addSubnet(address, prefix, family)
  }

  /** @param address as {@link plainAddress} writes it */
  allows(address: string): boolean {
    return this.#ranges === undefined || this.#ranges.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
  }
}

/** An address without its zone, and an IPv4 address as such where the system writes `::ffff:10.0.0.1`. */
export function plainAddress(address: string): string {
  return address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
}

/** `ip:port`, an IPv6 address in brackets. */
export function addressText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
