import { fileError } from '../../lib/storage/node-file-system'
import type { Backend, Mapping } from '../../lib/storage/ports'

export const PAGE = 4096

/**
 * A backend on which some pages cannot be read: in a map they are zeros that the map tells of, a read of the file fails. Maps
 * are copies, so that the files stay as they are; `badPages` may change while a store runs, and holds for maps made from then on.
 */
export function withBadPages(backend: Backend, badPages: Map<string, number[]>): Backend {
  const paths = new Map<number, string>()
  const isBad = (descriptor: number, from: number, to: number): boolean =>
    (badPages.get(paths.get(descriptor)!) ?? []).some((page) => page * PAGE < to && from < (page + 1) * PAGE)
  const files = Object.create(backend.files) as Backend['files']
  files.open = (path, mode) => {
    const descriptor = backend.files.open(path, mode)
    paths.set(descriptor, path)
    return descriptor
  }
  files.read = (descriptor, target, targetOffset, length, position) => {
    if (isBad(descriptor, position, position + length)) {
      throw fileError('read', paths.get(descriptor)!, Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }), position)
    }
    return backend.files.read(descriptor, target, targetOffset, length, position)
  }
  return {
    name: backend.name,
    capabilities: backend.capabilities,
    crc32: backend.crc32.bind(backend),
    files,
    mapper: {
      map(descriptor, length, access) {
        const mapping = backend.mapper.map(descriptor, length, access)
        const pages = badPages.get(paths.get(descriptor)!) ?? []
        return pages.length === 0 ? mapping : copyWithout(mapping, pages)
      },
    },
  }
}

function copyWithout(mapping: Mapping, pages: readonly number[]): Mapping {
  const bytes = Buffer.from(mapping.bytes)
  for (const page of pages) bytes.fill(0, page * PAGE, Math.min((page + 1) * PAGE, bytes.length))
  return {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    findFault: (from, to) => pages.map((page) => page * PAGE).find((at) => at < to && from < at + PAGE),
    flush: async () => undefined,
    populate: () => undefined,
    unmap: () => mapping.unmap(),
  }
}
