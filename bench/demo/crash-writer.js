import { MessageStore } from '../../dist/esm.mjs'
import { storeOptions } from './store-options.js'
import { messageOf } from './traffic.js'

/** Writes until it is killed, and says of each message when it has been acknowledged. */

const inFlight = 64
const { directory, properties, firstNumber } = JSON.parse(process.argv[2])
const store = await MessageStore.open(directory, { ...storeOptions(properties), flushDiskType: 'SYNC_FLUSH' })
let next = firstNumber

async function writeForever() {
  for (;;) {
    const number = next++
    const { status, offset } = await store.put(messageOf(number))
    if (status === 'PUT_OK') process.send({ number, offset })
  }
}

await Promise.all(Array.from({ length: inFlight }, writeForever))
