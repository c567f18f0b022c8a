import type { Readable, Writable } from 'node:stream'

/** What a command is connected to. */
export interface Terminal {
  stdin: Readable
  stdout: Writable
  stderr: Writable & { isTTY?: boolean }
  /** For a verb that has something to bring to an end: from the call on SIGINT and SIGTERM abort this, instead of the process. */
  catchInterrupt(): AbortSignal
}
