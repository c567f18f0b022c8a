import type { OpenOptions } from '../../lib/index'

/** Files that roll often, so that an ending meets every kind of work. */
export const storeOptions = {
  flushDiskType: 'SYNC_FLUSH',
  mappedFileSizeCommitLog: 32_768,
  mappedFileSizeConsumeQueue: 2000,
  maxHashSlotNum: 100,
  maxIndexNum: 500,
} satisfies OpenOptions
