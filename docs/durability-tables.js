'use strict'

// The table of docs/durability.md that says what catches a flipped bit, made from the one that the torture holds the store to.

const { replaceBetweenMarks, table } = require('./recovery-tables.js')

const catchers = {
  'framing': 'framing',
  'crc': 'CRC of the body',
  'entry': 'queue entry',
  'property-crc': 'only with `enabledAppendPropCRC`',
}

/** @param fields `recordFields` of test/torture/record-fields.ts */
function fieldTable(fields) {
  return table([['field', 'caught by', ''], ...fields.map(({ name, caughtBy, note }) => [name, catchers[caughtBy], note])])
}

/** The text of docs/durability.md with its table made anew. */
function withFields(text, fields) {
  return replaceBetweenMarks(text, 'field table', fieldTable(fields))
}

module.exports = { withFields }
