import { isStoreError, type ErrorCode } from '../errors'

/** What the process tells its caller, see docs/operations.md. */
export const ExitCode = { fine: 0, findings: 1, usage: 2, locked: 3, failed: 4 } as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** Ends a verb with a message on how it is called. */
export class UsageError extends Error {}

/** These codes blame what was asked for; all others the directory or the machine. */
const usageCodes: ReadonlySet<ErrorCode> = new Set([
  'ERR_UNKNOWN_OPTION', 'ERR_INVALID_OPTION', 'ERR_UNKNOWN_PROPERTY', 'ERR_INVALID_ARGUMENT',
])

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return ExitCode.usage
  if (!isStoreError(error)) return ExitCode.failed
  if (error.code === 'ERR_LOCKED') return ExitCode.locked
  // An option that asks for too much carries its key; a directory that needs too much does not.
  const isOption = usageCodes.has(error.code) || (error.code === 'ERR_UNSUPPORTED' && error.details.key !== undefined)
  return isOption ? ExitCode.usage : ExitCode.failed
}
