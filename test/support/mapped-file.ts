import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Backend, Mapping } from '../../lib/storage/ports'

/** Calls back with a map of a file in `directory` that holds just `content`: the map is gone behind it. */
export async function withMapped(backend: Backend, directory: string, content: Uint8Array, use: (mapping: Mapping) => Promise<void>): Promise<void> {
  const path = join(directory, 'mapped')
  writeFileSync(path, content)
  const descriptor = openSync(path, 'r+')
  const mapping = backend.mapper.map(descriptor, content.length, 'write')
  try {
    await use(mapping)
  } finally {
    mapping.unmap()
    closeSync(descriptor)
  }
}
