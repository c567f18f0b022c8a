import type { OpenOptions } from '../types'
import type { Arguments, VerbOption } from './arguments'
import type { ExitCode } from './exit-code'
import type { Output } from './output'
import type { Terminal } from './terminal'

/** What a verb is given to work with. */
export interface VerbContext {
  terminal: Terminal
  output: Output
  arguments: Arguments
  /** What `-c` and `--set` say; and an open shows its progress. */
  openOptions: OpenOptions
}

export interface Verb {
  name: string
  /** What stands behind the name, `DIR TOPIC [QUEUE]`: words in brackets may be left out. */
  operands: string
  summary: string
  options: readonly VerbOption[]
  example: string
  /** Lines about exit codes that mean something particular here. */
  exits?: string
  run(context: VerbContext): Promise<ExitCode>
}
