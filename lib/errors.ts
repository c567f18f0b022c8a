/**
 * Every code that a {@link StoreError} can carry, in the order of a store's life.
 * API.md has a line for each that says what to do.
 */
export const errorCodes = [
  // opening
  'ERR_UNKNOWN_OPTION',
  'ERR_INVALID_OPTION',
  'ERR_UNKNOWN_PROPERTY',
  'ERR_NOT_A_STORE',
  'ERR_LOG_MISSING',
  'ERR_SEGMENT_SIZE',
  'ERR_LOCKED',
  'ERR_UNSUPPORTED',
  'ERR_BACKEND_UNAVAILABLE',
  'ERR_OPEN_ABORTED',
  // running
  'ERR_INVALID_ARGUMENT',
  'ERR_STORE_CLOSED',
  'ERR_READ_ONLY',
  'ERR_NOT_WRITABLE',
  'ERR_NOT_READABLE',
  'ERR_DISK_FULL',
  'ERR_FLUSH_FAILED',
  'ERR_FILE_REPLACED',
  'ERR_IO',
  'ERR_DISPATCHER_FAILED',
  'ERR_BACKUP_TARGET',
  // replicating
  'ERR_LISTEN_FAILED',
  'ERR_NOT_A_SLAVE',
  'ERR_DIVERGED',
  'ERR_OFFSET_UNAVAILABLE',
  // reading
  'ERR_CORRUPT',
  'ERR_RESULT_RELEASED',
  'ERR_READ_REVOKED',
  'ERR_CODEC_UNAVAILABLE',
] as const

/** One of {@link errorCodes}. */
export type ErrorCode = (typeof errorCodes)[number]

/** Something that holds up messages. */
export interface Pressure {
  /**
   * `diskFull`: a volume has no room. `diskSlow`: a flush takes long. `flushBehind`: messages are not on the disk by the time
   * that the options promise. `replicaBehind`: `put` waits for replicas, and they do not have the messages.
   */
  reason: 'diskFull' | 'diskSlow' | 'flushBehind' | 'replicaBehind'
  /** The same in words, with what to do where something can be done. */
  message: string
  /** Milliseconds. */
  since: number
  /** What has to go from the volume; what the flush is about; what is not on the disk; what too few replicas have. */
  bytes: number
  /** For `diskFull`: what of the store lies on the volume. */
  paths?: readonly string[]
}

/** What an error knows beyond its text; which fields are present depends on its code. */
export interface ErrorDetails {
  /** The file concerned. */
  file?: string
  /** Byte offset: in the commit log for log damage, in the file otherwise. */
  offset?: number
  /** Why the bytes were refused. */
  reason?: string
  /** `ERR_DIVERGED`: where the log of this store ends. */
  ownOffset?: number
  /** `ERR_DIVERGED`: the first offset at which the log of the other store is known to differ, or at which it ends. */
  otherOffset?: number
  /** Where valid records resume, or -1 where none do. */
  resumeOffset?: number
  /** How many bytes cannot be read. */
  unreadableBytes?: number
  /** Line of a properties file; 1 for the first. */
  line?: number
  /** The option or property concerned. */
  key?: string
  /** The value that was refused. */
  value?: unknown
  /** What would have been accepted. */
  allowed?: string
  /** The process that holds the directory, where the system tells. */
  holder?: string
  /** What held up messages when one was refused. */
  pressure?: readonly Pressure[]
}

const mark = Symbol.for('mqstore.StoreError')

/** Every error that the library throws on purpose: a `code`, what happened and what to do about it. */
export class StoreError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'StoreError'
    this.code = code
    this.details = details
    Object.defineProperty(this, mark, { value: true })
  }
}

/** Tells a {@link StoreError} from other errors, also across two installed copies of the library. */
export function isStoreError(error: unknown): error is StoreError {
  return typeof error === 'object' && error !== null && mark in error
}

/** @throws ERR_INVALID_ARGUMENT for what is no safe integer */
export function assertWhole(what: string, value: number): void {
  if (Number.isSafeInteger(value)) return
  throw new StoreError('ERR_INVALID_ARGUMENT', `${what} is a whole number, not ${String(value)}`, { value })
}

/** The errno name (`ENOSPC`) of a system error, or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && !isStoreError(error) ? code : undefined
}
