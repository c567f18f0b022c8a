import { knownUnusedKeys, reasonUnused } from './known-properties'
import { nearest } from './nearest'
import { invalidOption, optionError, unsupportedOption } from './option-errors'
import { definitionOf, optionKeys, optionTable, type OptionKey } from './option-table'
import { describeAllowed, valueOfText, type Choices, type OptionValue, type Source } from './option-values'
import { parseProperties } from './properties-file'
import { canonicalKey } from './spellings'
import type { UnusedProperty } from './store-options'
import { unsupportedFeature, unsupportedFeatureKeys } from './unsupported-features'

/** A broker's properties file: where it comes from, for errors, and what is in it. */
export interface PropertiesFile {
  file: string
  text: string
}

/**
 * What a broker makes of its own options where the file does not have the store's: slaves connect to its second address, on the
 * port behind that for its clients.
 */
const derived: Readonly<Record<string, { key: OptionKey; convert(text: string): string }>> = {
  brokerIP2: { key: 'haListenAddress', convert: (address) => address },
  listenPort: { key: 'haListenPort', convert: (port) => (/^\d+$/.test(port) ? String(Number(port) + 1) : port) },
}

/** Sorts a file's properties into those that the store uses and those that are for others. */
export function readBrokerProperties(properties: PropertiesFile): {
  choices: Choices
  unused: UnusedProperty[]
} {
  const { file, text } = properties
  const choices: Choices = new Map()
  const unused: UnusedProperty[] = []
  const lines = parseProperties(text, file)
  const given = new Set(lines.map(({ key }) => key))
  for (const property of lines) {
    const source = { ...property, file }
    const origin = Object.hasOwn(derived, property.key) ? derived[property.key] : undefined
    if (origin !== undefined && !given.has(origin.key)) {
      choices.set(origin.key, { value: read(origin.key, origin.convert(property.value), source), source })
      continue
    }
    const key = canonicalKey(property.key)
    const definition = definitionOf(key)
    if (definition === undefined) {
      unused.push({ ...property, reason: reasonToPassOver(source) })
      continue
    }
    choices.set(key as OptionKey, { value: read(key as OptionKey, property.value, source), source })
  }
  return { choices, unused }
}

function read(key: OptionKey, text: string, source: Source): OptionValue {
  const definition = optionTable[key]
  const value = valueOfText(definition, text)
  if (value === undefined) throw invalidOption(key, source.value, describeAllowed(definition), source)
  return value
}

/** Why a property that the store does not use does no harm; throws where it does or is unknown. */
function reasonToPassOver(source: Source): string {
  const { key, value } = source
  const feature = unsupportedFeature(key)
  if (feature !== undefined) {
    const setting = value.toLowerCase()
    if (setting === feature.harmless) return 'the default; the feature is not supported'
    if (feature.values !== undefined && !feature.values.includes(setting)) {
      throw invalidOption(key, value, feature.values.join(' or '), source)
    }
    throw unsupportedOption(key, value, feature.reason, source)
  }
  const reason = reasonUnused(key)
  if (reason !== undefined) return reason
  const allowed = nearest(key, [...optionKeys, ...unsupportedFeatureKeys, ...knownUnusedKeys])
  const what = `No version of RocketMQ has a property ${key}; the nearest is ${allowed}.`
  throw optionError('ERR_UNKNOWN_PROPERTY', what, { key, allowed }, source)
}
