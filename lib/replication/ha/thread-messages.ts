import type { ErrorDetails, ErrorCode } from '../../errors'
import type { StoreEvents } from '../../types'
import type { HaOptions, HaSecurity } from './context'

/** What the thread that serves slaves is given to begin with. */
export interface ThreadData {
  options: HaOptions
  tls: HaSecurity['tls']
  fileSize: number
  /** Where the log ended when its store became a master. */
  startOffset: number
  /** Two of {@link SharedLong}: where the log ends, and how many {@link FromThread} of acknowledgements have been taken. */
  memory: SharedArrayBuffer
  /** How long, in milliseconds, to do other things before looking again whether the log has grown, and to wait with acknowledgements. */
  pace: number
  files: LogFilesChange
}

/** A file of the log, by the offset of its first byte. */
export interface LogFile {
  path: string
  fromOffset: number
}

/** What the log has begun and deleted since the last time, or has in the beginning. */
export interface LogFilesChange {
  minOffset: number
  added: LogFile[]
}

export type ToThread = { files: LogFilesChange } | { stop: true }

export type FromThread =
  | { listening: string }
  | { failed: { code: ErrorCode; message: string; details: ErrorDetails } }
  | { warning: StoreEvents['warning'] }
  /** What replicas have, the newest of each. */
  | { acknowledged: [replica: string, offset: number][] }
  | { left: { replica: string; reason: string } }
