import Benchmark from 'benchmark'
import { createRequire } from 'node:module'
import { showProgress, endProgress } from './demo/progress.js'
import { formatCount, formatTable } from './table.js'

/** Parts of lib/format by themselves. They are not exported, hence the way into dist. */

const require = createRequire(import.meta.url)
const { selectBackend } = require('../dist/storage/backend.js')
const { RecordFields, encodeRecord, encodeTopic, recordSize, CRC_MASK } = require('../dist/format/record.js')
const { RecordCheck } = require('../dist/recovery/record-check.js')
const { decodeProperties, encodeProperties } = require('../dist/format/properties.js')
const { keyHash, topicHash } = require('../dist/format/index-layout.js')
const { tagsCodeOf } = require('../dist/format/tags-code.js')
const { QUEUE_ENTRY_LENGTH, writeQueueEntry } = require('../dist/format/queue-entry.js')
const { buf: crc32InJavaScript } = require('crc-32')

const bodySizes = [64, 128, 256, 1024, 4096]
const properties = { TAGS: 'tagA', KEYS: 'key1234567', UNIQ_KEY: '7F0000010B2C18B4AAC2123456780000' }
/** Room for many results, so that not the same cache line is written over and over. */
const target = Buffer.alloc(1 << 22)
const view = new DataView(target.buffer, target.byteOffset, target.length)
const backend = selectBackend('auto')
const crc32 = backend.crc32.bind(backend)

/** @param {{ smoke: boolean, json: boolean }} given */
export function runCodecBenchmarks({ smoke, json }) {
  const results = [...partsOfAnySize(), ...bodySizes.flatMap(partsOfSize)].map(({ name, bytes, run }) => {
    showProgress(name)
    const benchmark = new Benchmark(name, run, smoke ? { maxTime: 0.01, minSamples: 1 } : { maxTime: 1 }).run()
    if (benchmark.error) throw benchmark.error
    return { name, bytes, perSecond: benchmark.hz, relativeMarginOfError: benchmark.stats.rme }
  })
  endProgress()
  console.log(json ? JSON.stringify(results, null, 2) : describe(results))
}

function partsOfAnySize() {
  const topicPrefix = topicHash('bench-1')
  const length = encodeProperties(properties, target, 0, true)
  let position = 0
  return [
    { name: 'properties: encode three', run: () => encodeProperties(properties, target, 0, true) },
    { name: 'properties: decode three', run: () => decodeProperties(target, 0, length) },
    { name: 'hash of a tag', run: () => tagsCodeOf(properties.TAGS) },
    { name: 'hash of a key', run: () => keyHash(topicPrefix, properties.UNIQ_KEY) },
    {
      name: 'queue entry: write',
      run: () => {
        writeQueueEntry(view, position, 123_456_789_012, 300, 0x36c8a1)
        position = position + 2 * QUEUE_ENTRY_LENGTH > target.length ? 0 : position + QUEUE_ENTRY_LENGTH
      },
    },
  ]
}

const frame = Buffer.alloc(256)

function partsOfSize(bytes) {
  const body = Buffer.alloc(bytes, 'abcdefghijklmnopqrstuvwxyz')
  const fields = fieldsOf(body)
  const size = recordSize(fields)
  const encoded = Buffer.alloc(size)
  const encodedView = new DataView(encoded.buffer, encoded.byteOffset, size)
  encodeRecord(fields, frame, encoded, encodedView, 0)
  const check = new RecordCheck({ checkCRC: true, forceVerifyPropCRC: false, crc32 })
  if (check.at(encoded, encodedView, 0, size, 0) !== 'record') throw new Error(check.reason)
  let position = 0
  return [
    {
      name: `record of ${bytes} B: encode`, bytes,
      run: () => {
        encodeRecord(fields, frame, target, view, position)
        position = position + 2 * size > target.length ? 0 : position + size
      },
    },
    { name: `record of ${bytes} B: check`, bytes, run: () => check.at(encoded, encodedView, 0, size, 0) },
    { name: `CRC of ${bytes} B: ${backend.name}`, bytes, run: () => crc32(body, 0, bytes) },
    { name: `CRC of ${bytes} B: crc-32`, bytes, run: () => crc32InJavaScript(body) },
  ]
}

function fieldsOf(body) {
  const fields = new RecordFields()
  fields.body = body
  fields.bodyCRC = crc32(body, 0, body.length) & CRC_MASK
  fields.bornTimestamp = fields.storeTimestamp = 1_700_000_000_000
  const propertiesLengthAt = encodeTopic(fields.magic, Buffer.from('bench-1'), frame, new DataView(frame.buffer, frame.byteOffset, frame.length), 0)
  fields.tailTo = encodeProperties(properties, frame, propertiesLengthAt + 2, true)
  frame.writeInt16BE(fields.tailTo - propertiesLengthAt - 2, propertiesLengthAt)
  return fields
}

function describe(results) {
  return formatTable([
    ['', 'per second', '± %', 'MB/s'],
    ...results.map(({ name, bytes, perSecond, relativeMarginOfError }) => [
      name, formatCount(perSecond), relativeMarginOfError.toFixed(1), bytes === undefined ? '' : formatCount((perSecond * bytes) / 1e6),
    ]),
  ])
}
