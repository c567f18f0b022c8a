import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { packageDirectory, selectBackend } from '../../lib/storage/backend'
import { inMemory } from './fast-directory'
import type { Layer } from './layer'
import type { MachineEvent, MachineJob } from './power-machine'

/** Bytes of both images, were they full. */
const DISK_NEEDED = 512 << 20

export const powerCuts: Layer = {
  name: 'power-cuts',
  story: 'the file system of a store, ext4 or xfs, loses its power with any of its unflushed pages written: what was acknowledged is there when it is mounted again',
  cases: { ci: 1500, full: 10_000 },
  lacks,
  run: (context) => inMemory(context.directory, DISK_NEEDED, async (directory) => {
    const job: MachineJob = {
      seed: context.seed, first: context.first, count: context.count, directory,
      helper: compileHelper(directory),
      namespace: readlinkSync('/proc/self/ns/mnt'),
    }
    // Mounts of its own: they are gone with the process, however that ends.
    const machine = spawn('unshare', ['--mount', '--propagation', 'private', process.execPath, join(__dirname, 'power-machine.js'), JSON.stringify(job)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    createInterface({ input: machine.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as MachineEvent
      if ('failed' in event) context.fail(event.failed, event.message)
      else if ('figure' in event) context.add(event.figure, event.value)
      else context.done()
      if (context.isOver) machine.stdin!.end()
    })
    const code = await new Promise((resolve) => machine.once('close', (exitCode, signal) => resolve(signal ?? exitCode)))
    if (code !== 0) throw new Error(`the process with the mounts ended with ${String(code)}`)
  }),
}

/** Compiles the program that takes the power away. */
function compileHelper(directory: string): string {
  const helper = join(directory, 'power-cut')
  const source = join(packageDirectory(), 'test', 'torture', 'native', 'power-cut.c')
  const { status, stderr } = spawnSync('cc', ['-O1', '-o', helper, source])
  if (status !== 0) throw new Error(`${source} does not compile: ${stderr.toString()}`)
  return helper
}

function lacks(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid!() !== 0) return 'needs root, to mount'
  if (!existsSync('/dev/loop-control')) return 'needs loop devices'
  const programs = { cc: 'gcc', unshare: 'util-linux', mount: 'mount', umount: 'mount', 'mkfs.ext4': 'e2fsprogs', 'mkfs.xfs': 'xfsprogs' }
  for (const [program, debianPackage] of Object.entries(programs)) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `needs the program ${program} (package ${debianPackage})`
  }
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0) return 'needs a mount namespace of its own (unshare --mount)'
  try {
    selectBackend('native')
    return undefined
  } catch {
    return 'needs the native backend'
  }
}
