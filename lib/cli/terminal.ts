import type { Readable, Writable } from 'node:stream'
import type { Machine } from './machine'

/** What a command is connected to. */
export interface Terminal {
  stdin: Readable
  stdout: Writable & { isTTY?: boolean }
  stderr: Writable & { isTTY?: boolean }
  environment: Readonly<Record<string, string | undefined>>
  machine: Machine
  /** For a verb that has something to bring to an end: from the call on SIGINT and SIGTERM abort this, instead of the process. */
  catchInterrupt(): AbortSignal
}
