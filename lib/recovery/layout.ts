import { basename, join } from 'node:path'
import { StoreError } from '../errors'
import { parseSegmentName } from '../format/file-name'
import type { FileSystem } from '../storage/ports'

/** What is done with an entry of the commit log directory. */
export type LayoutAction = 'segment' | 'ignored' | 'removed' | 'completed' | 'refused'

interface LayoutFacts {
  isDirectory: boolean
  hasSegmentName: boolean
  size: 'empty' | 'short' | 'right' | 'long'
}

/** The rows of the layout table: the first half of recovery, decided file by file. `any` matches all. */
export const layoutCases: readonly {
  label: string
  isDirectory: boolean
  hasSegmentName: boolean | 'any'
  size: LayoutFacts['size'] | 'any'
  action: LayoutAction
  story: string
}[] = [
  {
    label: '@directory', isDirectory: true, hasSegmentName: 'any', size: 'any', action: 'ignored',
    story: 'a directory is nobody’s segment (4.9 refuses to start)',
  },
  {
    label: '@foreign', isDirectory: false, hasSegmentName: false, size: 'any', action: 'ignored',
    story: 'a file without a number for a name was put there by someone (the engine fails to load)',
  },
  {
    label: '@empty', isDirectory: false, hasSegmentName: true, size: 'empty', action: 'removed',
    story: 'a crash between creating and sizing a segment (4.9 refuses to start)',
  },
  {
    label: '@short', isDirectory: false, hasSegmentName: true, size: 'short', action: 'completed',
    story: 'a crash or a full disk while blocks were reserved, or a cut copy: the missing end is zeros (the engine refuses to start)',
  },
  {
    label: '@right', isDirectory: false, hasSegmentName: true, size: 'right', action: 'segment',
    story: 'a segment',
  },
  {
    label: '@long', isDirectory: false, hasSegmentName: true, size: 'long', action: 'refused',
    story: 'no crash makes a segment longer: this is another store’s',
  },
]

export interface LayoutEntry {
  path: string
  fromOffset: number
  size: number
  action: LayoutAction
  reason: string
}

export interface Layout {
  /** Bytes of a segment, undefined where there is none. */
  segmentSize: number | undefined
  entries: LayoutEntry[]
}

/** Reads the directories of the commit log and decides about each entry. Changes nothing. @throws ERR_SEGMENT_SIZE, ERR_LOG_MISSING */
export function readLayout(files: FileSystem, directories: readonly string[]): Layout {
  const paths = directories.flatMap((directory) => (files.list(directory) ?? []).map((name) => join(directory, name)))
  const found = paths.map((path) => {
    const name = basename(path)
    const status = files.status(path)
    const fromOffset = parseSegmentName(name)
    return { path, fromOffset: fromOffset ?? -1, size: status?.size ?? 0, isDirectory: status?.isDirectory ?? false }
  })
  found.sort((left, right) => left.fromOffset - right.fromOffset)
  const segmentSize = findSegmentSize(found.filter((entry) => entry.fromOffset >= 0 && !entry.isDirectory))
  const entries = found.map((entry): LayoutEntry => {
    const row = classify({
      isDirectory: entry.isDirectory,
      hasSegmentName: entry.fromOffset >= 0,
      size: compareSize(entry.size, segmentSize),
    })
    return { path: entry.path, fromOffset: entry.fromOffset, size: entry.size, action: row.action, reason: row.story }
  })
  assertSizes(entries, segmentSize)
  return { segmentSize, entries }
}

/** The one row for these facts. */
export function classify(facts: LayoutFacts): (typeof layoutCases)[number] {
  return layoutCases.find((row) =>
    row.isDirectory === facts.isDirectory &&
    (row.hasSegmentName === 'any' || row.hasSegmentName === facts.hasSegmentName) &&
    (row.size === 'any' || row.size === facts.size))!
}

/**
 * The largest size that the names of all files are multiples of, since a crash only makes files shorter; where none is, the one
 * that most files have.
 */
function findSegmentSize(files: readonly { fromOffset: number; size: number }[]): number | undefined {
  const counts = new Map<number, number>()
  for (const { size } of files) if (size > 0) counts.set(size, (counts.get(size) ?? 0) + 1)
  const fitting = [...counts.keys()].filter((size) => files.every(({ fromOffset }) => fromOffset % size === 0))
  if (fitting.length > 0) return Math.max(...fitting)
  const [mostFrequent] = [...counts].sort(([leftSize, left], [rightSize, right]) => right - left || rightSize - leftSize)
  return mostFrequent?.[0]
}

function compareSize(size: number, segmentSize: number | undefined): LayoutFacts['size'] {
  if (size === 0) return 'empty'
  return size === segmentSize ? 'right' : size < segmentSize! ? 'short' : 'long'
}

function assertSizes(entries: readonly LayoutEntry[], segmentSize: number | undefined): void {
  let end = 0
  for (const { path, fromOffset, size, action } of entries) {
    if (action === 'ignored' || action === 'removed') continue
    if (action === 'refused' || fromOffset < end) {
      throw new StoreError(
        'ERR_SEGMENT_SIZE',
        `${path} has ${size} bytes and begins at ${fromOffset}, but the segments of this log have ${segmentSize} and the ` +
          `one before it ends at ${end}: a file of another store has been copied here. Move it away`,
        { file: path, offset: fromOffset },
      )
    }
    end = fromOffset + segmentSize!
  }
}

/**
 * Of a log in several directories, one that is not mounted leaves a hole, or takes the end: nobody is to write there.
 * @param confirmedOffset the log is known to have reached this
 * @throws ERR_LOG_MISSING
 */
export function assertComplete({ entries, segmentSize }: Layout, directories: readonly string[], confirmedOffset: number): void {
  if (directories.length === 1) return
  const segments = entries.filter(({ action }) => action === 'segment' || action === 'completed')
  let end = segments[0]?.fromOffset ?? 0
  for (const { fromOffset } of [...segments, { fromOffset: confirmedOffset }]) {
    if (fromOffset > end) {
      throw new StoreError(
        'ERR_LOG_MISSING',
        `the commit log lacks what begins at ${end}: one of its directories, ${directories.join(' or ')}, is not mounted or lacks ` +
          'files. Mount or restore it. Nothing has been changed',
        { offset: end },
      )
    }
    end = fromOffset + segmentSize!
  }
}
