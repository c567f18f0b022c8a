import type { Damage } from '../types'

/** Where the bytes of a log that another store sent were no continuation of this one. */
export interface Divergence {
  /** Where this store's log ends. */
  ownOffset: number
  /** The first offset at which the two logs are known to differ, or at which the other one ends. */
  otherOffset: number
  reason: string
}

/** What became of bytes that were taken. */
export interface Intake {
  /** Everything below is in whole records that were checked, and can be read. */
  verifiedOffset: number
  /** Damaged ranges of the sender's log that were copied as they are, and stepped over. */
  damage: readonly Damage[]
}

/**
 * The log of a store as whoever replicates it sees it: bytes by their offset. The store hands it to its transport, the HA protocol
 * over TCP or one that an embedder brings.
 */
export interface ReplicatedLog {
  /** Offset of the first byte that is kept. */
  readonly minOffset: number
  /** Behind the last whole record: what may be read, and on a slave what was checked. */
  readonly maxOffset: number
  /** Everything below is on the disk. */
  readonly flushedOffset: number
  /** Bytes of a file. A replica that has nothing begins at the start of the last one. */
  readonly fileSize: number
  /** Number of the mastership under which the log grows; it only goes up. The HA protocol does not tell it. */
  readonly epoch: number

  /**
   * Copies what the log has from `offset` on into `target`, as much as fits and as one file holds.
   * @returns how many bytes; 0 at the end of the log
   * @throws ERR_OFFSET_UNAVAILABLE below the first and beyond the last offset, ERR_IO where the disk does not provide it
   */
  read(offset: number, target: Uint8Array): number

  /** Calls `listener`, at most once per turn of the event loop, after the log has grown. @returns what ends that */
  onGrowth(listener: () => void): () => void

  /**
   * Slave: where to have the master begin, so that append() can tell whether its log is this one: 1 MiB before the end, or at the start of
   * the last file where that lies behind. 0 while nothing is there.
   */
  readonly resumeOffset: number
  /**
   * Slave: takes bytes that follow those taken before; they may be cut anywhere. The first ones since cutBack() may begin anywhere
   * in the log, and at any start of a file where the log is empty. What lies below `maxOffset` is compared with what is there.
   * @throws ERR_DIVERGED where they are no continuation; ERR_CORRUPT where something in them is no record, the first time: cutBack(), and
   *   have them sent again from `resumeOffset`, and what comes the same then is damage of the sender's log; ERR_SEGMENT_SIZE where the
   *   sender's files have another size; ERR_NOT_A_SLAVE, ERR_DISK_FULL, ERR_STORE_CLOSED
   */
  append(offset: number, bytes: Uint8Array): Intake
  /** Slave: forgets what was taken and is no whole record yet, for instance when the connection is lost. */
  cutBack(): void
  /** Resolves once everything below `offset` is on the disk. */
  flush(offset: number): Promise<void>

  /**
   * Master: `replica`, which counts as connected from the first call on, has everything below `offset`, as durably as it promises.
   * @throws ERR_OFFSET_UNAVAILABLE beyond the end of the log: it is to be disconnected. ERR_STORE_CLOSED
   */
  acknowledge(replica: string, offset: number): void
  /** Master: `replica` is there no more. Idempotent. */
  leave(replica: string, reason: string): void
}
