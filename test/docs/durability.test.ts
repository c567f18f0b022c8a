import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { recordFields } from '../torture/record-fields'

/*
 * The story: somebody wants to know what damage the store notices. The table in docs/durability.md has to be the one that the
 * layer damaged-images holds the store to.
 */

const checkout = join(__dirname, '..', '..', '..')
const { withFields } = require(join(checkout, 'docs', 'durability-tables.js')) as { withFields(text: string, fields: unknown): string }

t.test('the table of what catches a flipped bit is that of the torture', async (t) => {
  const text = readFileSync(join(checkout, 'docs', 'durability.md'), 'utf8')
  const made = withFields(text, recordFields)
  t.notMatch(made, /undefined/)
  t.ok(made === text, 'docs/durability.md is up to date; if not: npm run docs')
})
