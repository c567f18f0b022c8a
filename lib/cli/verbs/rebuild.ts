import { resolve } from 'node:path'
import { backendOf } from '../../check/backend-of'
import { applyRepair, type PreparedRepair } from '../../repair/apply-plan'
import { RepairPlan } from '../../repair/repair-plan'
import { ExitCode, UsageError } from '../exit-code'
import { withStore } from '../open-for-reading'
import { printApplied, printPlan } from '../repair-output'
import type { Verb } from '../verb'

export const rebuild: Verb = {
  name: 'rebuild',
  operands: 'DIR queues|index',
  summary:
    'Makes the queues or the index again from the log. Without --apply it says what would be done. The old files go to ' +
    'DIR/quarantine. It may be interrupted at any time: the next open goes on.',
  options: [
    { name: 'apply', description: 'does it; the store must not be open elsewhere' },
    { name: 'json', description: 'prints NDJSON: the steps, then a summary' },
  ],
  example: 'mqstore rebuild ./store index --apply',
  async run(context) {
    const { output, terminal: { machine }, arguments: given, openOptions } = context
    const directory = resolve(given.positionals[0]!)
    const what = given.positionals[1]
    if (what !== 'queues' && what !== 'index') throw new UsageError(`rebuild makes queues or index, not ${JSON.stringify(what)}`)
    const plan = new RepairPlan(backendOf(openOptions).files, directory)
    // Without a log there would be nothing to make them from, which this open refuses.
    const prepare = (): Promise<PreparedRepair> => withStore(context, async (store) => {
      if (what === 'index' && !store.options.messageIndexEnable) throw new UsageError('messageIndexEnable is false: there would be no index')
      plan.rebuild(what, 'asked for')
      return { steps: plan.steps, logEnd: store.maxPhyOffset }
    }, {})
    if (given.has('apply')) {
      await printApplied(await applyRepair(directory, openOptions, machine.clock.now(), prepare), given.has('json'), output)
    } else {
      await printPlan(await prepare(), given.has('json'), output)
    }
    return ExitCode.fine
  },
}
