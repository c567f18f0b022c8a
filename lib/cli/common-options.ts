import { readBrokerProperties } from '../options/broker-properties'
import type { OpenOptions } from '../types'
import type { Arguments, VerbOption } from './arguments'
import { UsageError } from './exit-code'

export const commonOptions: readonly VerbOption[] = [
  { name: 'config', short: 'c', value: 'FILE', description: 'a broker .properties file; DIR takes the place of the path in it' },
  { name: 'set', value: 'KEY=VALUE', isRepeated: true, description: 'sets one option of the store; may be repeated' },
  { name: 'help', short: 'h', description: 'shows this' },
]

/** The options of the store that the command line names; those of `--set` hold before those of the file. */
export function readOpenOptions(given: Arguments): OpenOptions {
  const properties = given.text('config')
  return { ...(properties !== undefined && { properties }), ...readPairs(given.all('set')) }
}

/** A pair is read like a line of a properties file, so that its value gets its type, and errors name the option. */
function readPairs(pairs: readonly string[]): OpenOptions {
  const lines = pairs.map((pair) => {
    const equals = pair.indexOf('=')
    if (equals < 1) throw new UsageError(`--set takes KEY=VALUE, not ${JSON.stringify(pair)}`)
    return `${escape(pair.slice(0, equals))}=${escape(pair.slice(equals + 1))}`
  })
  const { choices } = readBrokerProperties({ file: '--set', text: lines.join('\n') })
  return Object.fromEntries([...choices].map(([key, { value }]) => [key, value]))
}

/** So that the text stands for itself in a properties file. */
function escape(text: string): string {
  return text.replace(/[\\\s#=:!]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
