import { cpSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { RecordedMessage, RecordedResult } from '../support/recorded'
import type { Player } from './player'

/**
 * Puts messages until `enough` are acknowledged, then ends the process in the middle of the next ones.
 * @returns the acknowledgements
 */
export async function killWhileWriting(
  player: Player,
  messages: readonly RecordedMessage[],
  enough: number,
): Promise<RecordedResult[]> {
  const put = player.beginPut(messages)
  const interrupted = put.finished.then(
    () => {
      throw new Error('all messages were put before the process could be ended: there should be more of them')
    },
    () => undefined,
  )
  while (put.results().length < enough) await pause(1)
  await player.kill()
  await interrupted
  return put.results()
}

/** Opening recovers a store, so whoever compares two recoveries needs two copies; file times are kept. */
export function copyStore(directory: string, name: string): string {
  const copy = `${directory}-${name}`
  cpSync(directory, copy, { recursive: true, preserveTimestamps: true })
  return copy
}
