import { knownUnusedKeys, reasonUnused } from './known-properties'
import { nearest } from './nearest'
import { invalidOption, optionError, unsupportedOption } from './option-errors'
import { definitionOf, optionKeys, type OptionKey } from './option-table'
import { describeAllowed, valueOfText, type Choices, type Source } from './option-values'
import { parseProperties } from './properties-file'
import { canonicalKey } from './spellings'
import type { UnusedProperty } from './store-options'
import { unsupportedFeature, unsupportedFeatureKeys } from './unsupported-features'

/** A broker's properties file: where it comes from, for errors, and what is in it. */
export interface PropertiesFile {
  file: string
  text: string
}

/** A broker has its slaves connect to this address of its own: the one on which a store listens for them. */
const ADDRESS_FOR_SLAVES = 'brokerIP2'

/** Sorts a file's properties into those that the store uses and those that are for others. */
export function readBrokerProperties(properties: PropertiesFile): {
  choices: Choices
  unused: UnusedProperty[]
} {
  const { file, text } = properties
  const choices: Choices = new Map()
  const unused: UnusedProperty[] = []
  const lines = parseProperties(text, file)
  const listensElsewhere = lines.some(({ key }) => key === 'haListenAddress')
  for (const property of lines) {
    const source = { ...property, file }
    const key = property.key === ADDRESS_FOR_SLAVES && !listensElsewhere ? 'haListenAddress' : canonicalKey(property.key)
    const definition = definitionOf(key)
    if (definition === undefined) {
      unused.push({ ...property, reason: reasonToPassOver(source) })
      continue
    }
    const value = valueOfText(definition, property.value)
    if (value === undefined) {
      throw invalidOption(key, property.value, describeAllowed(definition), source)
    }
    choices.set(key as OptionKey, { value, source })
  }
  return { choices, unused }
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
