import { MessageStore } from '../../dist/esm.mjs'

/** The slave of ours.js, in a process of its own: opens a store, or closes it, as it is told. */

let store

const methods = {
  /** @returns how many bytes it has taken by the time that its log reaches `until`, and how long that took from the connection on */
  async follow({ directory, options, until }) {
    store = await MessageStore.open(directory, { ...options, brokerRole: 'SLAVE' })
    const from = store.maxPhyOffset
    const connected = new Promise((resolve) => store.once('masterConnected', () => resolve(performance.now())))
    const complete = new Promise((resolve) => {
      const endGrowth = store.replication.log.onGrowth(() => {
        if (store.maxPhyOffset < until) return
        endGrowth()
        resolve(performance.now())
      })
    })
    await store.replication.start()
    return { bytes: until - from, milliseconds: (await complete) - (await connected) }
  },
  async leave() {
    await store.close()
    store = undefined
  },
}

process.on('disconnect', () => process.exit())
process.on('message', async ({ method, argument }) => {
  try {
    process.send({ result: await methods[method](argument) })
  } catch (error) {
    process.send({ error: error.stack })
  }
})
