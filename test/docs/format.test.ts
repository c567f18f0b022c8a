import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CHECKPOINT_LENGTH, encodeCheckpoint } from '../../lib/format/checkpoint-layout'
import { EntryPosition, HeaderPosition, INDEX_ENTRY_LENGTH, INDEX_HEADER_LENGTH, indexFileSize } from '../../lib/format/index-layout'
import { PROPERTY_CRC_LENGTH } from '../../lib/format/property-crc'
import { PREFILL_SIZE, QUEUE_ENTRY_LENGTH } from '../../lib/format/queue-entry'
import {
  BLANK_LENGTH, MAGIC_BLANK, MAGIC_V1, MAGIC_V2, Position, RECORD_LENGTH_MIN, RecordParts, locate,
} from '../../lib/format/record'
import { makeRecord } from '../support/encoded-record'

/*
 * The story: a format that is described in one place and written in another. The tables of docs/format.md are read here, and
 * compared with the constants of the code and with records that it writes.
 */

const text = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'format.md'), 'utf8')

interface Row {
  offset: string
  size: string
  field: string
}

/** The tables with offsets under a heading, in their order. */
function tablesUnder(heading: string): Row[][] {
  const [, section] = text.split(new RegExp(`^#+ ${heading}$`, 'm'))
  const body = section!.split(/^#+ /m)[0]!
  return [...body.matchAll(/^\| offset \|.*\n\|[-|]+\n((?:\|.*\n)+)/gm)].map(([, rows]) =>
    rows!.trim().split('\n').map((row) => {
      const [, offset, size, field] = row.split('|').map((cell) => cell.trim())
      return { offset: offset!, size: size!, field: field! }
    }))
}

/** The value of a sum like `72+B+S+n`. */
function sum(terms: string, values: Record<string, number>): number {
  return terms.split('+').reduce((total, term) => total + (values[term] ?? Number(term)), 0)
}

function offsetsOf(rows: readonly Row[]): Record<string, number> {
  return Object.fromEntries(rows.map(({ offset, field }) => [field, Number(offset)]))
}

function assertNoGap(t: Test, rows: readonly Row[], length: number): void {
  let end = 0
  for (const { offset, size, field } of rows) {
    t.equal(Number(offset), end, field)
    end += Number(size)
  }
  t.equal(end, length)
}

t.test('records', async (t) => {
  const [rows] = tablesUnder('Record')
  t.match(offsetsOf(rows!), Position)
  for (const [bornHost, storeHost] of [[8, 8], [20, 8], [8, 20], [20, 20]] as const) {
    for (const magic of [MAGIC_V1, MAGIC_V2]) {
      const values = { B: bornHost, S: storeHost, T: magic === MAGIC_V1 ? 1 : 2, n: 4, t: 5, p: 4 }
      const bytes = makeRecord({
        magic, bornHost: new Uint8Array(bornHost).fill(1), storeHost: new Uint8Array(storeHost).fill(2),
        sysFlag: (bornHost === 20 ? 0x10 : 0) | (storeHost === 20 ? 0x20 : 0),
        body: Buffer.from('body'), topic: Buffer.from('topic'), properties: Buffer.from('a\u0001b\u0002'),
      })
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      const parts = new RecordParts()
      t.equal(locate(view, 0, bytes.length, parts), undefined)
      const at = Object.fromEntries(rows!.map(({ offset, field }) => [field, sum(offset, values)]))
      t.match(parts, {
        storeTimestampAt: at['storeTimestamp'], storeHostAt: at['storeHost'], bodyAt: at['body'], topicAt: at['topic'],
        propertiesAt: at['properties'],
      })
      let end = 0
      for (const { offset, size, field } of rows!) {
        t.equal(sum(offset, values), end, field)
        end += sum(size, values)
      }
      t.equal(end, bytes.length)
    }
  }
  t.match(text, `at least ${RECORD_LENGTH_MIN}.`)
  for (const magic of [MAGIC_V1, MAGIC_V2, MAGIC_BLANK]) t.match(text, `0x${(magic >>> 0).toString(16).toUpperCase()}`)
  t.match(text, `end in ${PROPERTY_CRC_LENGTH} bytes`)
})

t.test('blank records', async (t) => {
  assertNoGap(t, tablesUnder('Blank')[0]!, BLANK_LENGTH)
})

t.test('queue entries', async (t) => {
  assertNoGap(t, tablesUnder('Queue entry')[0]!, QUEUE_ENTRY_LENGTH)
  t.match(text, `size ${PREFILL_SIZE} (`)
})

t.test('index files', async (t) => {
  const [header, entry] = tablesUnder('Index file')
  assertNoGap(t, header!, INDEX_HEADER_LENGTH)
  t.strictSame(offsetsOf(header!), { ...HeaderPosition })
  assertNoGap(t, entry!, INDEX_ENTRY_LENGTH)
  t.strictSame(offsetsOf(entry!), { ...EntryPosition })
  t.match(text, `| ${indexFileSize(5_000_000, 20_000_000)} = `)
})

t.test('the checkpoint', async (t) => {
  const [rows] = tablesUnder('Checkpoint')
  const fields = {
    physicMsgTimestamp: 1, logicsMsgTimestamp: 2, indexMsgTimestamp: 3, masterFlushedOffset: 4, confirmPhyOffset: 5,
  }
  const bytes = encodeCheckpoint(fields, 5)
  t.equal(bytes.length, CHECKPOINT_LENGTH)
  const read = Object.fromEntries(rows!.map(({ offset, field }) => [field, Number(bytes.readBigInt64BE(Number(offset)))]))
  t.strictSame(read, fields)
})
