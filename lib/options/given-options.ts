import { reasonUnused } from './known-properties'
import { nearest } from './nearest'
import { invalidOption, optionError, unsupportedOption } from './option-errors'
import { definitionOf, optionKeys, type OptionKey } from './option-table'
import { describeAllowed, isAllowed, type Choices } from './option-values'
import { canonicalKey } from './spellings'
import type { StoreOptions } from './store-options'
import { unsupportedFeature } from './unsupported-features'

/**
 * Checks what the program gave. An option whose value is undefined counts as not given, so that a
 * caller can pass its own optional settings on.
 * @param otherNames options that the caller takes itself, for the hint at a misspelt one
 */
export function readGivenOptions(given: StoreOptions, otherNames: readonly string[]): Choices {
  const choices: Choices = new Map()
  for (const [name, value] of Object.entries(given)) {
    const key = canonicalKey(name)
    const definition = definitionOf(key)
    if (definition === undefined) throw refusal(name, value, otherNames)
    if (value === undefined) continue
    if (choices.has(key as OptionKey)) {
      throw invalidOption(name, value, `one value, and ${key} is given in both of its spellings`)
    }
    if (!isAllowed(definition, value)) {
      throw invalidOption(name, value, describeAllowed(definition))
    }
    choices.set(key as OptionKey, { value })
  }
  return choices
}

function refusal(name: string, value: unknown, otherNames: readonly string[]) {
  const feature = unsupportedFeature(name)
  if (feature !== undefined) return unsupportedOption(name, value, feature.reason)
  const reason = reasonUnused(name)
  if (reason !== undefined) {
    const what = `The store has no option ${name}; RocketMQ's property of this name is ${reason}.`
    return optionError('ERR_UNKNOWN_OPTION', what, { key: name, value, reason })
  }
  const allowed = nearest(name, [...optionKeys, ...otherNames])
  const what = `The store has no option ${name}; the nearest is ${allowed}.`
  return optionError('ERR_UNKNOWN_OPTION', what, { key: name, value, allowed })
}
