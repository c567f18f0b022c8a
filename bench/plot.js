import { describeAmount } from './report.js'
import { describeMachineLine } from './results.js'
import { formats } from './units.js'

/** A picture of a workload: for each row a bar as long as the median of each side, and a line from the least to the most. */

const width = 760
const labelWidth = 130
const valueWidth = 170
const barsWidth = width - labelWidth - valueWidth
const barHeight = 16
const rowGap = 16
const titleHeight = 30
const lineHeight = 16

/** Read in the light and in the dark, whatever it is laid on. */
const style = `
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .heading { font-size: 15px; font-weight: 600 }
    .title { font-weight: 600 }
    .quiet { fill: #57606a; font-size: 11px }
    .bar { fill: #a8b1bb }
    .ours { fill: #2f81f7 }
    .spread { stroke: #24292f; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .quiet { fill: #9198a1 }
      .bar { fill: #57606a }
      .ours { fill: #4493f8 }
      .spread { stroke: #e6edf3 }
    }
  `

/** @param rows of results.js, all of them @returns SVG */
export function plotWorkload(workload, { machine, rounds, rows }) {
  const own = rows.filter((row) => row.workload === workload.name)
  const groups = [...new Set(own.map(({ title }) => title))].map((title) => own.filter((row) => row.title === title))
  const lead = [
    describeAmount(workload),
    `Medians of ${rounds === 1 ? '1 round' : `${rounds} rounds`}, with least and most; × says how much better mqstore is`,
  ]
  const { fileSystem, ...hardware } = machine
  const foot = [...describeDurability(workload, own), describeMachineLine(hardware), fileSystem]
  let y = titleHeight + lead.length * lineHeight + rowGap
  const parts = groups.map((group) => {
    const part = drawGroup(group, y)
    y += (group.length + 1) * (barHeight + 4) + rowGap
    return part
  })
  const height = y + foot.length * lineHeight + 6
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `  <style>${style}</style>`,
    text(12, 24, workload.title, 'heading'),
    ...lead.map((line, index) => text(12, titleHeight + (index + 1) * lineHeight - 4, line, 'quiet')),
    ...parts,
    ...foot.map((line, index) => text(12, y + index * lineHeight + 6, line, 'quiet')),
    '</svg>',
    '',
  ].join('\n')
}

/** Once for all that have the store's own mode, and for each side that has another. */
function describeDurability({ flushDiskType }, rows) {
  const others = rows.filter(({ durability }) => durability !== flushDiskType).map(({ sideTitle, durability }) => `${sideTitle}: ${durability}`)
  return [`Durability: ${flushDiskType}`, ...new Set(others)]
}

/** Rows of one title, which have a scale of their own. */
function drawGroup(group, y) {
  const [{ title, unit }] = group
  const most = Math.max(...group.map(({ max }) => max))
  const xOf = (value) => labelWidth + (most > 0 ? (Math.max(0, value) / most) * barsWidth : 0)
  const bars = group.map((row, index) => drawBar(row, y + (index + 1) * (barHeight + 4), xOf))
  return [text(12, y + 12, `${title} (${unitTitles[unit]})`, 'title'), ...bars].join('\n')
}

function drawBar({ side, sideTitle, unit, median, min, max, ratio }, y, xOf) {
  const middle = y + barHeight / 2
  const value = `${formats[unit](median)}${ratio === undefined ? '' : `  × ${ratio.toFixed(2)}`}`
  const spread = `M${round(xOf(min))} ${middle}H${round(xOf(max))}M${round(xOf(min))} ${middle - 4}v8M${round(xOf(max))} ${middle - 4}v8`
  return [
    text(labelWidth - 8, middle + 4, sideTitle, undefined, 'end'),
    `  <rect class="${side === 'mqstore' ? 'ours' : 'bar'}" x="${labelWidth}" y="${y}" width="${round(xOf(median) - labelWidth)}" height="${barHeight}" rx="2"/>`,
    `  <path class="spread" fill="none" d="${spread}"/>`,
    text(labelWidth + barsWidth + 10, middle + 4, value),
  ].join('\n')
}

const unitTitles = {
  rate: 'per second, more is better',
  milliseconds: 'time, less is better',
  bytes: 'bytes, less is better',
  bytesPerSecond: 'MB per second, more is better',
  share: 'share, less is better',
}

function text(x, y, content, className, anchor) {
  const attributes = [className === undefined ? '' : ` class="${className}"`, anchor === undefined ? '' : ` text-anchor="${anchor}"`].join('')
  return `  <text x="${x}" y="${y}"${attributes}>${escape(content)}</text>`
}

function escape(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function round(number) {
  return Math.round(number * 10) / 10
}
