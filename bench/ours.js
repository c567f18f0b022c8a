import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { MessageStore } from '../dist/esm.mjs'
import { measureColdReader } from './measures/cold-reader.js'
import { measureLookups, measureQueries, measureTimes } from './measures/finding.js'
import { measureGrowth } from './measures/growth.js'
import { measureMemory } from './measures/memory.js'
import { measureDecoding, measurePlaces, measureSlices, verify } from './measures/pulling.js'
import { measureSteadily } from './measures/steady.js'
import { measureAppending, measureBatches, measurePutting } from './measures/writing.js'

/**
 * One round of one workload on our store, the same work as in java/Bench.java: JSON in as the only argument, JSON
 * out as the last line. The configuration is the default one, flushDiskType aside.
 */

/** Each does what the workload says, and returns the figures that rows.js names. */
const measurements = {
  append: measureAppending,
  batch: measureBatches,
  put: measurePutting,
  steady: measureSteadily,
  pull: measurePlaces,
  slice: measureSlices,
  decode: measureDecoding,
  query: measureQueries,
  lookup: measureLookups,
  offsetByTime: measureTimes,
  coldReader: measureColdReader,
  memory: measureMemory,
  growth: measureGrowth,
}

const { workload, directory } = JSON.parse(process.argv[2])
// Who opens a store has a process that has just begun; most else is measured as it is once the process has warmed up.
if (workload.warmUp !== undefined) {
  const warmUpDirectory = join(directory, 'warm-up')
  await run({ ...workload, ...workload.warmUp }, warmUpDirectory)
  rmSync(warmUpDirectory, { recursive: true })
}
console.log(JSON.stringify(await run(workload, join(directory, 'measured'))))

async function run(workload, storeDirectory) {
  const { measures, flushDiskType, settings, rehearsed } = workload
  const opening = performance.now()
  const store = await MessageStore.open(storeDirectory, { flushDiskType, ...settings })
  const figures = { open: performance.now() - opening }
  for (const measure of measures.filter((name) => name in measurements)) {
    if (rehearsed) await measurements[measure](store, workload)
    Object.assign(figures, await measurements[measure](store, workload))
  }
  verify(store, workload)
  await store.close()
  return figures
}
