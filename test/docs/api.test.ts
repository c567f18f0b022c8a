import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

/*
 * The story: documentation that is written by hand is wrong a month later. API.md is made from the docstrings; here it is
 * made again and compared, and everything exported has to have a docstring, every error code its paragraph.
 *
 * Not proved here: that what the docstrings say is true.
 */

const checkout = join(__dirname, '..', '..', '..')
const { generateApi, apiFile } = require(join(checkout, 'docs', 'generate-api.js')) as {
  generateApi(): { text: string; problems: string[] }
  apiFile: string
}

t.test('everything exported is documented, and API.md is what the docstrings make', async (t) => {
  const { text, problems } = generateApi()
  t.strictSame(problems, [])
  t.ok(readFileSync(apiFile, 'utf8') === text, 'API.md is up to date; if not: npm run docs')
})

t.test('links between the documents lead somewhere', async (t) => {
  const documents = [
    'README.md', 'API.md', 'CHANGELOG.md', 'docs/format.md', 'docs/recovery.md', 'docs/operations.md', 'docs/errors.md',
    'docs/durability.md', 'docs/replication.md', 'docs/observation.md', 'docs/performance.md',
  ]
  for (const document of documents) {
    const text = readFileSync(join(checkout, document), 'utf8')
    for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target!)) continue
      const [path, anchor] = target!.split('#')
      const file = path === '' ? join(checkout, document) : join(checkout, document, '..', path!)
      const found = existsSync(file) && (anchor === undefined || anchorsOf(file).has(anchor))
      t.ok(found, `${document}: ${target}`)
    }
  }
})

function anchorsOf(file: string): Set<string> {
  return new Set([...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!)))
}

function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{Letter}\p{Number}_ -]/gu, '').replaceAll(' ', '-')
}
