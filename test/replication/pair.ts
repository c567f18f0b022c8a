import type { Test } from 'tap'
import type { MessageStore, PutResult } from '../../lib/index'
import { systemClock } from '../../lib/storage/system-clock'
import { openStore, type TestOptions } from '../store/support'

/** What the tests of stores share that replicate over TCP, on this machine. */

/**
 * A word so often that a test has not to wait for what is only noticed when nobody says one, and so much time that a slow machine
 * makes no difference. Where time is to run out, the test gives its master a clock of its own.
 */
const OPTIONS = {
  clock: systemClock, slaveTimeout: 600_000, haSendHeartbeatInterval: 20, haHousekeepingInterval: 600_000, haListenPort: 0,
} satisfies TestOptions

/** A master that listens. */
export async function startMaster(t: Test, directory: string, options: TestOptions = {}): Promise<MessageStore> {
  const master = await openStore(t, directory, { ...OPTIONS, brokerRole: 'SYNC_MASTER', inSyncReplicas: 2, ...options })
  await master.replication.start()
  return master
}

/** A slave that follows `haMasterAddress`. */
export async function startSlave(t: Test, directory: string, haMasterAddress: string, options: TestOptions = {}): Promise<MessageStore> {
  const slave = await openStore(t, directory, { ...OPTIONS, brokerRole: 'SLAVE', haMasterAddress, ...options })
  await slave.replication.start()
  return slave
}

export function addressOf(master: MessageStore): string {
  return master.replication.status().address!
}

export function portOf(address: string): number {
  return Number(address.split(':').at(-1))
}

/** Resolves once `condition` holds: what it asks for comes without more doing, or never. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resume) => setTimeout(resume, 2))
}

/** Resolves once a slave has all of its master. */
export function caughtUp(slave: MessageStore, master: MessageStore): Promise<void> {
  return until(() => slave.maxPhyOffset === master.maxPhyOffset && slave.replication.status().master?.isConnected !== false)
}

export function connected(master: MessageStore, count = 1): Promise<void> {
  return until(() => master.replication.status().inSyncReplicas === 1 + count)
}

/** Whether a store has the message that a put has stored elsewhere. */
export function has(store: MessageStore, result: PutResult, body: string): boolean {
  return store.lookup(result.offset)?.body.toString() === body
}
