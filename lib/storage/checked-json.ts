import { dirname } from 'node:path'
import type { Backend } from './ports'
import { readWholeFile, replaceWholeFile } from './whole-file'

/** Bytes; nothing that is kept so is as long. */
const LENGTH_MAX = 1 << 28

/** Writes a value as a line of JSON and one of its CRC-32, durably; a crash leaves what was there before, or this. */
export async function writeCheckedJson(backend: Backend, path: string, value: object): Promise<void> {
  const { files } = backend
  const content = Buffer.from(JSON.stringify(value))
  const bytes = Buffer.concat([content, Buffer.from(`\n${backend.crc32(content, 0, content.length)}\n`)])
  await replaceWholeFile(files, path, `${path}.draft`, bytes)
  await files.syncDirectory(dirname(path))
}

/** @returns undefined where there is none, and `damaged` where it is not as it was written. @throws ERR_IO where it cannot be read */
export function readCheckedJson(backend: Backend, path: string): object | 'damaged' | undefined {
  const { files } = backend
  const size = files.status(path)?.size
  if (size === undefined) return undefined
  if (size > LENGTH_MAX) return 'damaged'
  const bytes = readWholeFile(files, path, size)
  const end = bytes.indexOf('\n')
  const isWhole = end >= 0 && bytes.toString('latin1', end) === `\n${backend.crc32(bytes, 0, end)}\n`
  return isWhole ? (JSON.parse(bytes.toString('utf8', 0, end)) as object) : 'damaged'
}
