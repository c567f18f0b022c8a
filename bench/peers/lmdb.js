import { open } from 'lmdb'
import { partsOf, valueOf } from './value.js'

/** Commits that are under way at once, where none has to be waited for. */
const outstandingMost = 8

/** As it comes: whole after a power cut; the disk gets a commit right behind it, or, when it is to wait for that, before it is acknowledged. */
export function openPeer(directory, { isSync, bodySize }) {
  const database = openDatabase(directory, { overlappingSync: !isSync })
  const outstanding = []
  return {
    ...commonOf(database, bodySize),
    /** Without waiting for the commits, which is faster than a transaction for each. */
    async write(first, messages) {
      outstanding.push(messages.map((message, index) => database.put(first + index, valueOf(message))).at(-1))
      if (outstanding.length === outstandingMost) await outstanding.shift()
    },
    finish: () => Promise.all(outstanding),
    close: () => database.close(),
  }
}

export function openDatabase(directory, options) {
  // The map is sparse; where it has to be made larger, all stops.
  return open({ path: directory, keyEncoding: 'uint32', encoding: 'binary', mapSize: 8 * 2 ** 30, ...options })
}

/** A value for each number, which are in order. */
export function commonOf(database, bodySize) {
  return {
    put: (number, message) => database.put(number, valueOf(message)),
    *read() {
      for (const { value } of database.getRange()) yield partsOf(value, bodySize)
    },
  }
}
