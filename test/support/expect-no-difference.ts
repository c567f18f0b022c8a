import type { Test } from 'tap'

/** Passes when there is no difference; else fails with the difference in full. */
export function expectNoDifference(test: Test, difference: string | undefined, name: string): void {
  if (difference === undefined) test.pass(name)
  else test.fail(name, { difference })
}
