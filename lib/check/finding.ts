/** What a repair does about a finding. */
export type RepairAction =
  /** What is lost cannot be made again, or only its owner can say what to do. */
  | 'none'
  /** Opening the store for writing puts it right, and loses nothing. */
  | 'open'
  /** The bytes are copied to quarantine, then opening the store takes them out. */
  | 'copy-and-open'
  /** The file is moved to quarantine. */
  | 'move'
  | 'rebuild-queues'
  | 'rebuild-index'
  /** The file is moved to quarantine, and both are made again. */
  | 'rebuild-all'

/** Each kind of finding with what repair does about it. */
export const findingKinds = {
  'foreign-file': { action: 'move', repair: 'moves it to quarantine' },
  'segment-misplaced': { action: 'move', repair: 'moves it to quarantine' },
  'segment-short': { action: 'open', repair: 'opening fills it up with zeros' },
  'segment-empty': { action: 'open', repair: 'opening removes it' },
  'log-missing': { action: 'none', repair: 'nothing: mount or restore the commit log' },
  'log-damage': { action: 'none', repair: 'nothing: the bytes stay as they are, and what is behind them can be read' },
  'stale-bytes': { action: 'copy-and-open', repair: 'copies them to quarantine; opening writes zeros over them' },
  'queue-file-size': { action: 'rebuild-queues', repair: 'moves the queues to quarantine; opening makes them again from the log' },
  'queue-entry-wrong': { action: 'rebuild-queues', repair: 'moves the queues to quarantine; opening makes them again from the log' },
  'queue-entry-missing': { action: 'rebuild-queues', repair: 'moves the queues to quarantine; opening makes them again from the log' },
  'queue-entry-taken': { action: 'none', repair: 'nothing: the message stays in the log, found by its id and keys only' },
  'queue-disagreement': { action: 'none', repair: 'nothing: the queue still leads to the message, and a rebuild would believe the message' },
  'queue-behind': { action: 'open', repair: 'opening adds what is missing' },
  'queue-ahead': { action: 'copy-and-open', repair: 'copies the file to quarantine; opening clears the entries' },
  'index-size': { action: 'none', repair: 'nothing: give maxHashSlotNum and maxIndexNum as the store has them, or rebuild the index' },
  'index-file-size': { action: 'rebuild-index', repair: 'moves the index to quarantine; opening makes it again from the log' },
  'index-header-wrong': { action: 'rebuild-index', repair: 'moves the index to quarantine; opening makes it again from the log' },
  'index-slots-wrong': { action: 'rebuild-index', repair: 'moves the index to quarantine; opening makes it again from the log' },
  'index-entry-wrong': { action: 'rebuild-index', repair: 'moves the index to quarantine; opening makes it again from the log' },
  'index-key-missing': { action: 'rebuild-index', repair: 'moves the index to quarantine; opening makes it again from the log' },
  'index-behind': { action: 'open', repair: 'opening adds what is missing' },
  'manifest-damaged': {
    action: 'rebuild-all', repair: 'moves it, queues and index to quarantine; opening makes them again from the log, also queues that were deleted',
  },
  'checkpoint-short': { action: 'open', repair: 'opening writes it anew' },
} as const satisfies Record<string, { action: RepairAction; repair: string }>

export type FindingKind = keyof typeof findingKinds

export interface Finding {
  kind: FindingKind
  file: string
  /** Commit log offset for what is in the log, position in the file otherwise. */
  offset: number
  what: string
  bytes: number
}

/** Takes findings as they are found. */
export type Report = (finding: Finding) => void
