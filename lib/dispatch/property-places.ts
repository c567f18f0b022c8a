import { standsAt } from '../format/bytes'
import { NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, PropertyName } from '../format/properties'

/** Where a value stands; empty where there is none. */
export interface Place {
  from: number
  to: number
}

/**
 * The properties that decide on a message's place in queue and index, found in the bytes of a record: recovery walks
 * through millions of them, and makes no string of what it only takes the hash code of. Filled again for each record.
 */
export class PropertyPlaces {
  readonly tags: Place = { from: 0, to: 0 }
  readonly keys: Place = { from: 0, to: 0 }
  readonly uniqueKey: Place = { from: 0, to: 0 }
  readonly delay: Place = { from: 0, to: 0 }
  readonly #wanted = [
    { name: Buffer.from(PropertyName.TAGS), place: this.tags },
    { name: Buffer.from(PropertyName.KEYS), place: this.keys },
    { name: Buffer.from(PropertyName.UNIQ_KEY), place: this.uniqueKey },
    { name: Buffer.from(PropertyName.DELAY), place: this.delay },
  ]

  /** Looks through the encoded properties bytes[from, to), by the rules of `forEachProperty`. */
  locate(bytes: Buffer, from: number, to: number): void {
    for (const { place } of this.#wanted) place.from = place.to = 0
    while (from < to) {
      let separator = from
      let end = from
      for (; end < to && bytes[end] !== PROPERTY_SEPARATOR; end++) {
        if (separator === from && bytes[end] === NAME_VALUE_SEPARATOR) separator = end
      }
      if (separator > from && separator < end - 1) this.#keep(bytes, from, separator, end)
      from = end + 1
    }
  }

  #keep(bytes: Buffer, from: number, separator: number, to: number): void {
    for (const { name, place } of this.#wanted) {
      if (name.length !== separator - from || !standsAt(name, bytes, from)) continue
      place.from = separator + 1
      place.to = to
    }
  }
}
