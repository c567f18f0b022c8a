import { inspect } from 'node:util'
import { StoreError, type ErrorCode, type ErrorDetails } from '../errors'
import type { Source } from './option-values'

/** An error about the option `key`; where a properties file set it, with the line that did. */
export function optionError(
  code: ErrorCode,
  what: string,
  details: ErrorDetails & { key: string },
  source?: Source,
): StoreError {
  if (source === undefined) return new StoreError(code, what, details)
  const { key, value, file, line } = source
  const placed: ErrorDetails & { line: number } = { ...details, key, value, file, line }
  return new StoreError(code, `${file}:${line}: ${what}`, placed)
}

export function invalidOption(key: string, value: unknown, allowed: string, source?: Source) {
  const what = `${source?.key ?? key} cannot be ${inspect(value)}: it takes ${allowed}.`
  return optionError('ERR_INVALID_OPTION', what, { key, value, allowed }, source)
}

export function unsupportedOption(key: string, value: unknown, reason: string, source?: Source) {
  const what = `${key} = ${inspect(value)} is not supported: ${reason}.`
  return optionError('ERR_UNSUPPORTED', what, { key, value, reason }, source)
}
