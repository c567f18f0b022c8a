import { resolve } from 'node:path'
import { applyRepair, type PreparedRepair } from '../../repair/apply-plan'
import { backendOf } from '../../check/backend-of'
import { checkStore } from '../../check/check-store'
import { RepairPlan } from '../../repair/repair-plan'
import { ExitCode } from '../exit-code'
import { printApplied, printPlan } from '../repair-output'
import { countOf } from '../units'
import type { Verb, VerbContext } from '../verb'

export const repair: Verb = {
  name: 'repair',
  operands: 'DIR',
  summary:
    'Says what is to be done about the findings of check, and with --apply does it. Nothing is deleted without a copy in ' +
    'DIR/quarantine. It may be interrupted at any time: the next open or repair goes on.',
  options: [
    { name: 'apply', description: 'does it; the store must not be open elsewhere' },
    { name: 'json', description: 'prints NDJSON: the steps, then a summary' },
  ],
  example: 'mqstore repair ./store --apply',
  exits: 'Exit code 1: there is something to repair, or with --apply something that cannot be repaired.',
  async run(context) {
    const { output, terminal: { machine }, arguments: given, openOptions } = context
    const directory = resolve(given.positionals[0]!)
    const plan = new RepairPlan(backendOf(openOptions).files, directory)
    const prepare = (): Promise<PreparedRepair> => fill(plan, directory, context)
    if (given.has('apply')) {
      await printApplied(await applyRepair(directory, openOptions, machine.clock.now(), prepare), given.has('json'), output)
    } else {
      await printPlan(await prepare(), given.has('json'), output)
    }
    if (plan.unrepairable > 0) output.message(`${countOf(plan.unrepairable, 'finding')} cannot be repaired; mqstore check says more`)
    const isDone = plan.unrepairable === 0 && (given.has('apply') || plan.steps.length === 0)
    return isDone ? ExitCode.fine : ExitCode.findings
  },
}

async function fill(plan: RepairPlan, directory: string, { openOptions, output }: VerbContext): Promise<PreparedRepair> {
  const { maxPhyOffset } = await checkStore(directory, openOptions, {
    onFinding: async (finding) => plan.add(finding),
    onProgress: (progress) => output.progress(progress),
  })
  return { steps: plan.steps, logEnd: maxPhyOffset }
}
