import { inLanes } from './lanes'
import type { Layer, LayerContext } from './layer'
import { planRound } from './replication-plan'
import { ReplicationRound } from './replication-round'

/** Rounds at the same time: most of each is waiting. */
const LANES = 3
/** Of the story of a round that failed. */
const LINES_TOLD = 40

export const replication: Layer = {
  name: 'replication',
  story: 'a synchronous master and its slaves, with all that can go wrong between and in them; the master is lost, and what it acknowledged is on a slave, once',
  cases: { ci: 300, full: 5000 },
  lacks: () => undefined,
  run: (context) => inLanes(context, LANES, (index) => runCase(context, index)),
}

async function runCase(context: LayerContext, index: number): Promise<void> {
  const plan = planRound(context.seed, index)
  if (plan.isReal) return context.done()
  const round = new ReplicationRound(context.seed, plan)
  try {
    await round.run()
    context.add('acknowledged', round.ledger.acknowledged.size)
    context.add('cuts', round.cutsMade)
    if (round.hasDiverged) context.add('diverged, and told', 1)
    context.done()
  } catch (error) {
    const { random: _, cuts, options, ...rest } = plan
    context.fail(index, `${(error as Error).stack}\n  ${JSON.stringify({ ...rest, ...options, cuts })}\n  ${round.story.slice(-LINES_TOLD).join('\n  ')}`)
  }
}
