import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bytesText, countText, durationText } from '../../lib/cli/units'
import { errorCodes } from '../../lib/errors'
import { optionTable, type OptionDefinition } from '../../lib/options/option-table'
import { command } from '../cli/command'

/*
 * The story: an operator looks up an option, an event, an error or a verb at three in the morning, and it is there, as the library
 * has it.
 *
 * Not proved here: that what the document advises is right.
 */

const checkout = join(__dirname, '..', '..', '..')
const text = readFileSync(join(checkout, 'docs', 'operations.md'), 'utf8')

/** The rows of all tables below a heading of the second level, cell by cell, without their heads. */
function rowsBelow(heading: string): string[][] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  return [...section.matchAll(/^\|[-|]+\n((?:\|.*\n)+)/gm)].flatMap(([, rows]) =>
    rows!.trim().split('\n').map((row) => row.split('|').slice(1, -1).map((cell) => cell.trim())))
}

/** What stands in backquotes in the first cell of each row. */
function namesBelow(heading: string): string[] {
  return rowsBelow(heading).flatMap(([first]) => [...first!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
}

function valueText(definition: OptionDefinition, value: unknown): string {
  if (definition.type !== 'integer' || typeof value !== 'number') return value === undefined || value === '' ? 'none' : `\`${String(value)}\``
  const { unit } = definition
  // A fraction is rounded.
  if (unit === 'bytes' && !bytesText(value).includes('.')) return bytesText(value)
  if (unit === 'milliseconds') return durationText(value)
  return unit.startsWith('percent') ? `${value} %` : `${countText(value)} ${value === 1 ? unit.replace(/s$/, '') : unit}`
}

/** Both where the compatibilities differ. */
function defaultText(definition: OptionDefinition): string {
  const [of49, of53] = [definition.default['4.9'], definition.default['5.3']].map((value) => valueText(definition, value))
  return of49 === of53 ? of53! : `${of53}; 4.9: ${of49}`
}

t.test('every option is there once, with its default', async (t) => {
  const rows = rowsBelow('Options')
  t.strictSame(rows.map(([option]) => option!.replaceAll('`', '')).sort(), Object.keys(optionTable).sort())
  for (const [option, defaultCell, effect] of rows) {
    const definition = optionTable[option!.replaceAll('`', '') as keyof typeof optionTable]
    t.equal(defaultCell, definition && defaultText(definition), option)
    t.ok(effect, `${option} has an effect`)
  }
})

t.test('every event is there', async (t) => {
  const types = readFileSync(join(checkout, 'lib', 'types.ts'), 'utf8')
  const [, body] = /^export interface StoreEvents \{\n(.*?)^\}/ms.exec(types)!
  const events = [...body!.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name)
  t.strictSame(namesBelow('Events').sort(), events.sort())
})

t.test('every error code is there', async (t) => {
  t.strictSame(namesBelow('Errors').sort(), [...errorCodes].sort())
})

t.test('every verb of the command line is there, and in the README', async (t) => {
  const { stdout } = await command(['--help'])
  const verbs = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, verb]) => verb!)
  t.ok(verbs.includes('doctor'))
  t.strictSame(namesBelow('The command line').map((name) => name.split(' ')[0]!), verbs)
  const readme = readFileSync(join(checkout, 'README.md'), 'utf8')
  for (const verb of verbs) t.match(readme, new RegExp(`mqstore ${verb}\\b`), `the README has ${verb}`)
})
