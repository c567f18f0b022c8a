import { homedir } from 'node:os'
import { indexFileSize } from '../format/index-layout'
import { readBrokerProperties, type PropertiesFile } from './broker-properties'
import { readGivenOptions } from './given-options'
import { takesSegments } from './log-paths'
import { invalidOption } from './option-errors'
import { integerMaximum, optionKeys, optionTable, type OptionDefinition } from './option-table'
import type { Choices } from './option-values'
import type { Compatibility, ResolvedOptions, StoreOptions, UnusedProperty } from './store-options'

export type { PropertiesFile } from './broker-properties'
export { parseDelayLevels } from './delay-levels'
export { logPathsOf, rerootCommitLogPath, resolveLogPaths, type LogPaths } from './log-paths'
export type {
  Backend,
  BrokerRole,
  Compatibility,
  FlushDiskType,
  ResolvedOptions,
  StoreOptions,
  UnusedProperty,
  Visibility,
} from './store-options'

/**
 * Settles every option: what is given holds, else what the properties file says, else the default
 * of the compatibility.
 * @param otherNames options that the caller takes itself; a misspelt one is named in the error
 * @returns also the properties that have no effect here, in the order of the file
 */
export function resolveOptions(
  given: StoreOptions = {},
  properties?: PropertiesFile,
  otherNames: readonly string[] = [],
): { options: ResolvedOptions; unusedProperties: UnusedProperty[] } {
  const fromProgram = readGivenOptions(given, otherNames)
  const { choices: fromFile, unused } =
    properties === undefined
      ? { choices: new Map() as Choices, unused: [] }
      : readBrokerProperties(properties)
  const choices: Choices = new Map([...fromFile, ...fromProgram])
  const compatibility = (choices.get('compatibility')?.value ?? '5.3') as Compatibility
  if (compatibility === '4.9') unused.push(...dropOptionsOf53(choices))
  const options = withDefaults(choices, compatibility)
  checkCombinations(options, choices)
  return { options, unusedProperties: unused.sort((left, right) => left.line - right.line) }
}

/** Takes out what only 5.3 has. A program must not ask for it; a file may serve both versions. */
function dropOptionsOf53(choices: Choices): UnusedProperty[] {
  const dropped: UnusedProperty[] = []
  for (const [key, { value, source }] of choices) {
    if (optionTable[key].onlyIn53 === undefined) continue
    if (source === undefined) {
      throw invalidOption(key, value, "no value under compatibility '4.9': only 5.3 has it")
    }
    choices.delete(key)
    const { file: _, ...property } = source
    dropped.push({ ...property, reason: 'only 5.3 has it, and the compatibility is 4.9' })
  }
  return dropped
}

function withDefaults(choices: Choices, compatibility: Compatibility): ResolvedOptions {
  const entries = optionKeys.map((key) => {
    const definition: OptionDefinition = optionTable[key]
    const value = choices.get(key)?.value ?? definition.default[compatibility]
    const step = definition.type === 'integer' ? (definition.roundedUpTo ?? 1) : 1
    return [key, typeof value === 'number' ? Math.ceil(value / step) * step : value]
  })
  const options = Object.fromEntries(entries) as ResolvedOptions
  if (!choices.has('storePathRootDir')) {
    options.storePathRootDir = options.storePathRootDir.replace('${home}', () => homedir())
  }
  if (!choices.has('storePathCommitLog')) {
    options.storePathCommitLog = options.storePathCommitLog.replace(
      '${storePathRootDir}',
      () => options.storePathRootDir,
    )
  }
  return options
}

function checkCombinations(options: ResolvedOptions, choices: Choices): void {
  for (const key of ['inSyncReplicas', 'minInSyncReplicas'] as const) {
    if (!choices.has('totalReplicas') || options[key] <= options.totalReplicas) continue
    const allowed = `no more than totalReplicas, which is ${options.totalReplicas}`
    throw invalidOption(key, options[key], allowed, choices.get(key)?.source)
  }
  if (!takesSegments(options)) {
    const { storePathCommitLog, readOnlyCommitLogStorePaths } = options
    const blamed = readOnlyCommitLogStorePaths === '' ? 'storePathCommitLog' : 'readOnlyCommitLogStorePaths'
    const allowed = `a list that leaves some directory of the commit log to be written to (${storePathCommitLog})`
    throw invalidOption(blamed, options[blamed], allowed, choices.get(blamed)?.source)
  }
  const { maxHashSlotNum, maxIndexNum } = options
  if (indexFileSize(maxHashSlotNum, maxIndexNum) > integerMaximum) {
    const blamed = choices.has('maxIndexNum') ? 'maxIndexNum' : 'maxHashSlotNum'
    const allowed =
      `an index file of no more than ${integerMaximum} bytes, ` +
      'which are 40 + 4 * maxHashSlotNum + 20 * maxIndexNum'
    throw invalidOption(blamed, options[blamed], allowed, choices.get(blamed)?.source)
  }
}
