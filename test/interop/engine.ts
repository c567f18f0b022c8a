import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { LineProcess } from './line-process'
import { Player } from './player'

/** The real Apache RocketMQ store, from Maven Central, in a Java process (java/Harness.java). */

export const engineVersions = ['4.9.7', '5.3.3'] as const
export type EngineVersion = (typeof engineVersions)[number]

export interface InteropSettings {
  mappedFileSizeCommitLog: number
  mappedFileSizeConsumeQueue: number
  maxHashSlotNum: number
  maxIndexNum: number
  storePathCommitLog?: string
}

/** The options of both sides where a test has no others: small files, so that a few messages roll all of them. */
export const interopSettings: InteropSettings = {
  mappedFileSizeCommitLog: 1024 * 1024,
  mappedFileSizeConsumeQueue: 1000 * 20,
  maxHashSlotNum: 1000,
  maxIndexNum: 4000,
}

export function compatibilityOf(version: EngineVersion): '4.9' | '5.3' {
  return version === '4.9.7' ? '4.9' : '5.3'
}

/** Tests run from the root of the project. */
const harnessDirectory = join(process.cwd(), 'test', 'interop', 'java')

/** The JDK closes these to reflection, by which the engine unmaps its files. */
const openings = ['java.nio', 'sun.nio.ch', 'java.lang', 'jdk.internal.ref'].map(
  (name) => `--add-opens=java.base/${name}=ALL-UNNAMED`,
)

/** Why the engine cannot be run here, or false: the value of a test's `skip`. */
export function engineUnavailable(): string | false {
  const missing = ['java', 'javac', 'mvn'].filter(
    (command) => spawnSync(command, ['-version'], { stdio: 'ignore' }).error !== undefined,
  )
  return missing.length > 0 && `the real engine needs ${missing.join(' and ')}, not found on this machine`
}

export function startEngine(
  version: EngineVersion,
  settings: Readonly<InteropSettings> = interopSettings,
): Player {
  const home = join(cacheDirectory(), version)
  const classPath = [harnessDirectory, compiledHarness(home, version), join(home, 'lib', '*')].join(':')
  const java = new LineProcess('java', [
    '-Xmx1g',
    // whatever the engine writes outside of the store's directory goes to the cache
    `-Duser.home=${join(home, 'home')}`,
    `-Drocketmq.client.logRoot=${join(home, 'logs')}`,
    `-Drmq.logback.configurationFile=${join(harnessDirectory, 'rmq.logback.xml')}`,
    ...openings,
    '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
    '-cp',
    classPath,
    'Harness',
  ])
  return new Player(java, { ...settings })
}

function cacheDirectory(): string {
  return (
    process.env.MQSTORE_ORACLE_CACHE ??
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mqstore-oracle')
  )
}

/** @returns the directory of the classes; its name changes with the source, so that nothing stale is run */
function compiledHarness(home: string, version: EngineVersion): string {
  fetchJars(home, version)
  const source = join(harnessDirectory, 'Harness.java')
  const classes = join(
    home,
    `interop-${createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)}`,
  )
  if (existsSync(classes)) return classes
  const unfinished = mkdtempSync(`${classes}-`)
  execFileSync('javac', ['-nowarn', '-cp', join(home, 'lib', '*'), '-d', unfinished, source], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    renameSync(unfinished, classes)
  } catch (error) {
    // another test file was faster
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
  }
  return classes
}

function fetchJars(home: string, version: EngineVersion): void {
  const library = join(home, 'lib')
  if (existsSync(join(library, '.done'))) return
  mkdirSync(library, { recursive: true })
  const goal = ['dependency:copy-dependencies', `-Drocketmq=${version}`, `-DoutputDirectory=${library}`]
  execFileSync('mvn', ['-q', '-B', '-f', join(harnessDirectory, 'pom.xml'), ...goal], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  closeSync(openSync(join(library, '.done'), 'w'))
}
