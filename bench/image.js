import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore } from '../dist/esm.mjs'
import { appendAll } from './traffic.js'

/**
 * Makes the store that a workload opens, of which each round gets a copy: JSON in as the only argument. One that has
 * `crashed` has the mark of it, and a checkpoint that vouches for nothing.
 */

const checkpointSize = 4096
const { workload, directory } = JSON.parse(process.argv[2])
const store = await MessageStore.open(directory, { flushDiskType: workload.flushDiskType, ...workload.settings })
await appendAll(store, workload)
await store.close()
if (workload.image === 'crashed') {
  writeFileSync(join(directory, 'abort'), '')
  writeFileSync(join(directory, 'checkpoint'), Buffer.alloc(checkpointSize))
}
