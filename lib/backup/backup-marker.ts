import { join } from 'node:path'
import { readCheckedJson, writeCheckedJson } from '../storage/checked-json'
import type { Backend } from '../storage/ports'

/** The file that makes a directory a backup; the engine passes over it, as a store does. */
export const MARKER_NAME = 'mqstore-backup.json'

/** Which file of the store a file of the backup was, when nobody wrote to it any more: the same one need not be copied again. */
export interface SealedFile {
  inode: number
  size: number
  /** Milliseconds; the copy has the same. */
  modifiedTime: number
}

export interface BackupMarker {
  /** Path of the store, without symbolic links. */
  store: string
  /** False until all files are there, on disk. */
  isWhole: boolean
  /** Milliseconds. */
  madeAt: number
  /** Commit log offset up to which the copy goes. */
  logEnd: number
  /** By their place in the backup. */
  sealed: Record<string, SealedFile>
}

/** @returns undefined for what is no backup */
export function readMarker(backend: Backend, directory: string): BackupMarker | undefined {
  const found = readCheckedJson(backend, join(directory, MARKER_NAME))
  return found === 'damaged' ? undefined : (found as BackupMarker | undefined)
}

export function writeMarker(backend: Backend, directory: string, marker: BackupMarker): Promise<void> {
  return writeCheckedJson(backend, join(directory, MARKER_NAME), marker)
}
