import { MessageStore, type OpenOptions } from '../../lib/index'
import { audit, type AuditOptions } from './audit'
import type { Ledger } from './ledger'
import { makeMessage } from './messages'

/** Messages put to see that a store goes on. */
const MESSAGES_AFTERWARDS = 8

/**
 * Opens what something has left, holds it to the ledger, puts some more, closes, and looks again.
 * @returns what of the promises is not kept
 */
export async function lookAfter(directory: string, options: OpenOptions, ledger: Ledger, also: AuditOptions = {}): Promise<string[]> {
  const wrong: string[] = []
  await withStore(directory, options, (store) => {
    wrong.push(...audit(store, ledger, also))
    for (let count = 0; count < MESSAGES_AFTERWARDS; count++) {
      const number = ledger.sent++
      ledger.acknowledge(number, store.append(makeMessage(ledger.seed, number)))
    }
  })
  await withStore(directory, options, (store) => {
    wrong.push(...audit(store, ledger, also).map((line) => `after a close: ${line}`))
  })
  return wrong
}

/** As {@link lookAfter}, but changes nothing. */
export async function lookOnly(directory: string, options: OpenOptions, ledger: Ledger): Promise<string[]> {
  const wrong: string[] = []
  await withStore(directory, { ...options, readOnly: true }, (store) => {
    wrong.push(...audit(store, ledger))
  })
  return wrong
}

async function withStore(directory: string, options: OpenOptions, look: (store: MessageStore) => void): Promise<void> {
  const store = await MessageStore.open(directory, options)
  try {
    look(store)
  } finally {
    await store.close()
  }
}
