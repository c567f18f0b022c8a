/** What an open looks at before it decides where to begin. */
export interface RecoveryFacts {
  /** The commit log has a segment. */
  hasLog: boolean
  /** Some queue has an entry. */
  hasQueues: boolean
  /** The last one to write closed the store: there is no `abort`. */
  isClean: boolean
  /** The index directory is there with all its files, or no index is kept. */
  hasIndex: boolean
  /** Every queue file has its size, and every queue of the last close is there. */
  queuesAreWhole: boolean
}

/** Where recovery begins to look at the log. */
export type ScanStart =
  | 'nothing'
  | 'refuse'
  /** The segment in which the queues end. */
  | 'queues-end'
  /** The newest segment that begins before the checkpoint's time. */
  | 'checkpoint'
  | 'log-start'

export interface RecoveryCase {
  label: string
  when: { [fact in keyof RecoveryFacts]: boolean | 'any' }
  scan: ScanStart
  story: string
}

/**
 * Recovery as one table; exactly one row matches any facts, which a test holds it to. What the scan then
 * finds (torn tail, damage, queues ahead or behind) is handled the same way in all rows.
 */
export const recoveryCases: readonly RecoveryCase[] = [
  {
    label: '@fresh',
    when: { hasLog: false, hasQueues: false, isClean: 'any', hasIndex: 'any', queuesAreWhole: 'any' },
    scan: 'nothing',
    story: 'a new directory, or one that has never had a message',
  },
  {
    label: '@log-missing',
    when: { hasLog: false, hasQueues: true, isClean: 'any', hasIndex: 'any', queuesAreWhole: 'any' },
    scan: 'refuse',
    story: 'queues without a log: its disk is not mounted, or it was moved (the engine destroys all queues)',
  },
  {
    label: '@clean',
    when: { hasLog: true, hasQueues: true, isClean: true, hasIndex: true, queuesAreWhole: true },
    scan: 'queues-end',
    story: 'closed in order: only what lies behind the queues is looked at',
  },
  {
    label: '@clean-index-missing',
    when: { hasLog: true, hasQueues: true, isClean: true, hasIndex: false, queuesAreWhole: true },
    scan: 'log-start',
    story: 'closed in order, but the index, or a file of it, is gone: it is made again (the engine goes on without)',
  },
  {
    label: '@clean-queue-damaged',
    when: { hasLog: true, hasQueues: true, isClean: true, hasIndex: 'any', queuesAreWhole: false },
    scan: 'log-start',
    story: 'closed in order, but a queue is gone or has a file of the wrong size, or their list is damaged: made again from the log (the engine refuses, or never does)',
  },
  {
    label: '@clean-queues-missing',
    when: { hasLog: true, hasQueues: false, isClean: true, hasIndex: 'any', queuesAreWhole: 'any' },
    scan: 'log-start',
    story: 'all queues are gone: made again from the log',
  },
  {
    label: '@crash',
    when: { hasLog: true, hasQueues: true, isClean: false, hasIndex: true, queuesAreWhole: true },
    scan: 'checkpoint',
    story: 'a crash: what the checkpoint does not vouch for is read from the disk and dispatched again',
  },
  {
    label: '@crash-index-missing',
    when: { hasLog: true, hasQueues: true, isClean: false, hasIndex: false, queuesAreWhole: true },
    scan: 'log-start',
    story: 'a crash, and the index, or a file of it, is gone',
  },
  {
    label: '@crash-queue-damaged',
    when: { hasLog: true, hasQueues: true, isClean: false, hasIndex: 'any', queuesAreWhole: false },
    scan: 'log-start',
    story: 'a crash, and a queue is gone or has a file of the wrong size, or their list is damaged',
  },
  {
    label: '@crash-queues-missing',
    when: { hasLog: true, hasQueues: false, isClean: false, hasIndex: 'any', queuesAreWhole: 'any' },
    scan: 'log-start',
    story: 'a crash before any queue reached the disk, or the queues are gone',
  },
]

export function matches(row: RecoveryCase, facts: RecoveryFacts): boolean {
  return (Object.keys(facts) as (keyof RecoveryFacts)[]).every(
    (fact) => row.when[fact] === 'any' || row.when[fact] === facts[fact],
  )
}

export function chooseCase(facts: RecoveryFacts): RecoveryCase {
  return recoveryCases.find((row) => matches(row, facts))!
}
