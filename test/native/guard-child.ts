/** A process of guard.test.ts, which may die. */
import { execFileSync } from 'node:child_process'
import { ftruncateSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { selectBackend } from '../../lib/storage/backend'

const PAGE = 4096

/** Maps a file, cuts it, and touches what is gone. @returns whether the map tells of it */
function meetFault(directory: string): boolean {
  const { files, mapper } = selectBackend('native')
  const path = join(directory, `file-${Math.random()}`)
  const descriptor = files.open(path, 'create')
  files.truncate(descriptor, 2 * PAGE)
  const mapping = mapper.map(descriptor, 2 * PAGE, 'write')
  ftruncateSync(openSync(path, 'r+'), 0)
  mapping.bytes[PAGE] = 1
  return mapping.findFault!(0, 2 * PAGE) === PAGE
}

async function inWorkers(directory: string): Promise<boolean> {
  const answers = Array.from({ length: 4 }, () => new Promise<boolean>((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: directory })
    let answer = false
    worker.on('message', (told: boolean) => {
      answer = told
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve(answer))
  }))
  return (await Promise.all(answers)).every((answer) => answer)
}

/** Gets the signal of a fault that is none of ours, as far as the handler can tell. */
async function beHit(): Promise<void> {
  process.kill(process.pid, 'SIGBUS')
  await new Promise((resume) => setTimeout(resume, 10_000))
}

const { WebAssembly: webAssembly } = globalThis as unknown as {
  WebAssembly: {
    instantiate(module: Uint8Array): Promise<{ instance: { exports: Record<string, (address: number) => number> } }>
    RuntimeError: ErrorConstructor
  }
}

/** The smallest module that reads its memory at the address it is given. */
const reader = Uint8Array.from([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 0x72, 0, 0,
  0x0a, 9, 1, 7, 0, 0x20, 0, 0x28, 2, 0, 0x0b,
])

const scenarios: Record<string, (directory: string) => unknown> = {
  fault: meetFault,
  workers: inWorkers,
  /** The addon was loaded by workers only, and they have ended. */
  async signalAfterWorkers(directory) {
    return (await inWorkers(directory)) && beHit()
  },
  signal: (directory) => meetFault(directory) && beHit(),
  crash(directory) {
    meetFault(directory)
    process.abort()
  },
  /** V8 turns an access beyond the memory of a module into an exception, by a handler of its own. */
  async webAssembly(directory) {
    meetFault(directory)
    const { instance } = await webAssembly.instantiate(reader)
    const read = instance.exports.r!
    if (read(0) !== 0) return false
    try {
      read(0x7fff_0000)
      return false
    } catch (error) {
      return error instanceof webAssembly.RuntimeError && meetFault(directory)
    }
  },
  /** Another process may cut the file. */
  cutByAnother(directory) {
    const { files, mapper } = selectBackend('native')
    const path = join(directory, 'file')
    const descriptor = files.open(path, 'create')
    files.truncate(descriptor, 64 * PAGE)
    const mapping = mapper.map(descriptor, 64 * PAGE, 'write')
    mapping.bytes.fill(1)
    execFileSync('truncate', ['-s', `${10 * PAGE}`, path])
    const ones = mapping.bytes.reduce((sum, byte) => sum + byte, 0)
    mapping.bytes.fill(2)
    return ones === 10 * PAGE && mapping.findFault!(0, 64 * PAGE) === 10 * PAGE && mapping.findFault!(0, 10 * PAGE) === undefined
  },
}

async function main(): Promise<void> {
  if (!isMainThread) {
    parentPort!.postMessage(meetFault(workerData as string))
    return
  }
  const [, , name, directory] = process.argv
  process.exitCode = (await scenarios[name!]!(directory!)) === true ? 0 : 1
}

void main()
