import { StoreError, type ErrorCode } from '../errors'

/** What a failure means for the store. */
export function asStop(cause: Error): StoreError {
  if (!(cause instanceof StoreError) || cause.code === 'ERR_IO') {
    const details = cause instanceof StoreError ? cause.details : {}
    const { file } = details
    if (details.reason === 'EEXIST') {
      const message = `${file} is there already: another program uses the directory. Stop that, then open the store again`
      return new StoreError('ERR_FILE_REPLACED', message, { ...(file !== undefined && { file }) }, cause)
    }
    const message = `the store stopped: ${cause.message}. Look after the disk, close the store and open it again`
    return new StoreError('ERR_FLUSH_FAILED', message, { ...details, reason: cause.message }, cause)
  }
  return cause
}

/** For whoever writes from then on. */
export function stopped(code: ErrorCode, cause: StoreError): StoreError {
  return new StoreError(code, `the store has stopped: ${cause.message}`, cause.details, cause)
}

export function closed(directory: string): StoreError {
  return new StoreError('ERR_STORE_CLOSED', `the store in ${directory} is closed`)
}
