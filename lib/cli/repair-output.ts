import type { AppliedRepair, PreparedRepair } from '../repair/apply-plan'
import type { RepairStep } from '../repair/repair-plan'
import type { Output } from './output'
import type { Painter } from './screen'

/** Prints what would be done. */
export async function printPlan({ steps }: Pick<PreparedRepair, 'steps'>, isJson: boolean, output: Output): Promise<void> {
  for (const step of steps) await output.line(isJson ? JSON.stringify(step) : describe(step, output.paint))
  if (isJson) await output.json({ steps: steps.length, applied: false })
  else if (steps.length === 0) await output.line('nothing to do')
  else output.message('this is the plan; --apply does it')
}

/** Prints what was done. */
export async function printApplied({ steps, quarantine, recovery }: AppliedRepair, isJson: boolean, output: Output): Promise<void> {
  for (const step of steps) await output.line(isJson ? JSON.stringify(step) : describe(step, output.paint))
  if (isJson) {
    await output.json({ steps: steps.length, applied: true, quarantine: quarantine ?? null, recovery: recovery?.label ?? null })
  } else if (recovery === undefined) {
    await output.line('nothing to do')
  } else {
    await output.line(`done (${recovery.label}: ${recovery.story})${quarantine === undefined ? '' : `; what was taken out is in ${quarantine}`}`)
  }
}

function describe(step: RepairStep, paint: Painter): string {
  return `${paint('bold', step.step)}  ${describeWork(step)}\n      ${step.reason}`
}

function describeWork(step: RepairStep): string {
  switch (step.step) {
    case 'copy':
      return `bytes ${step.from} to ${step.to} of ${step.file} to quarantine`
    case 'move':
      return `${step.file} to quarantine`
    case 'open':
      return 'the store'
  }
}
