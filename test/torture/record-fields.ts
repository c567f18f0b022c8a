import { PROPERTY_CRC_LENGTH } from '../../lib/format/property-crc'
import { Position } from '../../lib/format/record'
import { partsOf } from './images'

/**
 * What catches a flipped bit.
 *
 * - `framing`: magic, lengths and own offset no longer agree, when the store opens and when the message is read
 * - `crc`: the CRC of the body
 * - `entry`: the queue entry that leads to the record, and says another thing of it than the record itself. Where the entry is
 *   lost too, the message is taken for what it says it is
 * - `property-crc`: only the CRC over the whole record, with `enabledAppendPropCRC` and `forceVerifyPropCRC`
 */
export type CaughtBy = 'framing' | 'crc' | 'entry' | 'property-crc'

export interface RecordField {
  name: string
  /** Its bytes in a record. */
  range(record: Buffer): [from: number, to: number]
  caughtBy: CaughtBy
  /** What is not as simple as that. */
  note: string
}

/** Each field of a record, in its order. docs/durability.md shows this table, and the layer damaged-images holds the store to it. */
export const recordFields: readonly RecordField[] = [
  { name: 'TOTALSIZE', range: () => [Position.totalSize, Position.magic], caughtBy: 'framing', note: '' },
  { name: 'MAGICCODE', range: () => [Position.magic, Position.bodyCRC], caughtBy: 'framing', note: '' },
  { name: 'BODYCRC', range: () => [Position.bodyCRC, Position.queueId], caughtBy: 'crc', note: 'not where the body is empty' },
  { name: 'QUEUEID', range: () => [Position.queueId, Position.flag], caughtBy: 'entry', note: '' },
  { name: 'FLAG', range: () => [Position.flag, Position.queueOffset], caughtBy: 'property-crc', note: '' },
  { name: 'QUEUEOFFSET', range: () => [Position.queueOffset, Position.physicalOffset], caughtBy: 'entry', note: '' },
  { name: 'PHYSICALOFFSET', range: () => [Position.physicalOffset, Position.sysFlag], caughtBy: 'framing', note: '' },
  {
    name: 'SYSFLAG', range: () => [Position.sysFlag, Position.bornTimestamp], caughtBy: 'property-crc',
    note: 'the bits that say IPv6 are caught by framing; those of a transaction by the queue entry where they say that the message is in no queue',
  },
  { name: 'BORNTIMESTAMP', range: () => [Position.bornTimestamp, Position.bornHost], caughtBy: 'property-crc', note: '' },
  { name: 'BORNHOST', range: (record) => [Position.bornHost, partsOf(record).storeTimestampAt], caughtBy: 'property-crc', note: '' },
  {
    name: 'STORETIMESTAMP', range: (record) => [partsOf(record).storeTimestampAt, partsOf(record).storeHostAt], caughtBy: 'property-crc',
    note: 'the sign bit by framing',
  },
  {
    name: 'STOREHOST', range: (record) => [partsOf(record).storeHostAt, partsOf(record).storeHostAt + partsOf(record).storeHostLength],
    caughtBy: 'property-crc', note: '',
  },
  { name: 'RECONSUMETIMES', range: (record) => [partsOf(record).bodyAt - 16, partsOf(record).bodyAt - 12], caughtBy: 'property-crc', note: '' },
  {
    name: 'PREPAREDTRANSACTIONOFFSET', range: (record) => [partsOf(record).bodyAt - 12, partsOf(record).bodyAt - 4],
    caughtBy: 'property-crc', note: '',
  },
  { name: 'BODYLEN', range: (record) => [partsOf(record).bodyAt - 4, partsOf(record).bodyAt], caughtBy: 'framing', note: '' },
  { name: 'body', range: (record) => [partsOf(record).bodyAt, partsOf(record).bodyAt + partsOf(record).bodyLength], caughtBy: 'crc', note: '' },
  {
    name: 'TOPICLEN', range: (record) => [partsOf(record).bodyAt + partsOf(record).bodyLength, partsOf(record).topicAt],
    caughtBy: 'framing', note: '',
  },
  { name: 'topic', range: (record) => [partsOf(record).topicAt, partsOf(record).topicAt + partsOf(record).topicLength], caughtBy: 'entry', note: '' },
  {
    name: 'PROPLEN', range: (record) => [partsOf(record).topicAt + partsOf(record).topicLength, partsOf(record).propertiesAt],
    caughtBy: 'framing', note: '',
  },
  { name: 'properties', range: (record) => [partsOf(record).propertiesAt, endOfProperties(record)], caughtBy: 'property-crc', note: '' },
  {
    name: '`__CRC32#`', range: (record) => [endOfProperties(record), record.length], caughtBy: 'property-crc',
    note: 'only there with `enabledAppendPropCRC`',
  },
]

/** Where the CRC over the whole record begins, or the record ends without one. */
function endOfProperties(record: Buffer): number {
  const from = record.length - PROPERTY_CRC_LENGTH
  return record.latin1Slice(from, from + 8) === '__CRC32#' ? from : record.length
}
