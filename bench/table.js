/**
 * Columns side by side, the first `left` to the left and the others to the right. A row of one cell is a line by itself.
 * @param rows the first has all columns
 */
export function formatTable(rows, left = 1) {
  const whole = rows.filter((row) => row.length > 1)
  const widths = rows[0].map((_, column) => Math.max(...whole.map((row) => row[column].length)))
  const formatCell = (cell, column) => (column < left ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))
  return rows.map((row) => (row.length === 1 ? row[0] : row.map(formatCell).join('  ')).trimEnd()).join('\n')
}

export function formatCount(number) {
  return Math.round(number).toLocaleString('en-US')
}

export function formatRate(perSecond, unit) {
  return `${formatCount(perSecond)} ${unit}/s`
}

export function formatBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : formatMegabytes(bytes)
}

export function formatMegabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

export function formatMilliseconds(milliseconds) {
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`
}
