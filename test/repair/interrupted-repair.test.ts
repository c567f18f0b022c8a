import { cpSync, existsSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { applyRepair, type PreparedRepair } from '../../lib/repair/apply-plan'
import { backendOf } from '../../lib/check/backend-of'
import { checkStore } from '../../lib/check/check-store'
import { RepairPlan } from '../../lib/repair/repair-plan'
import { MessageStore, type OpenOptions } from '../../lib/index'
import { appendMessages, makeStore, range, readNumbers, small } from '../recovery/support'
import { overwrite } from '../store/support'
import { stoppingBackend } from '../support/stopping-backend'

/*
 * The story: the machine stops in the middle of a repair. Wherever that is, the next open has every message at its old offset,
 * and the repair can be done again. It is stopped after each change to a file in turn, as a kill of the process would stop it.
 */

const COUNT = 60
const QUEUE_FILE = join('consumequeue', 'orders', '0', '00000000000000000000')

function planOfFindings(directory: string, open: OpenOptions): () => Promise<PreparedRepair> {
  return async () => {
    const plan = new RepairPlan(backendOf(open).files, directory)
    const { maxPhyOffset } = await checkStore(directory, open, { onFinding: async (finding) => plan.add(finding), onProgress: () => undefined })
    return { steps: plan.steps, logEnd: maxPhyOffset }
  }
}

function planOfRebuild(what: 'queues' | 'index'): typeof planOfFindings {
  return (directory, open) => async () => {
    const plan = new RepairPlan(backendOf(open).files, directory)
    plan.rebuild(what, 'asked for')
    const store = await MessageStore.open(directory, { ...open, readOnly: true })
    const logEnd = store.maxPhyOffset
    await store.close()
    return { steps: plan.steps, logEnd }
  }
}

async function stopEverywhere(
  t: Test, { damage = () => undefined, plan }: { damage?(directory: string): void; plan: typeof planOfFindings },
): Promise<void> {
  const original = await makeStore(t, COUNT)
  damage(original)
  const directory = `${original}-repaired`
  let steps = 0
  for (let isDone = false; !isDone; steps++) {
    rmSync(directory, { recursive: true, force: true })
    cpSync(original, directory, { recursive: true })
    const stopping = stoppingBackend(steps)
    stopping.start()
    const open = { ...small, ports: { backend: stopping.backend } } as OpenOptions
    try {
      await applyRepair(directory, open, 0, plan(directory, open))
      isDone = !stopping.isStopped
    } catch (error) {
      if (!stopping.isStopped) throw error
    }
    const store = await MessageStore.open(directory, small)
    t.same(await readNumbers(store), range(0, COUNT), `stopped after ${steps} changes: every message is there`)
    appendMessages(store, COUNT, COUNT + 2)
    await store.close()
    await applyRepair(directory, small, 1, planOfFindings(directory, small))
    const { findings } = await checkStore(directory, small, { onFinding: async () => undefined, onProgress: () => undefined })
    t.equal(findings, 0, `stopped after ${steps} changes: another repair leaves nothing to find`)
  }
  t.ok(steps > 10, `${steps} changes were made`)
  t.ok(existsSync(join(directory, 'quarantine')), 'what was taken out is kept')
}

t.test('a repair of a wrong queue entry', { timeout: 240_000 }, async (t) => {
  await stopEverywhere(t, { damage: (directory) => overwrite(join(directory, QUEUE_FILE), 43, Buffer.from([1])), plan: planOfFindings })
})

t.test('a repair of a queue file that was cut', { timeout: 240_000 }, async (t) => {
  await stopEverywhere(t, { damage: (directory) => truncateSync(join(directory, QUEUE_FILE), 123), plan: planOfFindings })
})

t.test('a rebuild of the queues', { timeout: 240_000 }, (t) => stopEverywhere(t, { plan: planOfRebuild('queues') }))

t.test('a rebuild of the index', { timeout: 240_000 }, (t) => stopEverywhere(t, { plan: planOfRebuild('index') }))
