import { StoreError } from '../errors'
import { viewOf } from './bytes'
import { decompressBody } from './compression'
import { decodeHost } from './host'
import { readLong } from './long'
import { encodeMessageId } from './message-id'
import { decodeProperties } from './properties'
import { Position, RecordParts, bornHostLength, locate, storeHostLength } from './record'

/**
 * A message as it was stored. It owns its bytes, so it stays good after the store has moved on or closed;
 * fields are decoded when asked for.
 */
export class StoredMessage {
  /** The whole record, as on disk. */
  readonly bytes: Buffer
  readonly #view: DataView
  readonly #parts = new RecordParts()
  #properties: Record<string, string> | undefined

  /** @param bytes the record, no longer shared with anyone @throws ERR_CORRUPT */
  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.#view = viewOf(bytes)
    const reason = bytes.length < Position.bornHost ? 'too short' : locate(this.#view, 0, bytes.length, this.#parts)
    if (reason !== undefined) throw new StoreError('ERR_CORRUPT', `this is no record: ${reason}`, { reason })
  }

  get topic(): string {
    return this.bytes.utf8Slice(this.#parts.topicAt, this.#parts.topicAt + this.#parts.topicLength)
  }
  get queueId(): number {
    return this.#view.getInt32(Position.queueId)
  }
  /** Place in its queue; 0 for prepared and rolled-back messages, which have none. */
  get queueOffset(): number {
    return readLong(this.#view, Position.queueOffset)
  }
  /** Where its record begins in the log. */
  get commitLogOffset(): number {
    return readLong(this.#view, Position.physicalOffset)
  }
  /** Bytes of the whole record. */
  get storeSize(): number {
    return this.#parts.size
  }
  /** The producer's own. */
  get flag(): number {
    return this.#view.getInt32(Position.flag)
  }
  /** Compression, transaction and address-family bits, see docs/format.md. */
  get sysFlag(): number {
    return this.#parts.sysFlag
  }
  /** CRC-32 of the body as stored, without its sign bit. */
  get bodyCRC(): number {
    return this.#view.getInt32(Position.bodyCRC)
  }
  /** When the producer made it, in milliseconds. */
  get bornTimestamp(): number {
    return readLong(this.#view, Position.bornTimestamp)
  }
  /** When it was stored, in milliseconds. */
  get storeTimestamp(): number {
    return readLong(this.#view, this.#parts.storeTimestampAt)
  }
  /** The producer, `ip:port`. */
  get bornHost(): string {
    return decodeHost(this.bytes, Position.bornHost, bornHostLength(this.sysFlag))
  }
  /** The broker that stored it, `ip:port`. */
  get storeHost(): string {
    return decodeHost(this.bytes, this.#parts.storeHostAt, storeHostLength(this.sysFlag))
  }
  /** How often it has come back from consumers. */
  get reconsumeTimes(): number {
    return this.#view.getInt32(this.#parts.storeHostAt + storeHostLength(this.sysFlag))
  }
  /** Commit log offset of the half message, for one that commits a transaction. */
  get preparedTransactionOffset(): number {
    return readLong(this.#view, this.#parts.storeHostAt + storeHostLength(this.sysFlag) + 4)
  }
  /** The offset message id, upper-case hex. */
  get msgId(): string {
    const host = this.bytes.subarray(this.#parts.storeHostAt, this.#parts.storeHostAt + storeHostLength(this.sysFlag))
    return encodeMessageId(host, this.commitLogOffset)
  }
  /** An object without prototype; pairs with an empty name or value are not in it, as in the engine's reader. */
  get properties(): Readonly<Record<string, string>> {
    this.#properties ??= decodeProperties(
      this.bytes.utf8Slice(this.#parts.propertiesAt, this.#parts.propertiesAt + this.#parts.propertiesLength),
    )
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
    return this.bytes.subarray(this.#parts.bodyAt, this.#parts.bodyAt + this.#parts.bodyLength)
  }
  /** The body, decompressed when `sysFlag` says it is compressed. @throws ERR_CODEC_UNAVAILABLE, ERR_CORRUPT */
  decompressedBody(): Buffer {
    return decompressBody(this.body, this.sysFlag)
  }
}
