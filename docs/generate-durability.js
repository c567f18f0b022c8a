'use strict'

// Makes the table of docs/durability.md anew, from the one in build/.

const fs = require('node:fs')
const path = require('node:path')
const { withFields } = require('./durability-tables.js')
const { recordFields } = require('../build/test/torture/record-fields.js')

const file = path.join(__dirname, 'durability.md')
fs.writeFileSync(file, withFields(fs.readFileSync(file, 'utf8'), recordFields))
