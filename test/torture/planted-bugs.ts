import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Layer, LayerContext } from './layer'
import { MUTANT_DOES_NOT_FIT } from './mutate'
import { mutants, type Mutant } from './mutants'

/** Milliseconds that one mutant may take to be killed. */
const PATIENCE = 10 * 60_000
const build = join(__dirname, '..', '..')

/** A harness that cannot fail proves nothing: each case plants one bug, and somebody has to notice. */
export const plantedBugs: Layer = {
  name: 'planted-bugs',
  story: 'each way to break the promise, planted on purpose: the layer or test that guards against it fails',
  cases: { ci: mutants.length, full: mutants.length },
  lacks: () => undefined,
  async run(context) {
    for (let index = context.first; index < Math.min(context.first + context.count, mutants.length) && !context.isOver; index++) {
      const mutant = mutants[index]!
      const survival = survive(mutant, context)
      if (survival === undefined) context.done()
      else context.fail(index, `${mutant.name}: ${survival}`)
    }
  },
}

/** @returns undefined where the mutant was killed */
function survive(mutant: Mutant, { seed, directory }: LayerContext): string | undefined {
  const { killedBy } = mutant
  const [script, ...rest] = 'test' in killedBy
    ? [join(build, 'test', `${killedBy.test}.test.js`)]
    : [join(build, 'test', 'torture', 'run.js'), '--seed', String(seed), '--only', killedBy.layer, '--cases', String(killedBy.cases), '--first-failure', '--json']
  const { status, signal, stderr, stdout } = spawnSync(process.execPath, ['--require', join(__dirname, 'mutate.js'), script!, ...rest], {
    cwd: mkdtempSync(join(directory, 'killer-')),
    // A test that runs out of time has noticed nothing.
    env: { ...process.env, MQSTORE_MUTANT: mutant.name, TAP_TIMEOUT: String((2 * PATIENCE) / 1000) },
    encoding: 'utf8',
    timeout: PATIENCE,
    maxBuffer: 1 << 30,
  })
  if (status === MUTANT_DOES_NOT_FIT) return stderr.trim()
  if (status === 0) return `nobody noticed: ${JSON.stringify(killedBy)}`
  if (status === null) return `the killer ended with ${signal}`
  const isNoticed = 'test' in killedBy ? /^ *not ok/m.test(stdout) : stdout.includes('"case":')
  return isNoticed ? undefined : `the killer itself failed: ${stderr.slice(-2000)}`
}
