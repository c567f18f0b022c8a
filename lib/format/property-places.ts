import { standsAt } from './bytes'
import { hashCodeOfBytes } from './java-string'
import { NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, PropertyName } from './properties'

/** The space of UTF-8, which stands between the keys of a message. */
export const KEY_SEPARATOR = 0x20

/** Where the value of a property stands; empty where there is none. */
export class Place {
  from = 0
  to = 0
  /** Java's hash code of the value, gone on with from `seed`. */
  hash = 0
  seed = 0
  /** A space is in it. */
  isSeveral = false
  /** The property's name, in UTF-8. */
  readonly name: Buffer

  constructor(name: string) {
    this.name = Buffer.from(name)
  }

  clear(seed: number): void {
    this.from = this.to = 0
    this.hash = this.seed = seed
    this.isSeveral = false
  }

  set(from: number, to: number, hash: number, isSeveral: boolean): void {
    this.from = from
    this.to = to
    this.hash = hash
    this.isSeveral = isSeveral
  }
}

/**
 * The properties that decide on a message's place in queue and index, by where they stand in the bytes of a record: no
 * string is made of what only its hash code is taken of. Filled again for each record, when it is encoded or found.
 */
export class PropertyPlaces {
  readonly tags = new Place(PropertyName.TAGS)
  readonly keys = new Place(PropertyName.KEYS)
  readonly uniqueKey = new Place(PropertyName.UNIQ_KEY)
  readonly delay = new Place(PropertyName.DELAY)
  readonly #all = [this.tags, this.keys, this.uniqueKey, this.delay]

  /** @param topicHash Java's hash code of `topic#`, from which those of the keys go on */
  clear(topicHash: number): void {
    this.tags.clear(0)
    this.keys.clear(topicHash)
    this.uniqueKey.clear(topicHash)
    this.delay.clear(0)
  }

  /** The place of a property's value; undefined for one that decides nothing. */
  of(name: string): Place | undefined {
    if (name === PropertyName.TAGS) return this.tags
    if (name === PropertyName.KEYS) return this.keys
    if (name === PropertyName.UNIQ_KEY) return this.uniqueKey
    return name === PropertyName.DELAY ? this.delay : undefined
  }

  /** Looks through the encoded properties bytes[from, to), by the rules of `forEachProperty`. */
  locate(bytes: Buffer, from: number, to: number, topicHash: number): void {
    this.clear(topicHash)
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
    for (const place of this.#all) {
      if (place.name.length !== separator - from || !standsAt(place.name, bytes, from)) continue
      const valueAt = separator + 1
      place.set(valueAt, to, hashCodeOfBytes(bytes, valueAt, to, place.seed), holdsSpace(bytes, valueAt, to))
    }
  }
}

function holdsSpace(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] === KEY_SEPARATOR) return true
  return false
}
