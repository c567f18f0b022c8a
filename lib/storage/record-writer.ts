import { CRC_MASK, encodeRecord, type RecordFields } from '../format/record'
import type { Backend, Mapping, RecordWriter } from './ports'

/** The mapping's own writer of records, or one that any backend can have. */
export function recordWriterFor(backend: Backend, mapping: Mapping, frame: Uint8Array): RecordWriter {
  return mapping.recordWriter?.(frame) ?? new PortableRecordWriter(backend, mapping, frame)
}

class PortableRecordWriter implements RecordWriter {
  constructor(
    private readonly backend: Backend,
    private readonly mapping: Mapping,
    private readonly frame: Uint8Array,
  ) {}

  write(fields: RecordFields, position: number): void {
    const { bytes, view } = this.mapping
    fields.bodyCRC = this.backend.crc32(fields.body, 0, fields.body.length) & CRC_MASK
    encodeRecord(fields, this.frame, bytes, view, position)
  }
}
