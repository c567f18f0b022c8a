import { closeParts } from '../check/open-for-check'
import { openStore, type StoreParts } from '../open-store'
import { MessageStore } from '../store'
import type { OpenOptions } from '../types'
import type { VerbContext } from './verb'

/**
 * Opens the store of the first operand without writing or locking anything, hands it to `use`, and closes it.
 * Most verbs ask nothing of the index, and then neither its files nor its sizes matter.
 */
export async function withStore<Result>(
  { arguments: { positionals }, openOptions, output }: VerbContext,
  use: (store: MessageStore) => Promise<Result>,
  own: OpenOptions = { messageIndexEnable: false },
): Promise<Result> {
  const store = await MessageStore.open(positionals[0]!, { ...openOptions, ...own, readOnly: true })
  store.on('warning', ({ message, file }) => output.message(`warning: ${message}${file === undefined ? '' : `: ${file}`}`))
  store.on('damage', ({ file, offset, unreadableBytes, reason }) => {
    output.message(`warning: ${unreadableBytes} bytes at ${offset} cannot be read (${reason}): ${file}`)
  })
  try {
    // The store tells what it found in the next turn.
    await new Promise((resume) => setImmediate(resume))
    return await use(store)
  } finally {
    await store.close()
  }
}

/** As {@link withStore}, for what looks at the files themselves. The index is left out. */
export async function withParts<Result>(
  { arguments: { positionals }, openOptions, output }: VerbContext,
  use: (parts: StoreParts) => Promise<Result>,
): Promise<Result> {
  const parts = await openStore(positionals[0]!, { ...openOptions, messageIndexEnable: false, readOnly: true }, {
    onRoll: () => undefined,
    onWarning: (message, file) => output.message(`warning: ${message}: ${file}`),
    onFlushFailure: () => undefined,
  })
  try {
    return await use(parts)
  } finally {
    await closeParts(parts)
  }
}
