import { selectBackend } from '../storage/backend'
import type { Backend } from '../storage/ports'
import type { OpenOptions } from '../types'

/** The backend that an open with these options has. */
export function backendOf(open: OpenOptions & { ports?: { backend?: Backend } }): Backend {
  return open.ports?.backend ?? selectBackend(open.backend ?? 'auto')
}
