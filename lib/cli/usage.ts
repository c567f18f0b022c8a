import { nearest } from '../options/nearest'
import type { VerbOption } from './arguments'
import { commonOptions } from './common-options'
import { UsageError } from './exit-code'
import type { Verb } from './verb'

const COLUMNS = 100

const exitCodes = `Exit codes: 0 fine, 1 findings, 2 usage, 3 locked by another process, 4 I/O error or not a store.`

export function helpOf(verb: Verb): string {
  return [
    `mqstore ${verb.name} ${verb.operands} [options]`,
    '',
    ...wrap(verb.summary),
    '',
    'Options:',
    ...table([...verb.options, ...commonOptions].map((option) => [describeOption(option), option.description])),
    '',
    'Example:',
    `  ${verb.example}`,
    '',
    ...(verb.exits === undefined ? [] : [verb.exits]),
    exitCodes,
  ].join('\n')
}

export function helpOfAll(verbs: readonly Verb[]): string {
  return [
    'mqstore VERB DIR [options]: looks into, fills, checks and mends a message store with the files of Apache RocketMQ.',
    '',
    'Verbs:',
    ...table(verbs.map((verb) => [`${verb.name} ${verb.operands}`, verb.summary.split(/[.:](?: |$)/)[0]!])),
    '',
    'All but append and backup, and repair and rebuild with --apply, only read: they take no lock, and work beside a running broker.',
    'mqstore VERB --help tells more; mqstore --version tells the version.',
    exitCodes,
  ].join('\n')
}

export function unknownVerb(name: string, verbs: readonly Verb[]): UsageError {
  const names = verbs.map((verb) => verb.name)
  return new UsageError(`there is no verb ${JSON.stringify(name)}; the nearest is ${nearest(name, names)}. Verbs: ${names.join(', ')}`)
}

/** @throws UsageError where operands are missing, or there are too many */
export function assertOperands(verb: Verb, given: readonly string[]): void {
  const names = verb.operands.split(' ')
  const required = names.filter((name) => !name.startsWith('['))
  const usage = `usage: mqstore ${verb.name} ${verb.operands} [options]`
  if (given.length < required.length) throw new UsageError(`${required[given.length]} is missing; ${usage}`)
  if (given.length > names.length) throw new UsageError(`${JSON.stringify(given[names.length])} is too much; ${usage}`)
}

function describeOption({ name, short, value }: VerbOption): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
}

/** Lines of so many words as fit a narrow terminal. */
function wrap(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < COLUMNS) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

function table(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left!.length))
  return rows.map(([left, right]) => `  ${left!.padEnd(width)}  ${right}`)
}
