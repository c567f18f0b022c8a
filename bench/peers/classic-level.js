import { ClassicLevel } from 'classic-level'
import { gathered } from './gathered.js'
import { partsOf, valueOf } from './value.js'

/** A value for each number, which are in order. */
export async function openPeer(directory, { isSync, bodySize }) {
  const database = new ClassicLevel(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await database.open()
  const operationOf = (number, message) => ({ type: 'put', key: keyOf(number), value: valueOf(message) })
  const commit = (operations) => database.batch(operations, { sync: isSync })
  return {
    write: (first, messages) => commit(messages.map((message, index) => operationOf(first + index, message))),
    put: gathered((waiting) => commit(waiting.map(({ number, message }) => operationOf(number, message)))),
    async *read() {
      for await (const value of database.values()) yield partsOf(value, bodySize)
    },
    close: () => database.close(),
  }
}

function keyOf(number) {
  const key = Buffer.allocUnsafe(4)
  key.writeUInt32BE(number)
  return key
}
