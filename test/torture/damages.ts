import { join } from 'node:path'
import { MAGIC_BLANK } from '../../lib/format/record'
import { MANIFEST_NAME } from '../../lib/recovery/manifest'
import { STORE, SEGMENT_SIZE, bytesOf, segmentPath, type Files, type Image, type RecordPlace } from './images'
import type { Random } from './random'
import { recordFields, type RecordField } from './record-fields'

/** One way to damage the files of a store. */
export interface Damage {
  what: string
  /** The bytes of the log that are not what they were. */
  log: readonly { from: number; to: number }[]
  /** The field and message that were hit, where it is a single bit of a record. */
  field?: RecordField
  record?: RecordPlace
  /** Codes with which the open may refuse. */
  refusals?: readonly string[]
  /** Whole records of another store came in. */
  isForeign?: boolean
  /** Bytes inside of an index file; or the mark is gone that would have had the slots made again, which are written at a close. */
  isInIndex?: boolean
  apply(files: Files): void
}

interface Section {
  count: number
  make(index: number): Damage
}

const bits = (from: number, to: number): number => (to - from) * 8

/** All the damages that are tried one by one, as sections that can be counted without being made. */
export class Damages {
  readonly #sections: readonly Section[]
  readonly count: number

  constructor(image: Image, other: Image) {
    this.#sections = [
      ...recordBits(image), ...blankBits(image), cuts(image), ...segments(image, other), ...zeroedSectors(image),
      ...derivedBits(image), ...wholeFiles(image, other), ...indexChains(image), ...pretences(image),
    ]
    this.count = this.#sections.reduce((sum, { count }) => sum + count, 0)
  }

  at(index: number): Damage {
    for (const section of this.#sections) {
      if (index < section.count) return section.make(index)
      index -= section.count
    }
    throw new Error('there are not so many')
  }
}

/** Anything else: a few bytes of any file are changed, a piece of it is filled or put elsewhere, its length changed. */
export function randomDamage(image: Pick<Image, 'files'>, random: Random): Damage {
  const log: { from: number; to: number }[] = []
  const steps: ((files: Files) => void)[] = []
  const told: string[] = []
  let hitsIndex = false
  const refusals = new Set<string>()
  for (let count = random.between(1, 3); count > 0; count--) {
    const [path, bytes] = random.pick([...image.files].filter(([, content]) => content.length > 0))
    const from = random.below(bytes.length)
    const to = Math.min(bytes.length, from + random.pick([1, 4, 20, 64, 512]))
    const way = random.pick(['noise', 'zeros', 'ones', 'copy', 'cut'] as const)
    const noise = Buffer.from(Array.from({ length: to - from }, () => random.below(256)))
    const source = random.below(bytes.length)
    const isSegment = path.includes('/commitlog/')
    hitsIndex ||= path.includes('/index/')
    const start = isSegment ? Number(path.slice(-20)) : 0
    if (isSegment) log.push({ from: start + from, to: way === 'cut' ? start + SEGMENT_SIZE : start + to })
    if (way === 'cut' && path.includes('/index/')) refusals.add('ERR_INVALID_OPTION')
    told.push(`${way} in ${path} at ${from} to ${to}`)
    steps.push((files) => {
      const content = files.get(path)!
      if (way === 'cut') files.set(path, content.subarray(0, from))
      else if (way === 'copy') content.set(content.subarray(source, source + to - from).subarray(0, Math.max(0, content.length - from)), Math.min(from, content.length))
      else if (way === 'noise') content.set(noise.subarray(0, Math.max(0, content.length - from)), Math.min(from, content.length))
      else content.subarray(from, to).fill(way === 'zeros' ? 0 : 0xff)
    })
  }
  return {
    what: told.join('; '), log, refusals: [...refusals], isInIndex: hitsIndex,
    apply(files) {
      for (const step of steps) step(files)
    },
  }
}

/** Every bit of every field of some records; of the long fields those of the first and the last byte. */
function recordBits(image: Image): Section[] {
  const { records } = image
  const lastOfSegment = records.find(({ offset, size }, at) => segmentPath(offset) !== segmentPath(records[at + 1]?.offset ?? offset) && size > 0)!
  const chosen = [records[0]!, records[20]!, lastOfSegment, records[47]!, records[records.length - 1]!]
  return chosen.flatMap((record) => recordFields.flatMap((field) => {
    const [from, to] = field.range(bytesOf(image.files, record))
    const ranges = to - from > 20 ? [[from, from + 1], [to - 1, to]] : [[from, to]]
    return ranges.map(([first, end]): Section => ({
      count: Math.max(0, bits(first!, end!)),
      make: (bit) => ({
        what: `bit ${bit} of ${field.name} of message ${record.number}`, field, record,
        log: [{ from: record.offset, to: record.offset + record.size }],
        apply: (files) => flip(bytesOf(files, record), bit + first! * 8),
      }),
    }))
  }))
}

function blankBits({ files, logEnd }: Image): Section[] {
  const sections: Section[] = []
  for (let start = 0; start + SEGMENT_SIZE < logEnd; start += SEGMENT_SIZE) {
    const at = findBlank(files.get(segmentPath(start))!)
    if (at < 0) continue
    sections.push({
      count: bits(0, 8),
      make: (bit) => ({
        what: `bit ${bit} of the blank at ${start + at}`, log: [{ from: start + at, to: start + SEGMENT_SIZE }],
        apply: (content) => flip(content.get(segmentPath(start))!, at * 8 + bit),
      }),
    })
  }
  return sections
}

function findBlank(segment: Buffer): number {
  const magic = Buffer.alloc(4)
  magic.writeInt32BE(MAGIC_BLANK)
  return segment.indexOf(magic) - 4
}

/** Every length of the last segment. */
function cuts({ logEnd }: Image): Section {
  const start = logEnd - (logEnd % SEGMENT_SIZE)
  return {
    count: SEGMENT_SIZE,
    make: (length) => ({
      what: `the last segment has ${length} bytes`, log: [{ from: start + length, to: start + SEGMENT_SIZE }],
      apply: (files) => files.set(segmentPath(start), files.get(segmentPath(start))!.subarray(0, length)),
    }),
  }
}

/** Segments that are gone, exchanged, another store's, or of another length. */
function segments({ logEnd }: Image, other: Image): Section[] {
  const sections: Section[] = []
  for (let start = 0; start < logEnd; start += SEGMENT_SIZE) {
    const path = segmentPath(start)
    const log = [{ from: start, to: start + SEGMENT_SIZE }]
    const next = start + SEGMENT_SIZE < logEnd ? start + SEGMENT_SIZE : 0
    const both = [...log, { from: next, to: next + SEGMENT_SIZE }]
    const ways: Damage[] = [
      { what: `the segment ${start} is gone`, log, apply: (files) => files.delete(path) },
      { what: `the segment ${start} is zeros`, log, apply: (files) => files.set(path, Buffer.alloc(SEGMENT_SIZE)) },
      { what: `the segment ${start} is ones`, log, apply: (files) => files.set(path, Buffer.alloc(SEGMENT_SIZE, 0xff)) },
      { what: `the segment ${start} is empty`, log, apply: (files) => files.set(path, Buffer.alloc(0)) },
      { what: `the segment ${start} is half`, log, apply: (files) => files.set(path, files.get(path)!.subarray(0, SEGMENT_SIZE / 2)) },
      {
        what: `the segment ${start} is longer`, log, refusals: ['ERR_SEGMENT_SIZE'],
        apply: (files) => files.set(path, Buffer.concat([files.get(path)!, Buffer.alloc(100, 1)])),
      },
      {
        what: `the segments ${start} and ${next} are exchanged`, log: both,
        apply: (files) => {
          const content = files.get(path)!
          files.set(path, files.get(segmentPath(next))!)
          files.set(segmentPath(next), content)
        },
      },
      {
        what: `the segment ${start} is another store's`, log, isForeign: true,
        apply: (files) => files.set(path, Buffer.from(other.files.get(path) ?? Buffer.alloc(SEGMENT_SIZE))),
      },
    ]
    sections.push({ count: ways.length, make: (way) => ways[way]! })
  }
  const all = { from: 0, to: Infinity }
  sections.push({
    count: 1,
    make: () => ({
      what: 'all segments are gone', log: [all], refusals: ['ERR_LOG_MISSING'],
      apply: (files) => {
        for (const path of files.keys()) if (path.includes('/commitlog/')) files.delete(path)
      },
    }),
  })
  return sections
}

/** A sector of the log, or a page of it, that reads as zeros. */
function zeroedSectors({ logEnd }: Image): Section[] {
  return [512, 1024].map((length) => ({
    count: Math.floor(logEnd / length),
    make: (at) => ({
      what: `${length} zeros at ${at * length} of the log`, log: [{ from: at * length, to: (at + 1) * length }],
      apply: (files) => files.get(segmentPath(at * length))!.fill(0, (at * length) % SEGMENT_SIZE, ((at * length) % SEGMENT_SIZE) + length),
    }),
  }))
}

/** Every bit of the checkpoint's fields, of the manifest, of the index files, of one queue; the first bits of abort and lock. */
function derivedBits({ files, records }: Image): Section[] {
  const queue = join(STORE, 'consumequeue', records[0]!.topic, String(records[0]!.queueId))
  const lengths = (path: string, content: Buffer): number => {
    if (path.endsWith('checkpoint')) return 40
    return path.startsWith(queue) || path.endsWith(MANIFEST_NAME) || path.includes('/index/') ? content.length : Math.min(4, content.length)
  }
  return [...files].filter(([path]) => !path.includes('/commitlog/')).map(([path, content]) => ({
    count: bits(0, lengths(path, content)),
    make: (bit) => ({ what: `bit ${bit} of ${path}`, log: [], isInIndex: path.includes('/index/'), apply: (changed) => flip(changed.get(path)!, bit) }),
  }))
}

/** A derived file, or all of a kind, that is gone, empty, cut, longer, zeros, ones, noise, or another's. */
function wholeFiles({ files }: Image, other: Image): Section[] {
  const derived = [...files].filter(([path]) => !path.includes('/commitlog/'))
  const groups = [/./, /\/consumequeue\//, /\/index\//, /checkpoint$/, /manifest/, /\/consumequeue\/[^/]*\/0\//, /(checkpoint|manifest.json|abort)$/]
  const sections: Section[] = [...derived.map(([path]) => [path]), ...groups.map((group) => derived.map(([path]) => path).filter((path) => group.test(path)))]
    .filter((paths) => paths.length > 0)
    .map((paths) => {
      const change = (what: string, to: (content: Buffer, path: string) => Buffer | undefined): Damage => ({
        what: `${paths.length === 1 ? paths[0] : `${paths.length} files like ${paths[0]}`}: ${what}`, log: [],
        ...(paths.some((path) => path.includes('/index/')) && { refusals: ['ERR_INVALID_OPTION'], isInIndex: /zeros|0x7f|ones|another/.test(what) }),
        ...(what === 'gone' && paths.some((path) => path.endsWith('/abort')) && { isInIndex: true }),
        apply: (changed) => {
          for (const path of paths) {
            const content = to(changed.get(path)!, path)
            if (content === undefined) changed.delete(path)
            else changed.set(path, content)
          }
        },
      })
      const ways = [
        change('gone', () => undefined),
        change('empty', () => Buffer.alloc(0)),
        change('cut by a byte', (content) => content.subarray(0, -1)),
        change('cut to a half', (content) => content.subarray(0, content.length >> 1)),
        change('longer', (content) => Buffer.concat([content, Buffer.alloc(100, 7)])),
        change('zeros', (content) => Buffer.alloc(content.length)),
        change('ones', (content) => Buffer.alloc(content.length, 0xff)),
        change('0x7f', (content) => Buffer.alloc(content.length, 0x7f)),
        change('its second half zeros', (content) => Buffer.concat([content.subarray(0, content.length >> 1), Buffer.alloc(content.length - (content.length >> 1))])),
        change('its first half zeros', (content) => Buffer.concat([Buffer.alloc(content.length >> 1), content.subarray(content.length >> 1)])),
        change('another store’s', (content, path) => other.files.get(path) ?? content),
      ]
      return { count: ways.length, make: (way) => ways[way]! }
    })
  const queueFiles = derived.map(([path]) => path).filter((path) => path.includes('/consumequeue/'))
  sections.push({
    count: queueFiles.length,
    make: (at) => exchanged(queueFiles[at]!, queueFiles[(at + 1) % queueFiles.length]!),
  })
  return sections
}

function exchanged(one: string, another: string): Damage {
  return {
    what: `${one} and ${another} are exchanged`, log: [],
    apply: (files) => {
      const content = files.get(one)!
      files.set(one, files.get(another)!)
      files.set(another, content)
    },
  }
}

/** Slots and chain links of the index that lead to anywhere. */
function indexChains({ files }: Image): Section[] {
  const targets = [0, 1, 2, 5, 63, 64, 1000, 0x7fff_ffff, -1, -0x8000_0000]
  return [...files].filter(([path]) => path.includes('/index/')).map(([path, content]) => {
    const slots = Array.from({ length: 16 }, (_, slot) => 40 + slot * 4)
    const links = Array.from({ length: (content.length - 104) / 20 }, (_, entry) => 104 + entry * 20 + 16)
    const places = [...slots, ...links]
    return {
      count: places.length * targets.length,
      make: (index) => {
        const place = places[Math.floor(index / targets.length)]!
        const target = targets[index % targets.length]!
        return { what: `${path} at ${place} leads to ${target}`, log: [], isInIndex: true, apply: (changed) => changed.get(path)!.writeInt32BE(target, place) }
      },
    }
  })
}

/** The mark of a crash, gone or there, and hostile lists. */
function pretences({ files }: Image): Section[] {
  const abort = join(STORE, 'abort')
  const manifest = join(STORE, MANIFEST_NAME)
  const texts = [
    '{', 'null', '[]', '{"indexFiles":[],"queues":[]}', '{"indexFiles":{},"queues":7}', '{"indexFiles":["x"],"queues":[null]}',
    '{"indexFiles":["20240102030405000"],"queues":[{"topic":"orders","queueId":0,"maxOffset":1e300}]}',
    '{"indexFiles":[1],"queues":[{"topic":{},"queueId":"..","maxOffset":"x"}]}', `{"queues":${'['.repeat(100_000)}`,
  ]
  return [
    {
      count: 1,
      make: () => ({
        what: files.has(abort) ? 'abort is gone' : 'abort is there', log: [], isInIndex: files.has(abort),
        apply: (changed) => {
          if (!changed.delete(abort)) changed.set(abort, Buffer.from('4711'))
        },
      }),
    },
    { count: texts.length, make: (at) => ({ what: `the manifest is ${texts[at]!.slice(0, 80)}`, log: [], apply: (changed) => changed.set(manifest, Buffer.from(texts[at]!)) }) },
  ]
}

function flip(bytes: Buffer, bit: number): void {
  bytes[bit >> 3]! ^= 0x80 >> (bit & 7)
}
