import { commonOf, openDatabase } from './lmdb.js'
import { valueOf } from './value.js'

/** What flushIntervalCommitLog is for the others. */
const syncInterval = 500

/** Nothing is synced but by the clock: a power cut may cost more than what is new. */
export function openPeer(directory, { bodySize }) {
  const database = openDatabase(directory, { overlappingSync: false, noSync: true })
  const sync = () => new Promise((resolve, reject) => database.sync((error) => (error ? reject(error) : resolve())))
  const syncing = setInterval(sync, syncInterval)
  return {
    ...commonOf(database, bodySize),
    write(first, messages) {
      database.transactionSync(() => {
        for (let index = 0; index < messages.length; index++) database.putSync(first + index, valueOf(messages[index]), { append: true })
      })
    },
    async close() {
      clearInterval(syncing)
      await sync()
      await database.close()
    },
  }
}
