import { inMemory } from './fast-directory'
import { inLanes } from './lanes'
import type { Layer, LayerContext } from './layer'
import { Network } from './network'
import { planRound, type RoundPlan } from './replication-plan'
import { Processes } from './replication-processes'
import { ReplicationRound } from './replication-round'

/** Rounds at the same time: most of each is waiting. */
const LANES = 3
/** Bytes that all rounds at work may take. */
const DISK_NEEDED = 64 << 20
/** Of the story of a round that failed. */
const LINES_TOLD = 40

export const replication: Layer = {
  name: 'replication',
  story: 'a synchronous master and its slaves, with all that can go wrong between and in them; the master is lost, and what it acknowledged is on a slave, once',
  cases: { ci: 300, full: 5000 },
  lacks: () => Network.lacks(),
  run: (context) => inMemory(context.directory, DISK_NEEDED, async (directory) => {
    const idle: Processes[] = []
    try {
      await inLanes(context, LANES, async (index) => {
        const plan = planRound(context.seed, index)
        if (!plan.isReal) return runCase(context, plan, new ReplicationRound(context.seed, plan))
        const processes = idle.pop() ?? (await Processes.start(directory))
        await runCase(context, plan, processes.take(context.seed, plan))
        idle.push(processes)
      })
    } finally {
      await Promise.all(idle.map((processes) => processes.end()))
    }
  }),
}

/** One round of any kind. */
interface Round {
  /** Adds to the figures of the summary. */
  readonly figures: Record<string, number>
  readonly story: readonly string[]
  /** @throws what is wrong */
  run(): Promise<void>
}

async function runCase(context: LayerContext, plan: RoundPlan, round: Round): Promise<void> {
  try {
    await round.run()
    for (const [figure, value] of Object.entries(round.figures)) context.add(figure, value)
    context.done()
  } catch (error) {
    const { random: _, cuts, options, ...rest } = plan
    context.fail(plan.index, [(error as Error).stack, JSON.stringify({ ...rest, ...options, cuts }), ...round.story.slice(-LINES_TOLD)].join('\n  '))
  }
}
