import { StoreError } from '../errors'
import { viewOf } from './bytes'
import { decompressBody } from './compression'
import { RecentHosts, type HostTexts } from './host'
import { readLong } from './long'
import { messageIdAt } from './message-id'
import { decodeProperties } from './properties'
import { RecentTexts } from './recent-texts'
import { Position, RecordParts, bornHostLength, locate, storeHostLength } from './record'

const topics = new RecentTexts()
const hosts = new RecentHosts()

/**
 * A message as it was stored. It stays good after the store has moved on or closed: its bytes are a copy, which the messages of one
 * result share. Fields are decoded when asked for.
 */
export class StoredMessage {
  readonly #block: Buffer
  readonly #view: DataView
  readonly #position: number
  readonly #parts = new RecordParts()
  #properties: Record<string, string> | undefined

  /**
   * The record that begins at `position` of `block`, which is no longer shared with anyone who writes to it.
   * @throws ERR_CORRUPT where it does not end at `limit`, or is none
   */
  constructor(block: Buffer, view = viewOf(block), position = 0, limit = block.length) {
    this.#block = block
    this.#view = view
    this.#position = position
    const reason = limit - position < Position.bornHost ? 'too short' : locate(view, position, limit, this.#parts)
    if (reason !== undefined) throw new StoreError('ERR_CORRUPT', `this is no record: ${reason}`, { reason })
  }

  /** The whole record, as on disk. */
  get bytes(): Buffer {
    return this.#slice(0, this.#parts.size)
  }
  get topic(): string {
    const from = this.#position + this.#parts.topicAt
    return topics.decode(this.#block, from, from + this.#parts.topicLength)
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
    return this.#parts.size
  }
  /** The producer's own. */
  get flag(): number {
    return this.#view.getInt32(this.#position + Position.flag)
  }
  /** Compression, transaction and address-family bits, see docs/format.md. */
  get sysFlag(): number {
    return this.#parts.sysFlag
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
    return readLong(this.#view, this.#position + this.#parts.storeTimestampAt)
  }
  /** The producer, `ip:port`. */
  get bornHost(): string {
    return hosts.find(this.#block, this.#position + Position.bornHost, bornHostLength(this.sysFlag)).text
  }
  /** The broker that stored it, `ip:port`. */
  get storeHost(): string {
    return this.#storeHost.text
  }
  /** How often it has come back from consumers. */
  get reconsumeTimes(): number {
    return this.#view.getInt32(this.#behindStoreHost)
  }
  /** Commit log offset of the half message, for one that commits a transaction. */
  get preparedTransactionOffset(): number {
    return readLong(this.#view, this.#behindStoreHost + 4)
  }
  /** The offset message id, upper-case hex. */
  get msgId(): string {
    return messageIdAt(this.#storeHost.hexadecimal, this.commitLogOffset)
  }
  /** An object without prototype; pairs with an empty name or value are not in it, as in the engine's reader. */
  get properties(): Readonly<Record<string, string>> {
    if (this.#properties === undefined) {
      const from = this.#position + this.#parts.propertiesAt
      this.#properties = decodeProperties(this.#block.utf8Slice(from, from + this.#parts.propertiesLength))
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
    return this.#slice(this.#parts.bodyAt, this.#parts.bodyLength)
  }
  /** The body, decompressed when `sysFlag` says it is compressed. @throws ERR_CODEC_UNAVAILABLE, ERR_CORRUPT */
  decompressedBody(): Buffer {
    return decompressBody(this.body, this.sysFlag)
  }

  get #storeHost(): HostTexts {
    return hosts.find(this.#block, this.#position + this.#parts.storeHostAt, storeHostLength(this.sysFlag))
  }

  get #behindStoreHost(): number {
    return this.#position + this.#parts.storeHostAt + storeHostLength(this.sysFlag)
  }

  #slice(at: number, length: number): Buffer {
    const from = this.#position + at
    return this.#block.subarray(from, from + length)
  }
}
