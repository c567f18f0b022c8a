'use strict'

// Fails where the tests run too few lines of lib/. Reads what `tap report json-summary` has written.
//
//   node .ci/coverage.js LEAST_PERCENT

const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const least = Number(process.argv[2])
const summary = JSON.parse(fs.readFileSync(path.join(root, '.tap', 'report', 'coverage-summary.json'), 'utf8'))

/** Types alone, and names handed on, leave nothing to run: a directive, a mark, an export. */
function hasCode(source) {
  const compiled = path.join(root, 'build', source.replace(/\.([cm]?)ts$/, '.$1js'))
  const text = fs.readFileSync(compiled, 'utf8').replace(/\/\*.*?\*\//gs, '').replace(/\/\/.*$/gm, '')
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  return lines.some((line) => !/^("use strict"|Object\.defineProperty\(exports, "__esModule"|export \{.*\}( from '.*')?;$)/.test(line))
}

const files = fs
  .readdirSync(path.join(root, 'lib'), { recursive: true })
  .map((name) => path.join('lib', name))
  .filter((name) => /(?<!\.d)\.[cm]?ts$/.test(name) && hasCode(name))
let total = 0
let covered = 0
for (const file of files.sort()) {
  const lines = summary[path.join(root, file)]?.lines
  if (lines === undefined) {
    // What no test loads counts in full.
    total += fs.readFileSync(path.join(root, file), 'utf8').split('\n').length
    console.log(`${file}: no test loads it`)
    continue
  }
  total += lines.total
  covered += lines.covered
  if (lines.pct < least) console.log(`${file}: ${lines.pct} % of ${lines.total} lines`)
}
const percent = Math.floor((covered * 10_000) / total) / 100
console.log(`${percent} % of the ${total} lines of lib/ are run by the tests; at least ${least} % are wanted`)
process.exitCode = percent >= least ? 0 : 1
