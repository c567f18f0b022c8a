import { viewOf } from '../../lib/format/bytes'
import { RecordFields, encodeRecord, encodeTopic, recordSize } from '../../lib/format/record'

/** What a record is made of, topic and encoded properties included. */
export interface RecordContent extends Partial<RecordFields> {
  topic: Uint8Array
  properties?: Uint8Array
}

/** The record, with `before` bytes of 0xee on either side. */
export function makeRecord({ topic, properties = new Uint8Array(0), ...given }: RecordContent, before = 0): Buffer {
  const fields = Object.assign(new RecordFields(), given)
  // It stands somewhere in a frame that holds others too.
  const frame = Buffer.alloc(topic.length + properties.length + 20, 0xdd)
  fields.tailFrom = 7
  const propertiesLengthAt = encodeTopic(fields.magic, topic, frame, viewOf(frame), fields.tailFrom)
  const propertiesAt = frame.writeInt16BE(properties.length, propertiesLengthAt)
  frame.set(properties, propertiesAt)
  fields.tailTo = propertiesAt + properties.length
  const bytes = Buffer.alloc(recordSize(fields) + 2 * before, 0xee)
  const end = encodeRecord(fields, frame, bytes, viewOf(bytes), before)
  if (end !== bytes.length - before) throw new Error(`wrote ${end - before} bytes where ${bytes.length - 2 * before} were announced`)
  return bytes
}
