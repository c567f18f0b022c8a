import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { ResolvedOptions } from './store-options'

/** RocketMQ reads a `storePathCommitLog` with this in it as a list. */
const SPLITTER = ','

type PathOptions = Pick<ResolvedOptions, 'storePathRootDir' | 'storePathCommitLog' | 'readOnlyCommitLogStorePaths'>

/** The directories of a commit log, absolute. */
export interface LogPaths {
  /** New segments are made here, the paths in the order of RocketMQ: that of their texts. */
  writable: string[]
  /** Segments are looked for here. */
  all: string[]
}

/**
 * Where the commit log is when the store is opened in `directory`: a log beneath `storePathRootDir`
 * moves there with the rest, one elsewhere stays.
 */
export function rerootCommitLogPath(
  directory: string,
  options: Pick<ResolvedOptions, 'storePathRootDir' | 'storePathCommitLog'>,
): string {
  const { storePathRootDir, storePathCommitLog } = options
  const beneath = relative(resolve(storePathRootDir), resolve(storePathCommitLog))
  const outside = beneath === '..' || beneath.startsWith(`..${sep}`) || isAbsolute(beneath)
  return outside ? storePathCommitLog : join(directory, beneath)
}

/** The options of the paths with each of them absolute, for a store that is opened in `directory`. */
export function resolveLogPaths(directory: string, options: PathOptions): PathOptions {
  const { storePathRootDir, readOnlyCommitLogStorePaths } = options
  const resolveAll = (paths: readonly string[]): string =>
    paths
      .map((path) => resolve(rerootCommitLogPath(directory, { storePathRootDir, storePathCommitLog: path })))
      .join(SPLITTER)
  return {
    storePathRootDir: directory,
    storePathCommitLog: resolveAll(givenPaths(options)),
    readOnlyCommitLogStorePaths: resolveAll(split(readOnlyCommitLogStorePaths)),
  }
}

/** The directories that resolved options name. */
export function logPathsOf(options: Omit<PathOptions, 'storePathRootDir'>): LogPaths {
  const listed = splitAbsolute(options.storePathCommitLog)
  const readOnly = splitAbsolute(options.readOnlyCommitLogStorePaths)
  return {
    writable: [...new Set(listed)].filter((path) => !readOnly.includes(path)).sort(),
    all: [...new Set([...listed, ...readOnly])],
  }
}

/** Whether a list has a path that is not one of the other. */
export function takesSegments(options: PathOptions): boolean {
  const readOnly = split(options.readOnlyCommitLogStorePaths)
  return givenPaths(options).some((path) => !readOnly.includes(path))
}

/** What is beneath the root by default is one path, whatever the name of the root. */
function givenPaths({ storePathRootDir, storePathCommitLog }: PathOptions): string[] {
  const isDefault = storePathCommitLog === `${storePathRootDir}/commitlog`
  return isDefault ? [storePathCommitLog] : split(storePathCommitLog)
}

function split(list: string): string[] {
  return list
    .split(SPLITTER)
    .map((path) => path.trim())
    .filter((path) => path !== '')
}

/** Of absolute paths, a part that is not one belongs to the path before it. */
function splitAbsolute(list: string): string[] {
  const paths: string[] = []
  for (const part of list.split(SPLITTER)) {
    if (isAbsolute(part) || paths.length === 0) paths.push(part)
    else paths.push(`${paths.pop()}${SPLITTER}${part}`)
  }
  return list === '' ? [] : paths
}
