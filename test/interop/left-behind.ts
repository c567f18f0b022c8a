import { cpSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { RecordedMessage, RecordedResult } from '../support/recorded'
import type { Player } from './player'

/** More rounds than a process can live to put. */
const endless = 2 ** 31 - 1

/**
 * Puts messages, again and again, until `enough` are acknowledged, and ends the process in the middle of the
 * next ones.
 * @returns the acknowledgements
 */
export async function killWhileWriting(
  player: Player,
  messages: readonly RecordedMessage[],
  enough: number,
): Promise<RecordedResult[]> {
  const put = player.beginPut(messages, endless)
  const ended = put.finished.catch(() => {})
  // a put that fails by itself ends the test with its error
  while (put.results().length < enough) await Promise.race([put.finished, pause(1)])
  await player.kill()
  await ended
  return put.results()
}

/** Opening recovers a store, so whoever compares two recoveries needs two copies; file times are kept. */
export function copyStore(directory: string, name: string): string {
  const copy = `${directory}-${name}`
  cpSync(directory, copy, { recursive: true, preserveTimestamps: true })
  return copy
}
