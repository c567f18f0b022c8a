import { buf as crc32 } from 'crc-32'
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { StoreError } from '../errors'
import { viewOf } from '../format/bytes'
import { NodeFileSystem, fileError } from './node-file-system'
import type { Backend, Mapper, Mapping } from './ports'

const synchronizeData = promisify(fs.fdatasync)

/** What is used of the package `mmap-io`, which is optional and brings types that do not fit its exports. */
export interface MmapIo {
  readonly PROT_READ: number
  readonly PROT_WRITE: number
  readonly MAP_SHARED: number
  map(size: number, protection: number, flags: number, descriptor: number): Buffer
}

/** For platforms without our addon: no unmapping on demand, no operating-system lock, reserving by writing. */
export function createMmapIoBackend(mmapIo: MmapIo): Backend {
  const files = new NodeFileSystem()
  return {
    name: 'mmap-io',
    capabilities: new Set(['shared-paths']),
    files,
    mapper: new MmapIoMapper(mmapIo, files),
    crc32: (bytes, from, to) => crc32(bytes.subarray(from, to)) >>> 0,
  }
}

class MmapIoMapper implements Mapper {
  constructor(
    private readonly mmapIo: MmapIo,
    private readonly files: NodeFileSystem,
  ) {}

  map(descriptor: number, length: number, access: 'read' | 'write'): Mapping {
    const { mmapIo } = this
    const path = this.files.pathOf(descriptor)
    const protection = access === 'write' ? mmapIo.PROT_READ | mmapIo.PROT_WRITE : mmapIo.PROT_READ
    const own = openAgain(path, descriptor, access)
    try {
      return new MmapIoMapping(path, own, mmapIo.map(length, protection, mmapIo.MAP_SHARED, own))
    } catch (error) {
      fs.closeSync(own)
      throw fileError('map', path, error)
    }
  }
}

/**
 * The owner may close its descriptor while the map lives, and Node cannot duplicate one: the map gets its own.
 * It is opened now rather than for each flush, since only a descriptor that was open all along is sure to be
 * told of a failed write-back.
 */
function openAgain(path: string, descriptor: number, access: 'read' | 'write'): number {
  let own: number
  try {
    own = fs.openSync(path, access === 'write' ? 'r+' : 'r')
  } catch (error) {
    throw fileError('map', path, error)
  }
  const opened = fs.fstatSync(own)
  const expected = fs.fstatSync(descriptor)
  if (opened.dev !== expected.dev || opened.ino !== expected.ino) {
    fs.closeSync(own)
    throw new StoreError('ERR_FILE_REPLACED', `cannot map ${path}: another file has taken its name`, { file: path })
  }
  return own
}

const noBytes = Buffer.alloc(0)
const noView = new DataView(new ArrayBuffer(0))

class MmapIoMapping implements Mapping {
  private currentBytes: Buffer
  private currentView: DataView
  private readonly flushes = new Set<Promise<void>>()

  constructor(
    private readonly path: string,
    private readonly descriptor: number,
    bytes: Buffer,
  ) {
    this.currentBytes = bytes
    this.currentView = viewOf(bytes)
  }

  get bytes(): Buffer {
    return this.currentBytes
  }

  get view(): DataView {
    return this.currentView
  }

  /** Of the whole file: `mmap-io` flushes a range on the main thread only. */
  async flush(_from: number, _to: number): Promise<void> {
    if (this.isUnmapped) throw fileError('flush', this.path, new Error('the file is no longer mapped'))
    const flush = synchronizeData(this.descriptor)
    this.flushes.add(flush)
    try {
      await flush
    } catch (error) {
      throw fileError('flush', this.path, error)
    } finally {
      this.flushes.delete(flush)
    }
  }

  populate(): void {
    // Without a call for it, touching pages here would cost the writer what it is to be spared.
  }

  /** Lets go of the pages; they stay mapped until the garbage collector has found every view of them. */
  unmap(): void {
    if (this.isUnmapped) return
    this.currentBytes = noBytes
    this.currentView = noView
    // Every flush has told its own caller how it went; closing has nothing to add.
    void Promise.allSettled(this.flushes).then(() => fs.close(this.descriptor, () => {}))
  }

  private get isUnmapped(): boolean {
    return this.currentBytes === noBytes
  }
}
