import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The program in ceiling/, compiled with the system's compiler; checksum, pages and flushes are those of the addon. */

const pathOf = (name) => fileURLToPath(new URL(name, import.meta.url))
const sources = [pathOf('ceiling/ceiling.cc'), ...['crc32', 'fault_guard', 'mapping'].map((name) => pathOf(`../native/core/${name}.cc`))]
const headers = pathOf('../native/core')
const options = ['-std=c++17', '-O3', '-Wall', '-pthread', '-I', headers]
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mqstore-bench')

/** @returns what has to be there, undefined when it is */
export function missingForCeiling() {
  if (process.platform !== 'linux') return 'Linux'
  return spawnSync('c++', ['--version'], { stdio: 'ignore' }).error === undefined ? undefined : 'a C++ compiler, c++'
}

/** @returns command to which the job is added; the file's name changes with the sources, so that nothing stale is run */
export function prepareCeiling() {
  const hash = createHash('sha256').update(options.join(' '))
  for (const source of sources) hash.update(readFileSync(source))
  const program = join(cache, `ceiling-${hash.digest('hex').slice(0, 16)}`)
  if (!existsSync(program)) compile(program)
  return [process.execPath, pathOf('ceiling/run.js'), program]
}

function compile(program) {
  mkdirSync(cache, { recursive: true })
  const unfinished = mkdtempSync(`${program}-`)
  const output = join(unfinished, 'ceiling')
  execFileSync('c++', [...options, ...sources, '-o', output], { stdio: ['ignore', 'inherit', 'inherit'] })
  renameSync(output, program)
  rmSync(unfinished, { recursive: true })
}
