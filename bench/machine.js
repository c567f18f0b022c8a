import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { relative } from 'node:path'

/** What the figures hold for. */
export function describeMachine(directory) {
  return {
    processor: cpus()[0]?.model.trim() ?? arch(),
    cores: availableParallelism(),
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
    fileSystem: fileSystemOf(directory),
    loadBefore: loadavg()[0],
    date: new Date().toISOString(),
  }
}

/** The mount that holds the directory: the one of the longest path above it. */
function fileSystemOf(directory) {
  const mounts = readMounts().filter(({ path }) => !relative(path, directory).startsWith('..'))
  const mount = mounts.reduce((best, next) => (next.path.length >= best.path.length ? next : best), { path: '', type: 'unknown', options: '' })
  return `${mount.type} (${mount.options})`
}

function readMounts() {
  try {
    return readFileSync('/proc/mounts', 'utf8').trim().split('\n').map((line) => {
      const [, path, type, options] = line.split(' ')
      return { path, type, options }
    })
  } catch {
    return []
  }
}
