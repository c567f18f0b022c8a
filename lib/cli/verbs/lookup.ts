import { isStoreError } from '../../errors'
import type { StoredMessage } from '../../format/stored-message'
import type { MessageStore } from '../../store'
import { parseWholeNumber } from '../arguments'
import { ExitCode } from '../exit-code'
import { messageLine } from '../message-json'
import { withStore } from '../open-for-reading'
import type { Verb } from '../verb'

export const lookup: Verb = {
  name: 'lookup',
  operands: 'DIR MSGID|OFFSET',
  summary: 'Prints the message with this id, or at this offset in the commit log.',
  options: [],
  example: 'mqstore lookup ./store C0A8070900002A9F0000000000000BA3',
  exits: 'Exit code 1: there is no such message.',
  async run(context) {
    const wanted = parseWanted(context.arguments.positionals[1]!)
    return withStore(context, async (store) => {
      const message = find(store, wanted)
      if (typeof message === 'string') {
        context.output.message(message)
        return ExitCode.findings
      }
      await context.output.line(messageLine(message, {}))
      return ExitCode.fine
    })
  },
}

/** An id has 32 or 56 digits, which no offset has. */
function parseWanted(text: string): string | number {
  return text.length >= 32 ? text : parseWholeNumber(text, 'MSGID|OFFSET', 0)
}

/** The message, or why there is none. */
function find(store: MessageStore, wanted: string | number): StoredMessage | string {
  try {
    return store.lookup(wanted) ?? `no message ${wanted}: the log has offsets from ${store.minPhyOffset} to ${store.maxPhyOffset}`
  } catch (error) {
    if (isStoreError(error) && error.code === 'ERR_CORRUPT') return error.message
    throw error
  }
}
