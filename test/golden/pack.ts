import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packFiles, unpackFiles, type ArchivedFile } from '../support/golden-archive'
import { goldenStoresDirectory, type GoldenEntry, type GoldenSettings } from '../support/golden'

/**
 * `node build/test/golden/pack.js DIRECTORY` packs recorded stores (DIRECTORY holds KIND-VERSION/, each with
 * store/ and the four .ndjson files) into test/golden/stores/: one archive a kind, since the stores of a kind
 * were given the same messages, and the list of them.
 */

const settings: GoldenSettings = {
  mappedFileSizeCommitLog: 131072,
  mappedFileSizeConsumeQueue: 2000,
  maxHashSlotNum: 100,
  maxIndexNum: 400,
}
const settingsOfKind: Record<string, Partial<GoldenSettings>> = { bad: { maxMessageSize: 65536 } }

function filesBelow(root: string, path: string): ArchivedFile[] {
  const absolute = join(root, path)
  const status = statSync(absolute)
  if (!status.isDirectory())
    return [{ path, content: readFileSync(absolute), modifiedTime: Math.floor(status.mtimeMs) }]
  return readdirSync(absolute)
    .sort()
    .flatMap((name) => filesBelow(root, `${path}/${name}`))
}

function mustBeEqual(original: readonly ArchivedFile[], unpacked: readonly ArchivedFile[]): void {
  for (const [at, file] of original.entries()) {
    if (!file.content.equals(unpacked[at].content)) throw new Error(`${file.path} does not survive packing`)
  }
}

function pack(recorded: string): void {
  const names = readdirSync(recorded, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  const entries = names.map((name): GoldenEntry => {
    const dash = name.lastIndexOf('-')
    const kind = name.slice(0, dash)
    return {
      name,
      kind,
      version: name.slice(dash + 1),
      archive: `${kind}.br`,
      settings: { ...settings, ...settingsOfKind[kind] },
    }
  })
  mkdirSync(goldenStoresDirectory, { recursive: true })
  for (const archive of new Set(entries.map((entry) => entry.archive))) {
    const files = entries
      .filter((entry) => entry.archive === archive)
      .flatMap((entry) => filesBelow(recorded, entry.name))
    const packed = packFiles(files)
    mustBeEqual(files, unpackFiles(packed))
    writeFileSync(join(goldenStoresDirectory, archive), packed)
    console.error(`${archive}: ${packed.length} bytes`)
  }
  writeFileSync(
    join(goldenStoresDirectory, 'stores.json'),
    entries.map((entry, at) => `${at === 0 ? '[' : ' '}${JSON.stringify(entry)}`).join(',\n') + ']\n',
  )
}

const recorded = process.argv[2]
if (recorded === undefined) throw new Error('usage: pack.js DIRECTORY')
pack(recorded)
