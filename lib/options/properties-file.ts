import { StoreError } from '../errors'

export interface Property {
  key: string
  value: string
  /** The line on which the key begins; 1 for the first. */
  line: number
}

/** A character of a logical line. An escaped one never separates or ends anything. */
interface Unit {
  character: string
  escaped: boolean
}

const namedEscapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

const unicodeEscapeAllowed = '\\u and four hexadecimal digits'

/**
 * Reads the text of a Java `.properties` file the way `java.util.Properties` does, with three
 * differences for the sake of files that people write by hand: a blank and a `#` behind a value
 * begin a comment, blanks at the end of a value are dropped, and the text is Unicode, not Latin-1.
 * Who needs ` #` or a last blank in a value escapes it with a backslash.
 *
 * Of a key that occurs twice the last one counts, and is the one returned.
 * @param file a name for errors
 */
export function parseProperties(text: string, file?: string): Property[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  const properties = new Map<string, Property>()
  let units: Unit[] = []
  let start = 0
  for (const [index, wholeLine] of lines.entries()) {
    const line = withoutLeadingBlanks(wholeLine)
    if (units.length === 0) {
      if (line.startsWith('#') || line.startsWith('!')) continue
      start = index + 1
    }
    const continues = readLine(line, units, { file, line: index + 1 })
    if (units.length === 0 || (continues && index + 1 < lines.length)) continue
    const property = { ...splitKeyAndValue(units), line: start }
    properties.delete(property.key)
    properties.set(property.key, property)
    units = []
  }
  return [...properties.values()]
}

function withoutLeadingBlanks(line: string): string {
  return line.replace(/^[ \t\f]+/, '')
}

/** Adds the characters of `line` to `units`; true where a backslash continues it on the next. */
function readLine(line: string, units: Unit[], place: { file?: string; line: number }): boolean {
  let position = 0
  while (position < line.length) {
    const character = line[position]
    position++
    if (character !== '\\') {
      // Key and value are parted by a blank at the latest, so a blank and # are never inside a key.
      if (character === '#' && isBlank(units.at(-1))) return false
      units.push({ character, escaped: false })
    } else if (position === line.length) {
      return true
    } else if (line[position] === 'u') {
      units.push({ character: unicodeEscape(line, position + 1, place), escaped: true })
      position += 5
    } else {
      units.push({ character: namedEscapes[line[position]] ?? line[position], escaped: true })
      position++
    }
  }
  return false
}

function unicodeEscape(line: string, position: number, place: { file?: string; line: number }) {
  const digits = line.slice(position, position + 4)
  if (/^[0-9a-fA-F]{4}$/.test(digits)) return String.fromCharCode(parseInt(digits, 16))
  const details = { ...place, value: `\\u${digits}`, allowed: unicodeEscapeAllowed }
  throw new StoreError(
    'ERR_INVALID_OPTION',
    `${place.file ?? 'properties'}:${place.line}: ${details.value} is not ${unicodeEscapeAllowed}.`,
    details,
  )
}

function splitKeyAndValue(units: readonly Unit[]): { key: string; value: string } {
  let position = 0
  while (position < units.length && !isBlank(units[position]) && !isSeparator(units[position])) {
    position++
  }
  const key = textOf(units.slice(0, position))
  while (isBlank(units[position])) position++
  if (isSeparator(units[position])) position++
  while (isBlank(units[position])) position++
  let end = units.length
  while (end > position && isBlank(units[end - 1])) end--
  return { key, value: textOf(units.slice(position, end)) }
}

function isBlank(unit: Unit | undefined): boolean {
  return unit !== undefined && !unit.escaped && ' \t\f'.includes(unit.character)
}

function isSeparator(unit: Unit | undefined): boolean {
  return unit !== undefined && !unit.escaped && '=:'.includes(unit.character)
}

function textOf(units: readonly Unit[]): string {
  return units.map((unit) => unit.character).join('')
}
