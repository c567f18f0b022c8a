import { join } from 'node:path'
import { selectBackend } from '../../lib/storage/backend'
import { compareQuarters, measureFootprint, type Footprint } from './footprint'
import type { Layer, LayerContext } from './layer'
import { SoakLife } from './soak-life'
import { SoakStory } from './soak-story'
import { within } from './within'

/** The two lines of the engine, with each way to flush: so many stores live at the same time. */
const kinds = (['4.9', '5.3'] as const).flatMap((compatibility) =>
  (['SYNC_FLUSH', 'ASYNC_FLUSH'] as const).map((flushDiskType) => ({ compatibility, flushDiskType })))

/** Milliseconds of a life. */
const LIFE = 10_000
/** Milliseconds beyond that, after which something hangs that nobody waits for. */
const LIFE_PATIENCE = 60_000

/** A case is ten seconds of one store's life: four at a time, so that 48 of them take two minutes, and 1,440 an hour. */
export const soak: Layer = {
  name: 'soak',
  story: 'stores live for a long time in one process, with all that goes wrong mixed: nothing acknowledged is lost, and nothing piles up',
  cases: { ci: 48, full: 1440 },
  lacks() {
    if (process.platform !== 'linux') return 'needs Linux, to count descriptors and maps'
    return selectBackend('auto').capabilities.has('unmap') ? undefined : 'needs the native backend, which gives memory back at once'
  },
  async run(context) {
    const samples: Footprint[] = []
    let index = context.first
    const onRejection = (reason: unknown): void => context.fail(index, `unhandled rejection: ${(reason as Error).stack}`)
    process.on('unhandledRejection', onRejection)
    try {
      for (const end = context.first + context.count; index < end && !context.isOver; index += kinds.length) {
        const together = Array.from({ length: Math.min(kinds.length, end - index) }, (_, at) => live(context, index + at))
        await Promise.all(together)
        samples.push(await measureFootprint(context.directory))
      }
    } finally {
      process.off('unhandledRejection', onRejection)
    }
    judgeFootprints(context, samples)
  },
}

async function live(context: LayerContext, index: number): Promise<void> {
  const story = new SoakStory()
  const directory = join(context.directory, String(index))
  const life = new SoakLife({ ...kinds[index % kinds.length]!, seed: context.seed, index, directory, real: selectBackend('auto'), story })
  try {
    if (!(await within(LIFE + LIFE_PATIENCE, life.run(LIFE)))) story.accuse('the life does not end')
  } catch (error) {
    story.accuse((error as Error).stack!)
  }
  for (const [figure, value] of Object.entries(story.figures)) context.add(figure, value)
  if (story.wrong.length > 0) context.fail(index, `${story}`)
  else context.done()
}

/** Measured between two lots of stores, when none is open: then all that is left has piled up. */
function judgeFootprints(context: LayerContext, samples: readonly Footprint[]): void {
  for (const { name, second, last, isFlat } of compareQuarters(samples)) {
    context.add(`${name} in the second quarter`, second)
    context.add(`${name} in the last`, last)
    if (!isFlat) context.fail(context.first + context.count - 1, `${name} pile up in ${context.count} lives: ${second}, and later ${last}`)
  }
  const held = samples.at(-1)?.maps ?? 0
  if (held > 0) context.fail(context.first + context.count - 1, `${held} maps are left of stores that are closed`)
}
