import { setTimeout as pause } from 'node:timers/promises'
import { MessageStore } from '../../../dist/esm.mjs'
import { findLost } from '../crash.js'
import { messageOf } from '../traffic.js'
import { readAll } from '../write-and-follow.js'

/**
 * A broker of the cluster in a process of its own, as far as there is one: a store that takes messages, or follows its master. Does what
 * the parent calls by name, and tells him how it stands.
 */

const inFlight = 64
const statusInterval = 100
/** Made by `open`. */
let store
let telling
let next = 0
let isProducing = false
let producing = Promise.resolve()
let unreported = []

const methods = {
  async open({ directory, options }) {
    store = await MessageStore.open(directory, options)
    await store.replication.start()
    // Whatever was acknowledged or not before: messages are numbered in the order in which the log has them.
    next = store.queues().reduce((sum, { minOffset, maxOffset }) => sum + maxOffset - minOffset, 0)
    telling = setInterval(tellStatus, statusInterval)
    tellStatus()
    return { address: store.replication.status().address, recovery: store.recovery }
  },
  /** Puts messages until it is told to stop, or killed. */
  produce() {
    isProducing = true
    producing = Promise.all(Array.from({ length: inFlight }, putInTurn))
  },
  async stop() {
    isProducing = false
    await producing
    tellAcknowledged()
    return { maxPhyOffset: store.maxPhyOffset }
  },
  /** Looks for each acknowledged message where it was acknowledged, and at everything else. */
  async verify({ acknowledged }) {
    const lost = findLost(store, acknowledged)
    const { seen } = await readAll(store)
    return { lost, seen }
  },
  async close() {
    clearInterval(telling)
    const { maxPhyOffset } = store
    await store.close()
    return { maxPhyOffset }
  },
}

process.on('disconnect', () => process.exit(1))
process.on('message', async ({ id, method, argument }) => {
  try {
    process.send({ id, result: await methods[method](argument) })
  } catch (error) {
    process.send({ id, error: error.stack })
  }
})

async function putInTurn() {
  while (isProducing) {
    const number = next++
    const { status, offset } = await store.put(messageOf(number))
    if (status !== 'PUT_OK') {
      // There is no slave, of which a put knows at once.
      await pause(10)
      continue
    }
    if (unreported.length === 0) setImmediate(tellAcknowledged)
    unreported.push({ number, offset })
  }
}

function tellAcknowledged() {
  if (unreported.length > 0) process.send({ acknowledged: unreported })
  unreported = []
}

function tellStatus() {
  const { role, replicas, master } = store.replication.status()
  process.send({ status: { role, replicas, master, maxPhyOffset: store.maxPhyOffset } })
}
