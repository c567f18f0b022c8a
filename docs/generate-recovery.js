'use strict'

// Makes the tables of docs/recovery.md anew, from those in dist/.

const fs = require('node:fs')
const path = require('node:path')
const { withTables } = require('./recovery-tables.js')
const { layoutCases } = require('../dist/recovery/layout.js')
const { recoveryCases } = require('../dist/recovery/recovery-cases.js')

const file = path.join(__dirname, 'recovery.md')
fs.writeFileSync(file, withTables(fs.readFileSync(file, 'utf8'), { layoutCases, recoveryCases }))
