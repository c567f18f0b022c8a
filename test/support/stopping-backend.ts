import { StoreError } from '../../lib/errors'
import { selectBackend } from '../../lib/storage/backend'
import type { Backend } from '../../lib/storage/ports'

/** Calls that change what is on the disk, or say that it is there; a file that is opened anew is one more. */
const changes = new Set([
  'truncate', 'reserve', 'reserveAsync', 'write', 'rename', 'remove', 'removeDirectory', 'link', 'copyFile', 'copyRange',
  'sync', 'syncDirectory', 'syncFileSystem', 'makeDirectory', 'setModifiedTime',
])

/** The real backend, until `steps` changes to files have been made from the start on; whatever comes then does not happen, as when the machine stops. */
export function stoppingBackend(steps: number): { backend: Backend; start(): void; readonly isStopped: boolean } {
  const real = selectBackend('auto')
  let left = Infinity
  const count = (): void => {
    if (left-- <= 0) throw new StoreError('ERR_IO', 'the machine has stopped')
  }
  const files = new Proxy(real.files, {
    get(target, name: string) {
      const value = Reflect.get(target, name) as unknown
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        if (changes.has(name) || (name === 'open' && given[1] === 'create')) count()
        return (value as (...given: unknown[]) => unknown).apply(target, given)
      }
    },
  })
  return {
    backend: { name: real.name, capabilities: real.capabilities, files, mapper: real.mapper, crc32: real.crc32.bind(real) },
    start: () => {
      left = steps
    },
    get isStopped() { return left < 0 },
  }
}
