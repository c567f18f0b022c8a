'use strict'

// The two tables of docs/recovery.md, made from those that the library decides by.

const scans = {
  'nothing': 'nothing to scan',
  'refuse': 'refused: `ERR_LOG_MISSING`',
  'queues-end': 'from the segment in which the queues end',
  'checkpoint': 'from the newest segment older than the checkpoint',
  'log-start': 'from the start of the log',
}

const actions = {
  segment: 'used',
  ignored: 'left alone',
  removed: 'removed',
  completed: 'made longer with zeros',
  refused: 'refused: `ERR_SEGMENT_SIZE`',
}

function yesOrNo(value) {
  return value === 'any' ? '' : value ? 'yes' : 'no'
}

function table(rows) {
  const [head, ...body] = rows.map((cells) => `| ${cells.join(' | ')} |`)
  return [head, `|${'---|'.repeat(rows[0].length)}`, ...body].join('\n')
}

/** @param cases `layoutCases` of lib/recovery/layout.ts */
function layoutTable(cases) {
  return table([
    ['row', 'directory', 'name is a number', 'size', 'what is done', 'what has happened'],
    ...cases.map(({ label, isDirectory, hasSegmentName, size, action, story }) =>
      [label, yesOrNo(isDirectory), yesOrNo(hasSegmentName), size === 'any' ? '' : size, actions[action], story]),
  ])
}

/** @param cases `recoveryCases` of lib/recovery/recovery-cases.ts */
function recoveryTable(cases) {
  return table([
    ['row', 'log', 'queues', 'closed', 'index', 'queues whole', 'scan', 'what has happened'],
    ...cases.map(({ label, when, scan, story }) =>
      [label, ...['hasLog', 'hasQueues', 'isClean', 'hasIndex', 'queuesAreWhole'].map((fact) => yesOrNo(when[fact])), scans[scan], story]),
  ])
}

/** Puts `content` between the two marks called `name`. */
function replaceBetweenMarks(text, name, content) {
  const [begin, end] = [`<!-- ${name}, made by npm run docs -->`, `<!-- end of ${name} -->`]
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the marks of ${name} are missing`)
  return `${text.slice(0, from)}${begin}\n${content}\n${text.slice(to)}`
}

/** The text of docs/recovery.md with its tables made anew. */
function withTables(text, { layoutCases, recoveryCases }) {
  const withLayout = replaceBetweenMarks(text, 'layout table', layoutTable(layoutCases))
  return replaceBetweenMarks(withLayout, 'recovery table', recoveryTable(recoveryCases))
}

module.exports = { replaceBetweenMarks, table, withTables }
