import { join } from 'node:path'
import { indexFileSize } from '../format/index-layout'
import { logPathsOf, type ResolvedOptions } from '../options/options'

/** A directory of the store. */
export interface Place {
  path: string
  /** Whether segments of the commit log are made here; they may go elsewhere where there are several such places. */
  takesSegments: boolean
  /** Bytes that the next file takes which is made here. */
  nextFileBytes: number
}

/** Where a store may need room, the outermost first. */
export function placesOf(options: ResolvedOptions): Place[] {
  const root = options.storePathRootDir
  return [
    { path: root, takesSegments: false, nextFileBytes: 0 },
    ...logPathsOf(options).writable.map((path) => ({ path, takesSegments: true, nextFileBytes: options.mappedFileSizeCommitLog })),
    { path: join(root, 'consumequeue'), takesSegments: false, nextFileBytes: options.mappedFileSizeConsumeQueue },
    ...(options.messageIndexEnable ? [indexPlace(options)] : []),
  ]
}

function indexPlace({ storePathRootDir, maxHashSlotNum, maxIndexNum }: ResolvedOptions): Place {
  return { path: join(storePathRootDir, 'index'), takesSegments: false, nextFileBytes: indexFileSize(maxHashSlotNum, maxIndexNum) }
}
