import { StoreError } from '../errors'
import { partOf, viewOf } from './bytes'
import { decompressBody } from './compression'
import { RecentHosts, type HostTexts } from './host'
import { readLong } from './long'
import { messageIdAt } from './message-id'
import { decodeProperties } from './properties'
import { RecentTexts } from './recent-texts'
import { Position, RecordParts, bornHostLength, locate, storeHostLength } from './record'

const topics = new RecentTexts()
const hosts = new RecentHosts()
/** Filled for each record in turn. */
const parts = new RecordParts()

/**
 * A message as it was stored. It stays good after the store has moved on or closed: its bytes are a copy, next to those of the messages
 * of the same result, and small ones next to each other: who keeps one for long keeps up to 32 KiB beside it. Fields are decoded when
 * asked for.
 */
export class StoredMessage {
  readonly #block: Buffer
  readonly #view: DataView
  // All places are those in the block.
  readonly #position: number
  readonly #size: number
  readonly #storeHostAt: number
  readonly #bodyAt: number
  readonly #bodyLength: number
  readonly #topicAt: number
  readonly #topicLength: number
  #properties: Record<string, string> | undefined

  /**
   * The record that begins at `position` of `block`, which is no longer shared with anyone who writes to it.
   * @throws ERR_CORRUPT where it does not end at `limit`, or is none
   */
  constructor(block: Buffer, view = viewOf(block), position = 0, limit = block.length) {
    const reason = limit - position < Position.bornHost ? 'too short' : locate(view, position, limit, parts)
    if (reason !== undefined) throw new StoreError('ERR_CORRUPT', `this is no record: ${reason}`, { reason })
    this.#block = block
    this.#view = view
    this.#position = position
    this.#size = parts.size
    this.#storeHostAt = position + parts.storeHostAt
    this.#bodyAt = position + parts.bodyAt
    this.#bodyLength = parts.bodyLength
    this.#topicAt = position + parts.topicAt
    this.#topicLength = parts.topicLength
  }

  /** The whole record, as on disk. */
  get bytes(): Buffer {
    return partOf(this.#view, this.#position, this.#size)
  }
  get topic(): string {
    return topics.decode(this.#block, this.#topicAt, this.#topicAt + this.#topicLength)
  }
  get queueId(): number {
    return this.#view.getInt32(this.#position + Position.queueId)
  }
  /** Place in its queue; 0 for prepared and rolled-back messages, which have none. */
  get queueOffset(): number {
    return readLong(this.#view, this.#position + Position.queueOffset)
  }
  /** Where its record begins in the log. */
  get commitLogOffset(): number {
    return readLong(this.#view, this.#position + Position.physicalOffset)
  }
  /** Bytes of the whole record. */
  get storeSize(): number {
    return this.#size
  }
  /** The producer's own. */
  get flag(): number {
    return this.#view.getInt32(this.#position + Position.flag)
  }
  /** Compression, transaction and address-family bits, see docs/format.md. */
  get sysFlag(): number {
    return this.#view.getInt32(this.#position + Position.sysFlag)
  }
  /** CRC-32 of the body as stored, without its sign bit. */
  get bodyCRC(): number {
    return this.#view.getInt32(this.#position + Position.bodyCRC)
  }
  /** When the producer made it, in milliseconds. */
  get bornTimestamp(): number {
    return readLong(this.#view, this.#position + Position.bornTimestamp)
  }
  /** When it was stored, in milliseconds. */
  get storeTimestamp(): number {
    return readLong(this.#view, this.#storeHostAt - 8)
  }
  /** The producer, `ip:port`. */
  get bornHost(): string {
    return hosts.find(this.#block, this.#view, this.#position + Position.bornHost, bornHostLength(this.sysFlag)).text
  }
  /** The broker that stored it, `ip:port`. */
  get storeHost(): string {
    return this.#storeHost.text
  }
  /** How often it has come back from consumers. */
  get reconsumeTimes(): number {
    return this.#view.getInt32(this.#bodyAt - 16)
  }
  /** Commit log offset of the half message, for one that commits a transaction. */
  get preparedTransactionOffset(): number {
    return readLong(this.#view, this.#bodyAt - 12)
  }
  /** The offset message id, upper-case hex. */
  get msgId(): string {
    return messageIdAt(this.#storeHost.hexadecimal, this.commitLogOffset)
  }
  /** An object without prototype; pairs with an empty name or value are not in it, as in the engine's reader. */
  get properties(): Readonly<Record<string, string>> {
    if (this.#properties === undefined) {
      this.#properties = decodeProperties(this.#block, this.#topicAt + this.#topicLength + 2, this.#position + this.#size)
    }
    return this.#properties
  }
  /** The TAGS property. */
  get tags(): string | undefined {
    return this.properties['TAGS']
  }
  /** The KEYS property: keys separated by single spaces. */
  get keys(): string | undefined {
    return this.properties['KEYS']
  }
  /** The UNIQ_KEY property: the id that the producer gave. */
  get uniqueKey(): string | undefined {
    return this.properties['UNIQ_KEY']
  }
  /** As stored; a part of {@link bytes}. */
  get body(): Buffer {
    return partOf(this.#view, this.#bodyAt, this.#bodyLength)
  }
  /** The body, decompressed when `sysFlag` says it is compressed. @throws ERR_CODEC_UNAVAILABLE, ERR_CORRUPT */
  decompressedBody(): Buffer {
    return decompressBody(this.body, this.sysFlag)
  }

  get #storeHost(): HostTexts {
    return hosts.find(this.#block, this.#view, this.#storeHostAt, storeHostLength(this.sysFlag))
  }
}
