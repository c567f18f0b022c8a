import { fileError } from '../../lib/storage/node-file-system'
import type { Backend, FileSystem, Mapper, Mapping } from '../../lib/storage/ports'

/** What a backend is asked for. */
export type CallKind = keyof FileSystem | 'map' | 'flush'

/** What is to fail, and how. */
export interface Fault {
  /** The how-manieth call fails; 1 is the first. */
  nth: number
  errorCode: string
  /** All calls of the same kind behind it fail as well. */
  forEver: boolean
  /** Only a call of this kind can be the first that fails. */
  kind?: CallKind
}

/** Calls that say whether something is on the disk. */
const flushes = new Set(['sync', 'syncDirectory', 'syncFileSystem', 'flush'])

/** How the file system names its operations in an error; what is not here is named as the call. */
const operations: Record<string, string> = { truncate: 'truncate', reserveAsync: 'reserve', makeDirectory: 'make directory', sync: 'flush', syncDirectory: 'flush' }

/** Operations for which a disk that is full has no room. */
const needRoom = new Set(['create', 'reserve'])

/** A real backend of which one call fails, once or for ever, as if the system had answered with an error; or one that is slow, or full. */
export class FailingBackend implements Backend {
  readonly name: string
  readonly capabilities: Backend['capabilities']
  readonly real: Backend
  readonly files: FileSystem
  readonly mapper: Mapper
  /** Calls made so far. */
  calls = 0
  /** The kind of call that failed first, undefined while none has. */
  failed: string | undefined
  /** A flush has failed. */
  hasFailedFlush = false
  /** Milliseconds that each flush takes longer, and each reservation that nobody waits for. */
  delay = 0
  /** No file can be made or grow. */
  isFull = false
  #fault: Fault | undefined
  #failing: string | undefined
  readonly #paths = new Map<number, string>()
  /** Files that have their blocks, by descriptor: of a full disk they need no more. */
  readonly #reserved = new Set<number>()

  constructor(real: Backend, fault?: Fault) {
    this.real = real
    this.#fault = fault
    this.name = real.name
    this.capabilities = real.capabilities
    this.files = this.#guardFiles(real.files)
    this.mapper = { map: (descriptor, length, access) => this.#map(descriptor, length, access) }
  }

  crc32(bytes: Uint8Array, from: number, to: number): number {
    return this.real.crc32(bytes, from, to)
  }

  /** One of the next calls fails; what has failed before works again. */
  strike(fault: Fault): void {
    this.#fault = { ...fault, nth: this.calls + fault.nth }
    this.#failing = undefined
  }

  /** The kind of call that the last fault has hit, undefined while it has hit none. */
  get failing(): string | undefined {
    return this.#failing
  }

  /** The machine is well again. */
  heal(): void {
    this.#fault = undefined
    this.delay = 0
    this.isFull = false
  }

  #guardFiles(files: FileSystem): FileSystem {
    return new Proxy(files, {
      get: (target, name: keyof FileSystem) => {
        const call = target[name] as ((...parameters: unknown[]) => unknown) | undefined
        if (typeof call !== 'function') return call
        // Its errors tell nothing, and never leave the port.
        if (name === 'close') return (descriptor: number) => {
          this.#reserved.delete(descriptor)
          return call.call(target, descriptor)
        }
        return (...parameters: unknown[]) => {
          const descriptor = parameters[0] as number
          const path = typeof parameters[0] === 'number' ? (this.#paths.get(descriptor) ?? '') : String(parameters[0])
          if (this.isFull && name.startsWith('reserve') && this.#reserved.has(descriptor)) return call.apply(target, parameters)
          const error = this.#meet(name, name === 'open' && parameters[1] === 'create' ? 'create' : (operations[name] ?? name), path)
          const isAsynchronous = flushes.has(name) || name === 'reserveAsync'
          if (error !== undefined && isAsynchronous) return Promise.reject(error)
          if (error !== undefined) throw error
          const result = isAsynchronous && this.delay > 0 ? this.#pause().then(() => call.apply(target, parameters)) : call.apply(target, parameters)
          if (name === 'open') this.#paths.set(result as number, path)
          if (name === 'reserve') this.#reserved.add(descriptor)
          if (name === 'reserveAsync') void (result as Promise<void>).then(() => this.#reserved.add(descriptor), () => undefined)
          return result
        }
      },
    })
  }

  #map(descriptor: number, length: number, access: 'read' | 'write'): Mapping {
    const path = this.#paths.get(descriptor) ?? ''
    const refusal = this.#meet('map', 'map', path)
    if (refusal !== undefined) throw refusal
    const mapping = this.real.mapper.map(descriptor, length, access)
    const { findFault, recordWriter } = mapping
    return {
      get bytes() { return mapping.bytes },
      get view() { return mapping.view },
      flush: async (from, to) => {
        const error = this.#meet('flush', 'flush', path)
        if (error !== undefined) throw error
        if (this.delay > 0) await this.#pause()
        await mapping.flush(from, to)
      },
      populate: (from, to, inSinglePages) => mapping.populate(from, to, inSinglePages),
      unmap: () => mapping.unmap(),
      ...(findFault !== undefined && { findFault: findFault.bind(mapping) }),
      ...(recordWriter !== undefined && { recordWriter: recordWriter.bind(mapping) }),
    }
  }

  /** Counts a call. @returns the error that it is to end with */
  #meet(call: string, operation: string, path: string): Error | undefined {
    this.calls++
    if (this.isFull && needRoom.has(operation)) return injected('ENOSPC', call, operation, path)
    const fault = this.#fault
    if (fault === undefined) return undefined
    const isFirst = this.calls >= fault.nth && (fault.kind ?? call) === call
    const isHit = this.#failing === undefined ? isFirst : fault.forEver && this.#failing === call
    if (!isHit) return undefined
    this.#failing = call
    this.failed ??= call
    if (flushes.has(call)) this.hasFailedFlush = true
    return injected(fault.errorCode, call, operation, path)
  }

  #pause(): Promise<void> {
    return new Promise((resume) => setTimeout(resume, this.delay))
  }
}

function injected(errorCode: string, call: string, operation: string, path: string): Error {
  return fileError(operation, path, Object.assign(new Error(`${errorCode}: injected, ${call}`), { code: errorCode, syscall: call }))
}
