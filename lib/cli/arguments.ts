import { parseArgs } from 'node:util'
import { nearest } from '../options/nearest'
import { UsageError } from './exit-code'

/** An option of a verb, as its help shows it. */
export interface VerbOption {
  name: string
  short?: string
  /** What stands for the value in the help; without it the option is a switch. */
  value?: string
  isRepeated?: boolean
  description: string
}

/** The words of a command line, sorted. */
export class Arguments {
  readonly positionals: readonly string[]
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals
    this.#values = values
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** The last value given. */
  text(name: string): string | undefined {
    return this.all(name).at(-1)
  }

  /** @throws UsageError for what is not a whole number of at least `minimum` */
  number(name: string, minimum: number): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : parseWholeNumber(text, `--${name}`, minimum)
  }
}

/** @throws UsageError for what is not a whole number of at least `minimum` */
export function parseWholeNumber(text: string, what: string, minimum = -Infinity): number {
  const number = /^-?\d+$/.test(text) ? Number(text) : NaN
  if (Number.isSafeInteger(number) && number >= minimum) return number
  const least = minimum === -Infinity ? '' : ` of at least ${minimum}`
  throw new UsageError(`${what} is a whole number${least}, not ${JSON.stringify(text)}`)
}

/** Put before a negative number, which would be taken for an option. */
const NUMBER_MARK = '\u0001'

/** Sorts words into options and the rest. @throws UsageError that names the nearest for an unknown option */
export function parseArguments(words: readonly string[], options: readonly VerbOption[]): Arguments {
  const { tokens } = parseArgs({
    args: words.map((word) => (/^-\d+$/.test(word) ? NUMBER_MARK + word : word)),
    options: Object.fromEntries(options.map(({ name, short, value }) => [
      name, { type: value === undefined ? 'boolean' as const : 'string' as const, ...(short !== undefined && { short }) },
    ])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const positionals: string[] = []
  const values = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(withoutMark(token.value))
    if (token.kind !== 'option') continue
    const option = options.find(({ name }) => name === token.name)
    if (option === undefined) throw unknownOption(token.rawName, options)
    values.set(option.name, [...(values.get(option.name) ?? []), valueOf(option, token)])
  }
  return new Arguments(positionals, values)
}

function valueOf(option: VerbOption, token: { rawName: string; value?: string; inlineValue?: boolean }): string {
  const { value, inlineValue } = token
  if (option.value === undefined) {
    if (value !== undefined) throw new UsageError(`${token.rawName} takes no value`)
    return ''
  }
  if (value === undefined || (inlineValue !== true && value.startsWith('-'))) {
    throw new UsageError(`${token.rawName} wants a value: ${token.rawName} ${option.value}`)
  }
  return withoutMark(value)
}

function unknownOption(rawName: string, options: readonly VerbOption[]): UsageError {
  const closest = nearest(rawName.replace(/^-+/, ''), options.map(({ name }) => name))
  return new UsageError(`there is no option ${rawName}; the nearest is --${closest}`)
}

function withoutMark(text: string): string {
  return text.startsWith(NUMBER_MARK) ? text.slice(NUMBER_MARK.length) : text
}
