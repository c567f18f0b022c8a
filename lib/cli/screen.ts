/** Text for people: aligned, and coloured where somebody looks at it. */

/** Each with the code of the terminal that begins it. */
const paints = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

export type Paint = keyof typeof paints

/** Colours a text, or leaves it as it is. */
export type Painter = (paint: Paint, text: string) => string

export const plain: Painter = (_paint, text) => text

/** Colour goes to terminals only, and to none where the environment speaks against it. */
export function painterFor(stream: { isTTY?: boolean }, environment: Readonly<Record<string, string | undefined>>): Painter {
  const isUnwanted = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb'
  if (stream.isTTY !== true || isUnwanted) return plain
  return (paint, text) => `\u001b[${paints[paint]}m${text}\u001b[0m`
}

const LABEL_WIDTH = 14

/** A line `label   value`; lines that go on have no label. */
export function row(label: string, value: string, paint: Painter = plain): string {
  return `${paint('dim', label.padEnd(LABEL_WIDTH))} ${value}`
}

/** Items as rows under one label, cut to so many that all fits one screen. */
export function listRows<Item>(label: string, items: readonly Item[], describe: (item: Item) => string, { paint = plain, max = 10 } = {}): string[] {
  const rows = items.slice(0, max).map((item, index) => row(index === 0 ? label : '', describe(item), paint))
  return items.length > max ? [...rows, row('', `… and ${items.length - max} more; --json has all`, paint)] : rows
}

export interface Column {
  title: string
  /** Numbers end where their column ends. */
  align?: 'right'
}

/** Lines of a table, its titles first. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Painter = plain): string[] {
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...rows.map((cells) => cells[index]!.length)))
  const line = (cells: readonly string[]): string => cells
    .map((cell, index) => (columns[index]!.align === 'right' ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!)))
    .join('  ')
    .trimEnd()
  return [paint('dim', line(columns.map(({ title }) => title))), ...rows.map(line)]
}
