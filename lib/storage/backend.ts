import * as fs from 'node:fs'
import * as path from 'node:path'
import { StoreError } from '../errors'
import { type MmapIo, createMmapIoBackend } from './mmap-io-backend'
import { type NativeAddon, createNativeBackend } from './native-backend'
import type { Backend } from './ports'

export type BackendName = 'native' | 'mmap-io'
export type BackendChoice = 'auto' | BackendName

/** One line for each file or package that could not be loaded. */
type Failures = string[]

const loaders: Record<BackendName, (failures: Failures) => Backend | undefined> = {
  native: loadNative,
  'mmap-io': loadMmapIo,
}

const loaded = new Map<BackendName, Backend>()

/**
 * The backend to run on. `auto` is the one that the environment variable MQSTORE_BACKEND names; without that
 * the native one, or `mmap-io` where it does not load.
 */
export function selectBackend(choice: BackendChoice): Backend {
  const failures: Failures = []
  for (const name of candidates(choice)) {
    const backend = loaded.get(name) ?? loaders[name](failures)
    if (backend === undefined) continue
    loaded.set(name, backend)
    return backend
  }
  throw new StoreError(
    'ERR_BACKEND_UNAVAILABLE',
    [
      `no way to map files into memory on ${process.platform}-${process.arch}; tried:`,
      ...failures.map((failure) => `  ${failure}`),
      'Install a C++17 compiler and run `npm rebuild mqstore`, or install the package mmap-io',
      '(npm install mmap-io@npm:@riaskov/mmap-io).',
    ].join('\n'),
    { reason: failures.join('; ') },
  )
}

function candidates(choice: BackendChoice): BackendName[] {
  if (choice !== 'auto') return [choice]
  const wanted = process.env.MQSTORE_BACKEND
  if (wanted === undefined || wanted === '' || wanted === 'auto') return ['native', 'mmap-io']
  if (wanted === 'native' || wanted === 'mmap-io') return [wanted]
  throw new StoreError(
    'ERR_INVALID_OPTION',
    `the environment variable MQSTORE_BACKEND is "${wanted}"; it can be auto, native or mmap-io`,
    { key: 'MQSTORE_BACKEND', value: wanted, allowed: 'auto, native, mmap-io' },
  )
}

function loadNative(failures: Failures): Backend | undefined {
  const native = path.join(packageDirectory(), 'native')
  const files = [
    path.join(native, 'build', 'mqstore.node'),
    path.join(native, 'prebuilt', `${process.platform}-${process.arch}`, 'mqstore.node'),
  ]
  for (const file of files) {
    const addon = load<NativeAddon>(file, failures)
    if (addon !== undefined) return createNativeBackend(addon)
  }
  return undefined
}

function loadMmapIo(failures: Failures): Backend | undefined {
  // The package finds its binary with a tool that takes the arguments of this process, such as --directory, for its own.
  const given = process.argv
  process.argv = given.slice(0, 2)
  try {
    const mmapIo = load<MmapIo>('mmap-io', failures)
    return mmapIo && createMmapIoBackend(mmapIo)
  } finally {
    process.argv = given
  }
}

function load<Exports>(file: string, failures: Failures): Exports | undefined {
  try {
    return require(file) as Exports
  } catch (error) {
    // The rest of the message is the stack of modules that required it.
    const [reason] = String((error as Error).message).split('\n')
    failures.push(`${file}: ${reason}`)
    return undefined
  }
}

/** This file is compiled to dist/storage and, for the tests, further down. */
export function packageDirectory(): string {
  for (let directory = __dirname; ; directory = path.dirname(directory)) {
    if (nameOfPackage(directory) === 'mqstore') return directory
    if (directory === path.dirname(directory)) return __dirname
  }
}

function nameOfPackage(directory: string): unknown {
  try {
    return JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8')).name
  } catch {
    return undefined
  }
}
