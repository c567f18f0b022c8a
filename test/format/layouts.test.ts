import t from 'tap'
import { CHECKPOINT_LENGTH, decodeCheckpoint, encodeCheckpoint, minTimestamp } from '../../lib/format/checkpoint-layout'
import { indexFileName, parseIndexFileName, parseSegmentName, segmentName } from '../../lib/format/file-name'
import { EntryPosition, HeaderPosition, INDEX_HEADER_LENGTH, entryPosition, indexFileSize, slotPosition } from '../../lib/format/index-layout'
import { readLong, writeLong } from '../../lib/format/long'
import { QUEUE_ENTRY_LENGTH, entryOffset, entrySize, entryTagsCode, isWrittenEntry, writeQueueEntry } from '../../lib/format/queue-entry'

/*
 * The story: the small files beside the log. A checkpoint that is one field off makes the engine skip what it
 * should recover; an index of another size makes it read entries as slots.
 *
 * Not proved here: file names in other time zones than this process has (they are local time, as Java's).
 */

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

t.test('64-bit numbers', (test) => {
  for (const { value, hex } of [
    { value: 0, hex: '0000000000000000' },
    { value: 1, hex: '0000000000000001' },
    { value: -1, hex: 'ffffffffffffffff' },
    { value: 2 ** 31, hex: '0000000080000000' },
    { value: -(2 ** 31), hex: 'ffffffff80000000' },
    { value: 2 ** 32 - 1, hex: '00000000ffffffff' },
    { value: 2 ** 32, hex: '0000000100000000' },
    { value: -(2 ** 32), hex: 'ffffffff00000000' },
    { value: -(2 ** 32) - 1, hex: 'fffffffeffffffff' },
    { value: Number.MAX_SAFE_INTEGER, hex: '001fffffffffffff' },
    { value: Number.MIN_SAFE_INTEGER, hex: 'ffe0000000000001' },
  ]) {
    const bytes = Buffer.alloc(10, 0xee)
    writeLong(viewOf(bytes), 1, value)
    test.equal(bytes.toString('hex'), `ee${hex}ee`, `${value}`)
    test.equal(readLong(viewOf(bytes), 1), value)
  }
  test.end()
})

t.test('a queue entry', (test) => {
  const bytes = Buffer.alloc(24, 0xee)
  writeQueueEntry(viewOf(bytes), 2, 2 ** 33 + 5, 300, -2_147_483_648)
  test.equal(bytes.toString('hex'), 'eeee' + '0000000200000005' + '0000012c' + 'ffffffff80000000' + 'eeee')
  test.equal(entryOffset(viewOf(bytes), 2), 2 ** 33 + 5)
  test.equal(entrySize(viewOf(bytes), 2), 300)
  test.equal(entryTagsCode(viewOf(bytes), 2), -2_147_483_648, 'sign-extended')
  test.equal(QUEUE_ENTRY_LENGTH, 20)
  test.end()
})

t.test('which entries were written', (test) => {
  const isWritten = (hex: string): boolean => isWrittenEntry(viewOf(Buffer.from(hex, 'hex')), 0)
  test.equal(isWritten('0000000000000000' + '00000001' + '0000000000000000'), true, 'offset 0 is one')
  test.equal(isWritten('0000000000000000' + '7fffffff' + '0000000000000000'), true, 'pre-fill counts')
  test.equal(isWritten('0000000000000000' + '00000000' + '0000000000000000'), false, 'all zeros')
  test.equal(isWritten('0000000000000001' + '00000000' + '0000000000000001'), false, 'no size')
  test.equal(isWritten('ffffffffffffffff' + '00000001' + '0000000000000000'), false, 'a negative offset')
  test.equal(isWritten('0000000000000001' + 'ffffffff' + '0000000000000000'), false, 'a negative size')
  test.end()
})

t.test('an index file', (test) => {
  test.equal(indexFileSize(5_000_000, 20_000_000), 420_000_040, 'with the defaults')
  test.equal(INDEX_HEADER_LENGTH, 40)
  test.same(HeaderPosition, { beginTimestamp: 0, endTimestamp: 8, beginPhyOffset: 16, endPhyOffset: 24, hashSlotCount: 32, indexCount: 36 })
  test.same(EntryPosition, { keyHash: 0, phyOffset: 4, timeDiff: 12, previous: 16 })
  test.equal(slotPosition(0), 40)
  test.equal(slotPosition(4_999_999), 40 + 4 * 4_999_999)
  test.equal(entryPosition(5_000_000, 0), 20_000_040, 'entry 0, which is never used')
  test.equal(entryPosition(5_000_000, 19_999_999) + 20, 420_000_040, 'the last one ends the file')
  test.end()
})

t.test('the checkpoint', (test) => {
  const fields = { physicMsgTimestamp: 0x0102030405, logicsMsgTimestamp: 2, indexMsgTimestamp: 3, masterFlushedOffset: 4, confirmPhyOffset: 2 ** 40 }
  const three = '0000000102030405' + '0000000000000002' + '0000000000000003'
  const five = three + '0000000000000004' + '0000010000000000'
  for (const { count, hex } of [{ count: 3, hex: three }, { count: 5, hex: five }]) {
    const bytes = encodeCheckpoint(fields, count)
    test.equal(bytes.length, 4096)
    test.equal(bytes.toString('hex', 0, count * 8), hex, `${count} fields`)
    test.ok(bytes.subarray(count * 8).every((byte) => byte === 0), 'the rest is zero')
  }
  test.same(decodeCheckpoint(Buffer.from(five, 'hex')), fields, 'a short file is read as far as it goes')
  test.same(decodeCheckpoint(Buffer.concat([Buffer.from(five, 'hex'), Buffer.alloc(CHECKPOINT_LENGTH)])), fields, 'and a long one')
  const none = { physicMsgTimestamp: 0, logicsMsgTimestamp: 0, indexMsgTimestamp: 0, masterFlushedOffset: 0, confirmPhyOffset: 0 }
  test.same(decodeCheckpoint(Buffer.alloc(0)), none, 'nothing is zeros')
  test.same(decodeCheckpoint(Buffer.alloc(CHECKPOINT_LENGTH, 0xff)), none, 'negative numbers count as 0')
  test.same(decodeCheckpoint(Buffer.alloc(CHECKPOINT_LENGTH, 0x7f)), none, 'and so do impossible ones')
  test.equal(minTimestamp({ ...none, physicMsgTimestamp: 10_000, logicsMsgTimestamp: 9000 }), 6000, 'the earlier one less 3 s')
  test.equal(minTimestamp({ ...none, physicMsgTimestamp: 10_000, logicsMsgTimestamp: 2000 }), 0, 'never negative')
  test.end()
})

t.test('names of segments', (test) => {
  test.equal(segmentName(0), '00000000000000000000')
  test.equal(segmentName(1_073_741_824), '00000000001073741824')
  test.equal(segmentName(Number.MAX_SAFE_INTEGER), '00009007199254740991')
  test.equal(parseSegmentName('00000000001073741824'), 1_073_741_824)
  test.equal(parseSegmentName('17'), 17, 'any number of digits, as Java')
  for (const name of ['', 'abort', '-0000000000000000001', '0x10', '1.5', ' 1', '1e3', '00000000001073741824.tmp', '9'.repeat(20), '0'.repeat(21)]) {
    test.equal(parseSegmentName(name), undefined, JSON.stringify(name))
  }
  test.end()
})

t.test('names of index files', (test) => {
  const time = new Date(2024, 1, 3, 4, 5, 6, 7).getTime()
  test.equal(indexFileName(time), '20240203040506007', 'local time')
  test.equal(parseIndexFileName('20240203040506007'), time)
  for (const name of ['', '2024020304050600', '202402030405060077', '2024020304050600x', '00000000000000000000']) {
    test.equal(parseIndexFileName(name), undefined, JSON.stringify(name))
  }
  test.end()
})
