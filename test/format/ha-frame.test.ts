import t from 'tap'
import {
  FRAME_HEADER_LENGTH, REPORT_LENGTH, frameBodySize, frameOffset, readReport, writeFrameHeader, writeReport,
} from '../../lib/format/ha-frame'

/*
 * The story: master and slave tell each other numbers without names; one that is written the other way round is an offset
 * somewhere else.
 *
 * Not proved here: that the engine reads them so; test/interop/ connects the two.
 */

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

t.test('a report', async (test) => {
  const bytes = Buffer.alloc(10, 0xee)
  writeReport(viewOf(bytes), 1, 2 ** 40 + 3)
  test.equal(bytes.toString('hex'), 'ee' + '0000010000000003' + 'ee')
  test.equal(readReport(viewOf(bytes), 1), 2 ** 40 + 3)
  test.equal(readReport(viewOf(Buffer.alloc(8, 0xff)), 0), -1)
  test.equal(REPORT_LENGTH, 8)
})

t.test('the header of a frame', async (test) => {
  const bytes = Buffer.alloc(14, 0xee)
  writeFrameHeader(viewOf(bytes), 1, 2 ** 33 + 5, 32_768)
  test.equal(bytes.toString('hex'), 'ee' + '0000000200000005' + '00008000' + 'ee')
  test.equal(frameOffset(viewOf(bytes), 1), 2 ** 33 + 5)
  test.equal(frameBodySize(viewOf(bytes), 1), 32_768)
  test.equal(frameBodySize(viewOf(Buffer.alloc(12, 0xff)), 0), -1)
  test.equal(FRAME_HEADER_LENGTH, 12)
})
