import { buf as crc32InJavaScript } from 'crc-32'
import * as fs from 'node:fs'
import type { RecordFields } from '../format/record'
import { NodeFileSystem, fileError } from './node-file-system'
import type { Backend, ByteRange, Capability, Mapper, Mapping, RecordScan, RecordWriter } from './ports'
import { recordRowsIn } from './record-block'
import type { RecordRows } from './record-rows'

/** The exports of native/napi/addon.cc; those that may be missing are for Linux only. */
export interface NativeAddon {
  map(descriptor: number, length: number, writable: boolean): ArrayBuffer
  unmap(arrayBuffer: ArrayBuffer): void
  flush(arrayBuffer: ArrayBuffer, from: number, to: number): Promise<void>
  crc32(bytes: Uint8Array, from: number, to: number): number
  chainEntries(slots: Int32Array, dirtyPages: Uint8Array, words: Int32Array, from: number, count: number, number: number): number
  /** These three: see native/napi/record_writer.h. */
  registers: Float64Array
  recordTarget(arrayBuffer: ArrayBuffer, frame: Uint8Array, hosts: Uint8Array): object
  writeRecord(target: object, body: Uint8Array): void
  /** These three: see native/napi/record_scan.h. */
  recordScan(checkCRC: boolean): ArrayBuffer
  scanRecords(scan: ArrayBuffer, arrayBuffer: ArrayBuffer, from: number, to: number, logOffset: number, block: number): Promise<void>
  scanRecordsNow(scan: ArrayBuffer, arrayBuffer: ArrayBuffer, from: number, to: number, logOffset: number): void
  populate?(arrayBuffer: ArrayBuffer, from: number, to: number, inSinglePages: boolean): void
  readAhead?(arrayBuffer: ArrayBuffer, from: number, to: number): Promise<void>
  unload?(arrayBuffer: ArrayBuffer, from: number, to: number): void
  reserve?(descriptor: number, length: number): void
  reserveAsync?(descriptor: number, length: number): Promise<void>
  syncFileSystem?(descriptor: number): Promise<void>
  /** 0 when taken, else the process that holds it, or -1 where that is not known. */
  tryLock?(descriptor: number): number
  /** Begins and ends. */
  dataRanges?(descriptor: number, from: number, size: number): Float64Array
  dropCache?(descriptor: number, from: number, to: number): void
  /** The start of the first page of the range that faulted, or -1. */
  findFault?(arrayBuffer: ArrayBuffer, from: number, to: number): number
  /** How many pages have faulted in this process: one number, which changes by itself. */
  faultCount?: Int32Array
}

/**
 * Calling into the addon costs about 45 ns, after which it does 16 bytes a nanosecond; `crc-32` does 2.3, and
 * wants a view made first. Measured on an AMD EPYC with Node 20, addon against `crc-32`: 49 ns and 41 at 16
 * bytes, 55 and 59 at 32, 59 and 95 at 128, 114 and 490 at 1024.
 */
const shortestForHardware = 32

/** The full backend: what Node's calls lack comes from the addon in native/. */
export function createNativeBackend(addon: NativeAddon): Backend {
  const files = new NativeFileSystem(addon)
  const capabilities = new Set<Capability>(['unmap', 'range-flush', 'shared-paths'])
  if (addon.tryLock !== undefined) capabilities.add('lock')
  if (addon.reserve !== undefined) capabilities.add('reserve')
  if (addon.populate !== undefined) capabilities.add('populate')
  if (addon.findFault !== undefined) capabilities.add('guard')
  return {
    name: 'native',
    capabilities,
    files,
    mapper: new NativeMapper(addon, files),
    crc32(bytes, from, to) {
      return to - from < shortestForHardware
        ? crc32InJavaScript(bytes.subarray(from, to)) >>> 0
        : addon.crc32(bytes, from, to)
    },
    recordScan: (checkCRC) => new NativeRecordScan(addon, checkCRC),
    chainEntries: addon.chainEntries,
  }
}

class NativeFileSystem extends NodeFileSystem {
  /** Undefined where the addon has no such call, as the port wants it. */
  readonly syncFileSystem?: (path: string) => Promise<void>

  constructor(private readonly addon: NativeAddon) {
    super()
    const { syncFileSystem } = addon
    if (syncFileSystem !== undefined) this.syncFileSystem = (path) => this.syncFileSystemOf(path, syncFileSystem)
  }

  override reserve(descriptor: number, length: number): void {
    const { reserve } = this.addon
    if (reserve === undefined) return super.reserve(descriptor, length)
    this.attemptOn('reserve', descriptor, () => reserve(descriptor, length))
  }

  override async reserveAsync(descriptor: number, length: number): Promise<void> {
    const { reserveAsync } = this.addon
    if (reserveAsync === undefined) return super.reserveAsync(descriptor, length)
    try {
      await reserveAsync(descriptor, length)
    } catch (error) {
      throw fileError('reserve', this.pathOf(descriptor), error)
    }
  }

  override tryLock(descriptor: number, path: string): string | undefined {
    const { tryLock } = this.addon
    if (tryLock === undefined) return super.tryLock(descriptor, path)
    const holder = this.attemptOn('lock', descriptor, () => tryLock(descriptor))
    if (holder === 0) return undefined
    return describeProcess(holder > 0 ? holder : findLockHolder(path))
  }

  override dataRanges(descriptor: number, from: number, size: number): ByteRange[] {
    const { dataRanges } = this.addon
    if (dataRanges === undefined) return super.dataRanges(descriptor, from, size)
    const bounds = this.attemptOn('look for data in', descriptor, () => dataRanges(descriptor, from, size))
    return Array.from({ length: bounds.length / 2 }, (_, index) => ({ from: bounds[2 * index]!, to: bounds[2 * index + 1]! }))
  }

  override dropCache(descriptor: number, from: number, to: number): void {
    const { dropCache } = this.addon
    if (dropCache === undefined) return super.dropCache(descriptor, from, to)
    this.attemptOn('drop the cache of', descriptor, () => dropCache(descriptor, from, to))
  }

  private async syncFileSystemOf(path: string, syncFileSystem: (descriptor: number) => Promise<void>): Promise<void> {
    const descriptor = this.open(path, 'read')
    try {
      await syncFileSystem(descriptor)
    } catch (error) {
      throw fileError('flush the file system of', path, error)
    } finally {
      this.close(descriptor)
    }
  }
}

/**
 * V8 counts a map's length as memory of its own. One of a gigabyte therefore starts a garbage collection
 * when it is made, which costs in proportion to the heap: map ahead of need.
 */
class NativeMapper implements Mapper {
  constructor(
    private readonly addon: NativeAddon,
    private readonly files: NodeFileSystem,
  ) {}

  map(descriptor: number, length: number, access: 'read' | 'write'): Mapping {
    const path = this.files.pathOf(descriptor)
    try {
      return new NativeMapping(this.addon, path, this.addon.map(descriptor, length, access === 'write'))
    } catch (error) {
      throw fileError('map', path, error)
    }
  }
}

/** Of a platform without a guard, where the first fault ends the process. */
const noFaults = new Int32Array(1)

class NativeMapping implements Mapping {
  readonly bytes: Buffer
  readonly view: DataView
  private readonly faultCount: Int32Array
  /** How many faults the process had when this map had none. */
  private faultsElsewhere: number

  constructor(
    private readonly addon: NativeAddon,
    private readonly path: string,
    private readonly arrayBuffer: ArrayBuffer,
  ) {
    this.bytes = Buffer.from(arrayBuffer)
    this.view = new DataView(arrayBuffer)
    this.faultCount = addon.faultCount ?? noFaults
    this.faultsElsewhere = this.faultCount[0]!
  }

  async flush(from: number, to: number): Promise<void> {
    try {
      await this.addon.flush(this.arrayBuffer, from, to)
    } catch (error) {
      throw fileError('flush', this.path, error)
    }
  }

  populate(from: number, to: number, inSinglePages: boolean): void {
    try {
      this.addon.populate?.(this.arrayBuffer, from, to, inSinglePages)
    } catch (error) {
      throw fileError('populate', this.path, error)
    }
  }

  readAhead(from: number, to: number): Promise<void> | undefined {
    return this.addon.readAhead?.(this.arrayBuffer, from, to)
  }

  unload(from: number, to: number): void {
    this.addon.unload?.(this.arrayBuffer, from, to)
  }

  findFault(from: number, to: number): number | undefined {
    const faults = this.faultCount[0]!
    if (faults === this.faultsElsewhere) return undefined
    const found = this.addon.findFault!(this.arrayBuffer, from, to)
    if (found >= 0) return found
    if (this.addon.findFault!(this.arrayBuffer, 0, this.bytes.length) < 0) this.faultsElsewhere = faults
    return undefined
  }

  recordWriter(frame: Uint8Array): RecordWriter {
    return new NativeRecordWriter(this.addon, this.arrayBuffer, frame)
  }

  unmap(): void {
    this.addon.unmap(this.arrayBuffer)
  }
}

/** The other side of native/napi/record_scan.cc, whose two blocks of rows are filled in turn. */
class NativeRecordScan implements RecordScan {
  readonly #addon: NativeAddon
  readonly #scan: ArrayBuffer
  readonly #blocks: readonly RecordRows[]
  #turn = 0

  constructor(addon: NativeAddon, checkCRC: boolean) {
    this.#addon = addon
    this.#scan = addon.recordScan(checkCRC)
    const length = this.#scan.byteLength / 2
    this.#blocks = [0, length].map((from) => recordRowsIn(this.#scan, from))
  }

  async scan({ bytes }: Mapping, from: number, to: number, logOffset: number): Promise<RecordRows> {
    const turn = (this.#turn = 1 - this.#turn)
    await this.#addon.scanRecords(this.#scan, bytes.buffer as ArrayBuffer, from, to, logOffset, turn)
    return this.#blocks[turn]!
  }

  scanNow({ bytes }: Mapping, from: number, to: number, logOffset: number): RecordRows {
    this.#addon.scanRecordsNow(this.#scan, bytes.buffer as ArrayBuffer, from, to, logOffset)
    return this.#blocks[0]!
  }
}

const HOST_LENGTH_MAX = 20

/** The other side of native/napi/record_writer.cc: a register costs a store, an argument of a call several times as much. */
class NativeRecordWriter implements RecordWriter {
  readonly #addon: NativeAddon
  readonly #registers: Float64Array
  // A buffer of its own: the memory of a short array made otherwise is moved by the garbage collector.
  readonly #hosts = new Uint8Array(new ArrayBuffer(2 * HOST_LENGTH_MAX))
  #bornHost: Uint8Array | undefined
  #storeHost: Uint8Array | undefined
  readonly #target: object

  constructor(addon: NativeAddon, arrayBuffer: ArrayBuffer, frame: Uint8Array) {
    this.#addon = addon
    this.#registers = addon.registers
    this.#target = addon.recordTarget(arrayBuffer, frame, this.#hosts)
  }

  write(fields: RecordFields, position: number): void {
    if (fields.bornHost !== this.#bornHost || fields.storeHost !== this.#storeHost) this.#setHosts(fields)
    const registers = this.#registers
    registers[0] = position
    registers[1] = fields.tailFrom
    registers[2] = fields.tailTo
    registers[3] = fields.magic
    registers[4] = fields.queueId
    registers[5] = fields.flag
    registers[6] = fields.queueOffset
    registers[7] = fields.physicalOffset
    registers[8] = fields.sysFlag
    registers[9] = fields.bornTimestamp
    registers[10] = fields.storeTimestamp
    registers[11] = fields.reconsumeTimes
    registers[12] = fields.preparedTransactionOffset
    this.#addon.writeRecord(this.#target, fields.body)
  }

  /** Those of one message are mostly those of the next. */
  #setHosts({ bornHost, storeHost }: RecordFields): void {
    this.#hosts.set(bornHost)
    this.#hosts.set(storeHost, HOST_LENGTH_MAX)
    this.#bornHost = bornHost
    this.#storeHost = storeHost
  }
}

function describeProcess(processId: number | undefined): string {
  if (processId === undefined) return 'another process'
  return processId === process.pid ? 'this process' : `process ${processId}`
}

/**
 * The kernel does not say who holds a lock that belongs to an open file, but lists it with each descriptor of
 * that file; of other users' processes only the privileged see those.
 */
export function findLockHolder(path: string): number | undefined {
  const target = unlessItFails(() => fs.realpathSync(path))
  if (target === undefined) return undefined
  const processes = unlessItFails(() => fs.readdirSync('/proc')) ?? []
  for (const processId of processes.filter((name) => /^\d+$/.test(name))) {
    for (const descriptor of unlessItFails(() => fs.readdirSync(`/proc/${processId}/fd`)) ?? []) {
      // It may be gone again by now, hence each look by itself.
      if (unlessItFails(() => fs.readlinkSync(`/proc/${processId}/fd/${descriptor}`)) !== target) continue
      const information = unlessItFails(() => fs.readFileSync(`/proc/${processId}/fdinfo/${descriptor}`, 'latin1'))
      if (information !== undefined && /^lock:.*\bWRITE\b/m.test(information)) return Number(processId)
    }
  }
  return undefined
}

function unlessItFails<Result>(call: () => Result): Result | undefined {
  try {
    return call()
  } catch {
    return undefined
  }
}
