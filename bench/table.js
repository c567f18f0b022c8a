/** Columns side by side, the first to the left and the others to the right. */
export function formatTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const formatCell = (cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))
  return rows.map((row) => row.map(formatCell).join('  ').trimEnd()).join('\n')
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
