import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { isStoreError, type StoreError } from '../../errors'
import type { PutResult } from '../../put-result'
import { MessageStore } from '../../store'
import { ExitCode } from '../exit-code'
import { linesOf } from '../lines'
import { parseMessage } from '../message-input'
import type { Output } from '../output'
import type { Verb } from '../verb'

/** Lines in flight, so that one flush serves many. */
const IN_FLIGHT_MAX = 1024

export const append: Verb = {
  name: 'append',
  operands: 'DIR [FILE]',
  summary:
    'Puts messages, one JSON object a line of FILE or stdin, and prints the result of each. A line that cannot be put is answered ' +
    'with its status and a reason, or with an error; the others go on. The store is made when there is none.',
  options: [],
  example: `echo '{"topic":"orders","queueId":0,"body":"hello"}' | mqstore append ./store --set flushDiskType=SYNC_FLUSH`,
  exits: 'Exit code 1: some line was not put, or the input was interrupted. 4: the store stopped.',
  async run({ terminal, output, arguments: { positionals }, openOptions }) {
    const [directory, file] = positionals as [string, string?]
    const interrupt = terminal.catchInterrupt()
    const input = file === undefined ? terminal.stdin : (await open(file)).createReadStream()
    const store = await MessageStore.open(directory, { ...openOptions, readOnly: false })
    try {
      const isComplete = await appendLines(store, input, interrupt, output)
      if (interrupt.aborted) output.message('interrupted: lines that have no result were not put')
      if (store.failure !== undefined) throw store.failure
      return isComplete && !interrupt.aborted ? ExitCode.fine : ExitCode.findings
    } finally {
      await store.close()
    }
  },
}

/** The line of output for a line of input, and whether it was put. */
interface Answer {
  line: string
  isPut: boolean
}

/** @returns whether every line was put */
async function appendLines(store: MessageStore, input: Readable, interrupt: AbortSignal, output: Output): Promise<boolean> {
  const inFlight: Promise<Answer>[] = []
  const stop = new AbortController()
  interrupt.addEventListener('abort', () => stop.abort())
  store.on('failed', () => stop.abort())
  let isComplete = true
  let failure: unknown
  let answering: Promise<void> | undefined
  const answer = async (): Promise<void> => {
    try {
      for (let oldest = inFlight.shift(); oldest !== undefined; oldest = inFlight.shift()) {
        const { line, isPut } = await oldest
        isComplete &&= isPut
        await output.line(line)
        // Whoever waits for an acknowledgement gets it once there are no more to come at once.
        if (inFlight.length === 0) await output.flush()
      }
    } catch (error) {
      failure = error
      stop.abort()
    } finally {
      answering = undefined
    }
  }
  let number = 0
  for await (const line of linesOf(input, stop.signal)) {
    number++
    if (line.trim() === '') continue
    inFlight.push(put(store, line, number))
    answering ??= answer()
    if (inFlight.length >= IN_FLIGHT_MAX) await answering
  }
  await answering
  await Promise.allSettled(inFlight)
  if (failure !== undefined) throw failure
  return isComplete
}

async function put(store: MessageStore, line: string, number: number): Promise<Answer> {
  try {
    const message = parseMessage(line)
    const result = await ('messages' in message ? store.putBatch(message) : store.put(message))
    return { line: describe(result), isPut: result.status === 'PUT_OK' }
  } catch (error) {
    if (!isStoreError(error)) throw error
    return { line: describeError(error, number), isPut: false }
  }
}

function describe(result: PutResult): string {
  const { status, reason, offset, bytes, queueOffset, storeTimestamp, msgId } = result
  if (!result.isStored()) return JSON.stringify({ status, reason })
  return JSON.stringify({ status, offset, bytes, queueOffset, storeTimestamp, msgId, ...(reason !== undefined && { reason }) })
}

function describeError({ message, code }: StoreError, line: number): string {
  return JSON.stringify({ error: message, code, line })
}
