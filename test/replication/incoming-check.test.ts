import { crc32 } from 'node:zlib'
import t from 'tap'
import { viewOf } from '../../lib/format/bytes'
import { writeLong } from '../../lib/format/long'
import { CRC_MASK, MAGIC_V1, MAGIC_V2, Position, encodeBlank, type RecordFields } from '../../lib/format/record'
import { IncomingCheck } from '../../lib/replication/incoming-check'
import type { Segment } from '../../lib/storage/segment'
import { makeRecord } from '../support/encoded-record'

/*
 * The story: a master sends a record in pieces, and some of what it sends may be none. Whatever has come of a record, it is waited
 * for as long as it may still become one, never longer, and never taken before all of it is there.
 */

const FROM = 3 * 4096
const SIZE = 4096
const check = new IncomingCheck({ checkCRC: true, forceVerifyPropCRC: false, crc32: (bytes, from, to) => crc32(bytes.subarray(from, to)) })

function segmentWith(bytes: Buffer, position: number): Segment {
  const all = Buffer.alloc(SIZE)
  bytes.copy(all, position)
  return { fromOffset: FROM, size: SIZE, toOffset: FROM + SIZE, mapping: { bytes: all, view: viewOf(all) } } as unknown as Segment
}

function recordAt(offset: number, fields: Partial<RecordFields> = {}): Buffer {
  const body = Buffer.alloc(300, 'body')
  return makeRecord({
    bodyCRC: crc32(body) & CRC_MASK, physicalOffset: offset, storeTimestamp: 1_700_000_000_000, body, topic: Buffer.from('orders'),
    properties: Buffer.from('TAGS\u0001a\u0002'), ...fields,
  })
}

for (const fields of [
  { magic: MAGIC_V1 },
  { magic: MAGIC_V2 },
  { sysFlag: 0x30, bornHost: new Uint8Array(20), storeHost: new Uint8Array(20) },
]) {
  t.test(`a record is one with its last byte: ${Object.keys(fields).join()} ${fields.magic ?? ''}`, async (test) => {
    const position = 500
    const record = recordAt(FROM + position, fields)
    const segment = segmentWith(record, position)
    for (let there = 1; there < record.length; there++) {
      if (check.at(segment, position, position + there) !== 'partial') test.fail(`with ${there} of ${record.length} bytes: ${check.reason}`)
    }
    test.equal(check.at(segment, position, position + record.length), 'record')
    test.equal(check.at(segment, position, SIZE), 'record', 'also with what lies behind')
    test.equal(check.parts.size, record.length)
  })
}

t.test('a record that can be none is not waited for', async (test) => {
  const position = 500
  const record = recordAt(FROM + position)
  /** With how many bytes it is known. */
  const knownAt = (spoil: (view: DataView) => void): number => {
    const segment = segmentWith(record, position)
    spoil(viewOf(segment.mapping.bytes.subarray(position)))
    for (let there = 1; there <= record.length; there++) if (check.at(segment, position, position + there) === 'bad') return there
    return Infinity
  }
  test.equal(knownAt((view) => view.setInt32(0, 0x4000_0000)), 8, 'longer than the file')
  test.equal(knownAt((view) => view.setInt32(0, -1)), 8)
  test.equal(knownAt((view) => view.setInt32(0, 50)), 8, 'shorter than any record')
  test.equal(knownAt((view) => view.setInt32(Position.magic, 0x12345678)), 8)
  test.equal(knownAt((view) => writeLong(view, Position.physicalOffset, FROM)), Position.sysFlag, 'one of another place')
  test.equal(knownAt((view) => view.setInt32(84, 3000)), 88, 'a body that does not fit')
  test.equal(knownAt((view) => view.setInt32(84, -1)), 88)
  test.equal(knownAt((view) => view.setUint8(100, 0)), record.length, 'only all of the body has a CRC')
})

t.test('a wrong length that could be right is known once so much is there', async (test) => {
  const position = 500
  const record = recordAt(FROM + position)
  const segment = segmentWith(record, position)
  segment.mapping.view.setInt32(position, record.length + 64)
  test.equal(check.at(segment, position, position + record.length + 63), 'partial')
  test.equal(check.at(segment, position, position + record.length + 64), 'bad')
})

t.test('the end of a file', async (test) => {
  const blank = Buffer.alloc(8)
  encodeBlank(viewOf(blank), 0, 1000)
  const segment = segmentWith(blank, SIZE - 1000)
  const position = SIZE - 1000
  for (const there of [1, 7, 8, 9, 999]) test.equal(check.at(segment, position, position + there), 'partial', `${there} bytes`)
  test.equal(check.at(segment, position, SIZE), 'blank')
  segment.mapping.view.setInt32(position, 2000)
  test.equal(check.at(segment, position, position + 8), 'bad', 'of a file of another size')
  test.equal(check.reason, 'the file is to end after 2000 bytes, and 1000 are left of it here')
  test.equal(check.at(segment, SIZE - 7, SIZE), 'bad', 'no room for a blank')
  test.equal(check.at(segment, SIZE - 7, SIZE - 6), 'bad')
})

t.test('zeros', async (test) => {
  const segment = segmentWith(Buffer.alloc(0), 0)
  test.equal(check.at(segment, 0, 7), 'partial')
  test.equal(check.at(segment, 0, 8), 'zeros')
  test.equal(check.reason, 'zeros where a record should be')
})
