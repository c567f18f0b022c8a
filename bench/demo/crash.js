import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { differenceFrom } from './traffic.js'
import { showProgress } from './progress.js'

const writer = fileURLToPath(new URL('crash-writer.js', import.meta.url))

/** Where the writer is killed, unless the disk is so slow that the time is up before. */
const acknowledgedMax = 3000
const millisecondsMax = 8000

/**
 * Has another process write to the store, and kills it in the middle.
 * @returns what it reported as acknowledged: number and commit log offset of each message
 */
export async function writeUntilKilled(directory, properties, firstNumber) {
  const acknowledged = []
  const child = fork(writer, [JSON.stringify({ directory, properties, firstNumber })])
  const timer = setTimeout(() => child.kill('SIGKILL'), millisecondsMax)
  child.on('message', (message) => {
    acknowledged.push(message)
    if (acknowledged.length === acknowledgedMax) child.kill('SIGKILL')
    showProgress(`${acknowledged.length} messages acknowledged`)
  })
  // What it said before it died still comes in after its death: `disconnect` is behind the last message.
  const [[, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')])
  clearTimeout(timer)
  return { acknowledged, wasKilled: signal === 'SIGKILL' }
}

/** @returns one line for each acknowledged message that the store does not have, or has otherwise */
export function findLost(store, acknowledged) {
  const problems = []
  for (const { number, offset } of acknowledged) {
    const message = store.lookup(offset)
    const problem = message === undefined ? `message ${number} at ${offset} is lost` : differenceFrom(number, message)
    if (problem !== undefined) problems.push(problem)
  }
  return problems
}
