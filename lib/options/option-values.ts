import type { OptionDefinition, OptionKey } from './option-table'
import type { Property } from './properties-file'

export type OptionValue = number | boolean | string

/** A line of a properties file, to be named in errors and lists. */
export interface Source extends Property {
  file: string
}

/** What somebody chose for an option; `source` is missing where the program gave it. */
export interface Choice {
  value: OptionValue
  source?: Source
}

export type Choices = Map<OptionKey, Choice>

export function isAllowed(definition: OptionDefinition, value: unknown): value is OptionValue {
  switch (definition.type) {
    case 'integer':
      return (
        Number.isInteger(value) &&
        (value as number) >= definition.minimum &&
        (value as number) <= definition.maximum
      )
    case 'boolean':
      return typeof value === 'boolean'
    case 'string':
      return typeof value === 'string' && definition.accepts(value)
    case 'enum':
      return typeof value === 'string' && definition.values.includes(value)
  }
}

/** The value that a property's text stands for; undefined where it is none that is allowed. */
export function valueOfText(definition: OptionDefinition, text: string): OptionValue | undefined {
  const value = convert(definition, text)
  return isAllowed(definition, value) ? value : undefined
}

function convert(definition: OptionDefinition, text: string): OptionValue | undefined {
  switch (definition.type) {
    case 'integer':
      return /^[+-]?\d+$/.test(text) ? Number(text) : undefined
    case 'boolean':
      return new Map([['true', true], ['false', false]]).get(text.toLowerCase())
    default:
      return text
  }
}

/** What {@link isAllowed} lets pass, in words. */
export function describeAllowed(definition: OptionDefinition): string {
  switch (definition.type) {
    case 'integer':
      return `an integer from ${definition.minimum} to ${definition.maximum} (${definition.unit})`
    case 'boolean':
      return 'true or false'
    case 'string':
      return definition.allowed
    case 'enum':
      return definition.values.join(', ')
  }
}
