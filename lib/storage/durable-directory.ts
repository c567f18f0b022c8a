import { dirname } from 'node:path'
import { StoreError } from '../errors'
import type { FileSystem } from './ports'

/**
 * Makes a directory and those above it, each durable before anything is put into it: a flush of what is inside says nothing of
 * the names that lead there. The name of one that is there already is flushed too, since whoever made it may have died first.
 */
export async function makeDurableDirectory(files: FileSystem, path: string): Promise<void> {
  const parent = dirname(path)
  if (files.status(path) === undefined) {
    await makeDurableDirectory(files, parent)
    files.makeDirectory(path)
  }
  try {
    await files.syncDirectory(parent)
  } catch (error) {
    // Whose content we may not even read was made by others, long before.
    if (!(error instanceof StoreError) || error.details.reason !== 'EACCES') throw error
  }
}
