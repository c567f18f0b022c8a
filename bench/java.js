import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The store of Apache RocketMQ, from Maven Central, driven by the programs in java/. */

const sources = fileURLToPath(new URL('java', import.meta.url))
/** test/interop keeps its jars in the same place. */
const cache = process.env.MQSTORE_ORACLE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mqstore-oracle')
const memory = ['-Xms512m', '-Xmx3g', '-XX:MaxDirectMemorySize=4g']
/** The JDK closes these to reflection, by which the engine unmaps its files. */
const openings = ['java.nio', 'sun.nio.ch', 'java.lang', 'jdk.internal.ref'].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`)

/** It holds each file of each queue open. */
const withManyFiles = ['sh', '-c', 'ulimit -n 100000 2> /dev/null; exec "$@"', 'sh']

/** @returns what has to be installed, undefined when all is there */
export function missingForJava() {
  const missing = ['java', 'javac', 'mvn'].filter((command) => spawnSync(command, ['-version'], { stdio: 'ignore' }).error !== undefined)
  return missing.length === 0 ? undefined : missing.join(', ')
}

export function javaVersion() {
  const { stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  return /"(.*?)"/.exec(stderr)?.[1] ?? 'unknown'
}

/**
 * Fetches and compiles what is not there yet.
 * @param program name of a class in java/
 * @returns command and arguments to which the job is added
 */
export function prepareJava(version, program) {
  const home = join(cache, version)
  const jars = fetchJars(version, home)
  return [
    ...withManyFiles, 'java', ...memory,
    // Whatever the engine writes outside of the store's directory goes to the cache.
    `-Duser.home=${join(home, 'home')}`, `-Drocketmq.client.logRoot=${join(home, 'logs')}`,
    `-Drmq.logback.configurationFile=${join(sources, 'rmq.logback.xml')}`,
    ...openings, '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
    '-cp', [sources, compile(program, home, jars), join(jars, '*')].join(':'), program,
  ]
}

function fetchJars(version, home) {
  const jars = join(home, 'lib')
  const done = join(jars, '.done')
  if (existsSync(done)) return jars
  mkdirSync(jars, { recursive: true })
  const goal = ['dependency:copy-dependencies', `-Drocketmq=${version}`, `-DoutputDirectory=${jars}`]
  execFileSync('mvn', ['-q', '-B', '-f', join(sources, 'pom.xml'), ...goal], { stdio: ['ignore', 'ignore', 'inherit'] })
  closeSync(openSync(done, 'w'))
  return jars
}

/** @returns the directory of the classes; its name changes with the source, so that nothing stale is run */
function compile(program, home, jars) {
  const source = join(sources, `${program}.java`)
  const classes = join(home, `bench-${createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)}`)
  if (existsSync(classes)) return classes
  const unfinished = mkdtempSync(`${classes}-`)
  execFileSync('javac', ['-nowarn', '-cp', join(jars, '*'), '-d', unfinished, source], { stdio: ['ignore', 'ignore', 'inherit'] })
  renameSync(unfinished, classes)
  return classes
}
