import type { LayerContext } from './layer'

/** Runs the cases of a layer, some at the same time: while one waits for its process another looks at its files. */
export async function inLanes(context: LayerContext, lanes: number, runCase: (index: number) => Promise<void>): Promise<void> {
  let next = context.first
  const end = context.first + context.count
  const lane = async (): Promise<void> => {
    while (next < end && !context.isOver) await runCase(next++)
  }
  await Promise.all(Array.from({ length: Math.min(lanes, context.count) }, lane))
}
