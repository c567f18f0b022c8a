import { readFileSync, readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What this process holds while it has nothing to do. */
export interface Footprint {
  'KiB of heap': number
  'KiB outside of it': number
  'KiB resident': number
  descriptors: number
  maps: number
}

/** How much of each may come with time without being called growth: what the engine under us keeps for later. */
const slack: Footprint = { 'KiB of heap': 2048, 'KiB outside of it': 1024, 'KiB resident': 24 * 1024, descriptors: 0, maps: 0 }

/** Turns and collections after which whatever waits for a finalizer has had it. */
const COLLECTIONS = 4

/** @param directory whose files' maps are counted */
export async function measureFootprint(directory: string): Promise<Footprint> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let count = 0; count < COLLECTIONS; count++) {
    collect()
    await new Promise((resume) => setTimeout(resume, 10))
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    'KiB of heap': Math.round(heapUsed / 1024),
    'KiB outside of it': Math.round(external / 1024),
    'KiB resident': Math.round(rss / 1024),
    descriptors: readdirSync('/proc/self/fd').length,
    maps: readFileSync('/proc/self/maps', 'utf8').split('\n').filter((line) => line.includes(`${directory}/`)).length,
  }
}

/** The medians of the second quarter, when all is warm, and of the last. */
export function compareQuarters(samples: readonly Footprint[]): { name: string; second: number; last: number; isFlat: boolean }[] {
  const quarter = Math.floor(samples.length / 4)
  if (quarter === 0) return []
  return (Object.keys(slack) as (keyof Footprint)[]).map((name) => {
    const second = median(samples.slice(quarter, 2 * quarter).map((sample) => sample[name]))
    const last = median(samples.slice(-quarter).map((sample) => sample[name]))
    return { name, second, last, isFlat: last <= second + slack[name] }
  })
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1]!
}
