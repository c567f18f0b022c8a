import type { AppliedRepair, PreparedRepair } from '../repair/apply-plan'
import type { RepairStep } from '../repair/repair-plan'
import type { Output } from './output'

/** Prints what would be done. */
export async function printPlan({ steps }: Pick<PreparedRepair, 'steps'>, isJson: boolean, output: Output): Promise<void> {
  for (const step of steps) await output.line(isJson ? JSON.stringify(step) : describe(step))
  if (isJson) await output.json({ steps: steps.length, applied: false })
  else if (steps.length === 0) await output.line('nothing to do')
  else output.message('this is the plan; --apply does it')
}

/** Prints what was done. */
export async function printApplied({ steps, quarantine, recovery }: AppliedRepair, isJson: boolean, output: Output): Promise<void> {
  for (const step of steps) await output.line(isJson ? JSON.stringify(step) : describe(step))
  if (isJson) {
    await output.json({ steps: steps.length, applied: true, quarantine: quarantine ?? null, recovery: recovery?.label ?? null })
  } else if (recovery === undefined) {
    await output.line('nothing to do')
  } else {
    await output.line(`done (${recovery.label}: ${recovery.story})${quarantine === undefined ? '' : `; what was taken out is in ${quarantine}`}`)
  }
}

function describe(step: RepairStep): string {
  switch (step.step) {
    case 'copy':
      return `copy bytes ${step.from} to ${step.to} of ${step.file} to quarantine: ${step.reason}`
    case 'move':
      return `move ${step.file} to quarantine: ${step.reason}`
    case 'open':
      return `open the store: ${step.reason}`
  }
}
