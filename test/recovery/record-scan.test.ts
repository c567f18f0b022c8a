import fc from 'fast-check'
import { openSync, closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ConsumeQueues } from '../../lib/consume-queue/consume-queues'
import { RecordFinder, type FoundRecord } from '../../lib/dispatch/found-record'
import { encodeHost } from '../../lib/format/host'
import { CRC_MASK, MAGIC_V1, MAGIC_V2 } from '../../lib/format/record'
import { RecordCheck } from '../../lib/recovery/record-check'
import { selectBackend } from '../../lib/storage/backend'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Mapping } from '../../lib/storage/ports'
import { makeRecord } from '../support/encoded-record'
import { withMapped } from '../support/mapped-file'

/*
 * The story: recovery has whole records looked for by native code, off the main thread. Whatever a log holds, that code finds
 * the records which `RecordCheck` finds, up to the first place where it does not know further, and reads the same from them.
 */

const backend = selectBackend('auto')
const skip = backend.recordScan === undefined && 'this backend looks at each record by itself'

const text = fc.oneof(
  fc.constantFrom('TagA', 'a', 'k1 k2', ' k3', '标签', '𝒳', 'x'.repeat(600), 'z\0z', 'ends\0', '\0'.repeat(520) + 'x'),
  fc.string({ unit: 'binary-ascii', maxLength: 12 }),
)
const name = fc.oneof({ weight: 8, arbitrary: fc.constantFrom('TAGS', 'KEYS', 'UNIQ_KEY', 'DELAY') }, { weight: 1, arbitrary: text })
const separators = fc.constantFrom('\u0001', '\u0001', '\u0001', '\u0002', '')
const properties = fc
  .array(fc.tuple(name, separators, text, fc.constantFrom('\u0002', '\u0002', '')), { maxLength: 5 })
  .map((parts) => parts.flat().join(''))

const record = fc.record({
  topic: fc.constantFrom('orders', 'payments', 'Aa', 'BB', 'SCHEDULE_TOPIC_XXXX', '主题', 't'.repeat(127), 'a\0b', ''),
  queueId: fc.integer({ min: -1, max: 3 }),
  queueOffset: fc.oneof(fc.nat(), fc.maxSafeInteger()),
  sysFlag: fc.constantFrom(0, 0, 4, 8, 12, 1),
  storeTimestamp: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 2 ** 42 }) }, { weight: 1, arbitrary: fc.constantFrom(0, -1) }),
  wide: fc.boolean(),
  ipv6: fc.constantFrom(0, 0, 0x10, 0x20, 0x30),
  body: fc.uint8Array({ maxLength: 200 }),
  properties,
})
const segment = fc.record({
  records: fc.array(record, { maxLength: 12 }),
  damage: fc.oneof(
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.record({ at: fc.nat(), bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }) }) },
  ),
  logOffset: fc.constantFrom(0, 4096, 2 ** 40),
  tail: fc.nat({ max: 200 }),
})
type RandomSegment = typeof segment extends fc.Arbitrary<infer Value> ? Value : never

const ipv4Host = encodeHost('10.0.0.1:1')
const ipv6Host = encodeHost('[2001:db8::1]:2')

function encode({ records, damage, logOffset, tail }: RandomSegment): Buffer {
  let position = 0
  const parts: Buffer[] = []
  for (const { topic, wide, ipv6, body, properties: encoded, sysFlag, ...fields } of records) {
    const bytes = makeRecord({
      ...fields, body,
      magic: wide ? MAGIC_V2 : MAGIC_V1,
      topic: Buffer.from(topic),
      bornHost: ipv6 & 0x10 ? ipv6Host : ipv4Host,
      storeHost: ipv6 & 0x20 ? ipv6Host : ipv4Host,
      sysFlag: sysFlag | ipv6,
      bodyCRC: backend.crc32(body, 0, body.length) & CRC_MASK,
      physicalOffset: logOffset + position,
      properties: Buffer.from(encoded),
    })
    parts.push(bytes)
    position += bytes.length
  }
  const all = Buffer.concat([...parts, Buffer.alloc(tail + 1)])
  if (damage !== undefined) all.set(damage.bytes.subarray(0, all.length - (damage.at % all.length)), damage.at % all.length)
  return all
}

function queues(): ConsumeQueues {
  const { files } = createMemoryBackend()
  return new ConsumeQueues({ files, directory: '/consumequeue', fileSize: 400, readOnly: true, warn: () => undefined })
}

/** What decides on places in queue and index; the places themselves are compared by what stands there. */
type Facts = Omit<FoundRecord, 'bytes' | 'topic' | 'places'> & { topic: string; values: unknown[]; delay: string; isSeveral: boolean }

function factsOf({ bytes, topic, places, ...facts }: FoundRecord): Facts {
  const values = [places.tags, places.keys, places.uniqueKey].map(({ from, to, hash }) => [bytes.toString('latin1', from, to), hash])
  const { delay, keys } = places
  return { ...facts, topic: topic.name, values, delay: bytes.toString('latin1', delay.from, delay.to), isSeveral: keys.isSeveral }
}

/** As recovery does it where there is no scan. */
function lookAtEach({ bytes, view }: Mapping, logOffset: number, checkCRC: boolean): Facts[] {
  const check = new RecordCheck({ checkCRC, forceVerifyPropCRC: false, crc32: backend.crc32.bind(backend) })
  const finder = new RecordFinder(queues())
  const found: Facts[] = []
  let position = 0
  while (position < bytes.length && check.at(bytes, view, position, bytes.length, logOffset + position) === 'record') {
    found.push(factsOf(finder.inBytes(bytes, view, position, check.parts)))
    position += check.parts.size
  }
  return found
}

function assertSame(found: Facts[], expected: Facts[]): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)]
  if (left !== right) throw new Error(`found ${left}\ninstead of ${right}`)
}

t.test('native code finds the same records, and the same in them', { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-scan-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  let records = 0
  await fc.assert(fc.asyncProperty(segment, fc.boolean(), fc.nat({ max: 300 }), async (random, checkCRC, to) => {
    const content = encode(random)
    await withMapped(backend, directory, content, async (mapping) => {
      const expected = lookAtEach(mapping, random.logOffset, checkCRC)
      records += expected.length
      const scan = backend.recordScan!(checkCRC)
      const finder = new RecordFinder(queues())
      const found: Facts[] = []
      // In two goes, the second from where the first ended.
      let end = 0
      for (const limit of [Math.min(to, content.length), content.length]) {
        const rows = await scan.scan(mapping, end, Math.max(end, limit), random.logOffset)
        for (let row = 0; row < rows.count; row++) {
          found.push(factsOf(finder.inRows(rows, row, mapping, random.logOffset)))
          end = rows.position(row) + rows.size(row)
          if (rows.position(row) >= limit) throw new Error(`a record from ${rows.position(row)} on, behind ${limit}`)
        }
      }
      assertSame(found, expected)
      const rows = scan.scanNow(mapping, 0, Math.min(to, content.length), random.logOffset)
      const whole = Array.from({ length: rows.count }, (_, row) => factsOf(finder.inRows(rows, row, mapping, random.logOffset)))
      assertSame(whole, expected.filter(({ offset, size }) => offset - random.logOffset + size <= to))
    })
  }), { numRuns: 3000 })
  t.ok(records > 2000, `${records} records`)
})

t.test('what is no scan, no map or no range of it is refused', { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'mqstore-scan-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'segment'), Buffer.alloc(100))
  const descriptor = openSync(join(directory, 'segment'), 'r+')
  t.teardown(() => closeSync(descriptor))
  const mapping = backend.mapper.map(descriptor, 100, 'write')
  const scan = backend.recordScan!(true)
  await t.rejects(scan.scan(mapping, 0, 101, 0), { message: /outside/ })
  await t.rejects(scan.scan(mapping, 50, 40, 0), { message: /outside/ })
  await t.rejects(scan.scan(mapping, -1, 40, 0), { message: /outside/ })
  await t.rejects(scan.scan({ ...mapping, bytes: Buffer.alloc(9) }, 0, 0, 0), { message: /ArrayBuffer made by map/ })
  t.throws(() => scan.scanNow(mapping, 0, 101, 0), { message: /outside/ })
  t.equal((await scan.scan(mapping, 0, 100, 0)).count, 0)
  t.equal(scan.scanNow(mapping, 0, 100, 0).count, 0)
  mapping.unmap()
  t.throws(() => scan.scanNow(mapping, 0, 100, 0), { message: /mapped/ })
  await t.rejects(scan.scan(mapping, 0, 100, 0), { message: /mapped/ })
})
