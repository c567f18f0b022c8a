import { open } from 'lmdb'
import { partsOf, valueOf } from './value.js'

/** What flushIntervalCommitLog is for the others. */
const syncInterval = 500

/** A value for each number, which are in order. */
export function openPeer(directory, { isSync, bodySize }) {
  // The map is sparse; where it has to be made larger, all stops.
  const database = open({
    path: directory, keyEncoding: 'uint32', encoding: 'binary', mapSize: 8 * 2 ** 30, overlappingSync: false, noSync: !isSync,
  })
  const sync = () => new Promise((resolve, reject) => database.sync((error) => (error ? reject(error) : resolve())))
  const syncing = isSync ? undefined : setInterval(sync, syncInterval)
  return {
    write(first, messages) {
      database.transactionSync(() => {
        for (let index = 0; index < messages.length; index++) database.putSync(first + index, valueOf(messages[index]), { append: true })
      })
    },
    put: (number, message) => database.put(number, valueOf(message)),
    *read() {
      for (const { value } of database.getRange()) yield partsOf(value, bodySize)
    },
    async close() {
      clearInterval(syncing)
      await sync()
      await database.close()
    },
  }
}
