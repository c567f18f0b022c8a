import { join } from 'node:path'
import { Checkpoint } from '../flush/checkpoint'
import { assertIsStore } from '../open-store'
import { AbortMarker } from '../recovery/abort-marker'
import { DirectoryLock } from '../storage/directory-lock'
import type { FileSystem } from '../storage/ports'
import { MessageStore } from '../store'
import type { OpenOptions, RecoveryReport } from '../types'
import { backendOf } from '../check/backend-of'
import { Quarantine } from './quarantine'
import type { RepairStep } from './repair-plan'

export interface PreparedRepair {
  steps: readonly RepairStep[]
  /** Where the log ends; all before it is kept. */
  logEnd: number
}

export interface AppliedRepair extends PreparedRepair {
  /** Where what was taken out is; undefined where nothing was. */
  quarantine: string | undefined
  recovery: RecoveryReport | undefined
}

/**
 * Holds the directory while `prepare` looks and the steps are done, then opens and closes the store. Whenever
 * it is interrupted, the next open or the next repair goes on: copies are durable before anything changes, and
 * from the first move on recovery makes again what is gone.
 */
export async function applyRepair(
  directory: string, open: OpenOptions, now: number, prepare: () => Promise<PreparedRepair>,
): Promise<AppliedRepair> {
  const { files } = backendOf(open)
  // A directory that is none of ours gets no lock either.
  assertIsStore(files, directory)
  const lock = DirectoryLock.take(files, join(directory, 'lock'))
  let prepared: PreparedRepair
  let quarantine: Quarantine | undefined
  try {
    prepared = await prepare()
    if (prepared.steps.some(({ step }) => step !== 'open')) quarantine = new Quarantine(files, directory, now)
    if (quarantine !== undefined) await clear(files, directory, prepared, quarantine)
  } finally {
    lock.release()
  }
  const result = { ...prepared, quarantine: quarantine?.path }
  if (prepared.steps.length === 0) return { ...result, recovery: undefined }
  const store = await MessageStore.open(directory, { ...open, readOnly: false })
  const { recovery } = store
  await store.close()
  return { ...result, recovery }
}

async function clear(files: FileSystem, directory: string, { steps, logEnd }: PreparedRepair, quarantine: Quarantine): Promise<void> {
  for (const step of steps) {
    if (step.step === 'copy') await quarantine.copy(step.file, step.from, step.to, `${quarantine.placeOf(step.file)}@${step.from}`)
  }
  await distrustDerived(files, directory, logEnd)
  const markUnclean = async (): Promise<void> => {
    new AbortMarker(files, join(directory, 'abort'), '5.3').write()
    await files.syncDirectory(directory)
  }
  for (const step of steps) if (step.step === 'move') await quarantine.move(step.file, markUnclean)
}

/**
 * After this an open that was interrupted looks at all of the log, not only at what the checkpoint leaves
 * open, and cuts nothing off that stands there now.
 */
async function distrustDerived(files: FileSystem, directory: string, logEnd: number): Promise<void> {
  const checkpoint = new Checkpoint(files, join(directory, 'checkpoint'), '5.3')
  try {
    checkpoint.fields.logicsMsgTimestamp = 0
    checkpoint.fields.confirmPhyOffset = logEnd
    await checkpoint.write()
    await files.syncDirectory(directory)
  } finally {
    checkpoint.close()
  }
}
