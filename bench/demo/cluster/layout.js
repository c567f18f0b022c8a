import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The seeds' 2m-2s-sync: two masters that write to their slave before they acknowledge, and a slave for each. */

export const layoutName = '2m-2s-sync'
export const pairs = [
  { master: 'broker-a', slave: 'broker-a-s' },
  { master: 'broker-b', slave: 'broker-b-s' },
]

const seeds = new URL('../../../test/fixtures/seeds/', import.meta.url)

/**
 * Writes the four properties files, as somebody has them who follows the seeds: the file that one document gives to both masters, or to
 * both slaves, and behind it, line by line, what another has him add for this broker.
 * @returns the path of each by the name of its broker
 */
export function writePropertiesFiles(parent) {
  const directory = join(parent, 'conf', layoutName)
  mkdirSync(directory, { recursive: true })
  return Object.fromEntries(pairs.flatMap(({ master, slave }) => [
    [master, writeFile(directory, master, '000-2m-2s-async-master')],
    [slave, writeFile(directory, slave, '000-2m-2s-async-slave')],
  ]))
}

/**
 * What is said on the command for a broker, above its file: where its files and its port are to be, so that there is room for four on a
 * machine, and, since there is no NameServer, where a slave finds its master. The files are of RocketMQ 3 and 4, and mean what
 * they mean there: a SYNC_MASTER waits for one slave.
 */
export function optionsOf(properties, { haListenPort = 0, haMasterAddress } = {}) {
  return { properties, compatibility: '4.9', haListenPort, ...(haMasterAddress && { haMasterAddress }) }
}

function writeFile(directory, broker, seed) {
  const path = join(directory, `${broker}.properties`)
  writeFileSync(path, `${read(seed)}\n${read(`001-2m-2s-${broker}-additions`)}`)
  return path
}

function read(seed) {
  return readFileSync(new URL(`${seed}.properties`, seeds), 'utf8')
}
