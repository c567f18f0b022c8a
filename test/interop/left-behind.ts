import { cpSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
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

/**
 * A process that is killed between making a file and giving it its size leaves one of no bytes. 4.9.7 refuses to load its own directory
 * then, until somebody has removed it; the others do that themselves.
 */
export function removeFilesWithoutSize(directory: string): void {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name)
    const status = statSync(path)
    if (/^\d+$/.test(basename(name)) && status.isFile() && status.size === 0) rmSync(path)
  }
}

/** Opening recovers a store, so whoever compares two recoveries needs two copies; file times are kept. */
export function copyStore(directory: string, name: string): string {
  const copy = `${directory}-${name}`
  cpSync(directory, copy, { recursive: true, preserveTimestamps: true })
  return copy
}
