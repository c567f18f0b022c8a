import { selectBackend } from '../../lib/storage/backend'
import type { Backend, Mapping } from '../../lib/storage/ports'

/** What of the disk is to fail; changed while a store runs. */
export interface Faults {
  /** A flush of a map. */
  flush?: Error
  /** A flush of a file. */
  sync?: Error
  reserve?: Error
  /** A write to a file whose path this matches. */
  write?: { path: RegExp; error: Error }
  /** Called before each flush of a map. */
  beforeFlush?(): Promise<void>
}

/** The real backend, with faults. */
export function faultyBackend(faults: Faults): Backend {
  const real = selectBackend('auto')
  const paths = new Map<number, string>()
  const files = Object.create(real.files) as Backend['files']
  files.open = (path, mode) => {
    const descriptor = real.files.open(path, mode)
    paths.set(descriptor, path)
    return descriptor
  }
  files.reserve = (descriptor, length) => {
    if (faults.reserve !== undefined) throw faults.reserve
    real.files.reserve(descriptor, length)
  }
  files.reserveAsync = async (descriptor, length) => {
    if (faults.reserve !== undefined) throw faults.reserve
    await real.files.reserveAsync(descriptor, length)
  }
  files.write = (descriptor, ...rest) => {
    if (faults.write?.path.test(paths.get(descriptor) ?? '')) throw faults.write.error
    real.files.write(descriptor, ...rest)
  }
  files.sync = async (descriptor) => {
    if (faults.sync !== undefined) throw faults.sync
    await real.files.sync(descriptor)
  }
  return {
    name: real.name,
    capabilities: real.capabilities,
    files,
    crc32: real.crc32.bind(real),
    mapper: {
      map: (descriptor, length, access) => {
        const mapping = real.mapper.map(descriptor, length, access)
        const faulty = Object.create(mapping) as Mapping
        faulty.flush = async (from, to) => {
          await faults.beforeFlush?.()
          if (faults.flush !== undefined) throw faults.flush
          await mapping.flush(from, to)
        }
        faulty.populate = (from, to, inSinglePages) => mapping.populate(from, to, inSinglePages)
        faulty.unmap = () => mapping.unmap()
        return faulty
      },
    },
  }
}
