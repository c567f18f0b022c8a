import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { gathered } from './gathered.js'

/** A row for each message. */
export function openPeer(directory, { isSync }) {
  mkdirSync(directory, { recursive: true })
  const database = new Database(join(directory, 'messages.db'))
  database.pragma('journal_mode = WAL')
  database.pragma(`synchronous = ${isSync ? 'FULL' : 'NORMAL'}`)
  database.exec('CREATE TABLE messages (number INTEGER PRIMARY KEY, topic TEXT, queue INTEGER, tags TEXT, keys TEXT, body BLOB)')
  const insert = database.prepare('INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)')
  const insertMessage = (number, { topic, queueId, properties, body }) => insert.run(number, topic, queueId, properties.TAGS, properties.KEYS, body)
  return {
    write: database.transaction((first, messages) => messages.forEach((message, index) => insertMessage(first + index, message))),
    put: gathered(database.transaction((waiting) => waiting.forEach(({ number, message }) => insertMessage(number, message)))),
    *read() {
      for (const { keys, body } of database.prepare('SELECT keys, body FROM messages ORDER BY number').iterate()) yield { key: keys, body }
    },
    close: () => database.close(),
  }
}
