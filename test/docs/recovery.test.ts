import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { layoutCases } from '../../lib/recovery/layout'
import { recoveryCases } from '../../lib/recovery/recovery-cases'

/*
 * The story: an operator looks up the row that an open reports. The tables in docs/recovery.md have to be the ones that the
 * library decides by.
 */

const checkout = join(__dirname, '..', '..', '..')
const { withTables } = require(join(checkout, 'docs', 'recovery-tables.js')) as {
  withTables(text: string, tables: { layoutCases: unknown; recoveryCases: unknown }): string
}

t.test('the tables of docs/recovery.md are those of the library', async (t) => {
  const text = readFileSync(join(checkout, 'docs', 'recovery.md'), 'utf8')
  const made = withTables(text, { layoutCases, recoveryCases })
  t.notMatch(made, /undefined/)
  t.ok(made === text, 'docs/recovery.md is up to date; if not: npm run docs')
})
