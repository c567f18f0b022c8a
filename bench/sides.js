import { fileURLToPath } from 'node:url'
import { missingForCeiling, prepareCeiling } from './ceiling.js'
import { javaVersion, missingForJava, prepareJava } from './java.js'
import { isInstalled, peers } from './peers/peers.js'

/**
 * Who can be measured on this machine. A side has its commands, by the program of a workload; what it is called; and what it does to keep
 * a message in each mode of durability, where that is not the store's own FlushDiskType.
 */

const scriptOf = (name) => [process.execPath, fileURLToPath(new URL(name, import.meta.url))]

const ours = { title: 'mqstore', commands: { store: scriptOf('ours.js'), replication: scriptOf('replication/ours.js') } }

/**
 * @param workloads of which the other sides are wanted
 * @param options.withJava whether RocketMQ is; nothing is fetched or compiled otherwise
 * @returns all sides by their names, ours first
 */
export function findSides(workloads, { withJava }) {
  const wanted = new Set(workloads.flatMap(({ against }) => against))
  return {
    mqstore: ours,
    ...(withJava ? findJava(workloads) : {}),
    ...findPeers(wanted),
    ...(wanted.has('ceiling') ? findCeiling() : {}),
  }
}

/** Those versions of RocketMQ that the workloads ask for, with the command of each program. */
function findJava(workloads) {
  const missing = missingForJava()
  if (missing !== undefined) {
    report('RocketMQ', `that needs ${missing}, not found on this machine`)
    return {}
  }
  const found = {}
  for (const { against, program } of workloads) {
    for (const version of against.filter((name) => /^\d/.test(name))) {
      found[version] ??= { title: `RocketMQ ${version}`, commands: {}, runsOn: `Java ${javaVersion()}` }
      found[version].commands[program] ??= prepareJava(version, program === 'store' ? 'Bench' : 'Replication')
    }
  }
  return found
}

function findPeers(wanted) {
  const names = Object.keys(peers).filter((name) => wanted.has(name))
  const missing = names.filter((name) => !isInstalled(name))
  if (missing.length > 0) report(missing.join(', '), '`npm install --prefix bench` installs them')
  const found = names.filter((name) => !missing.includes(name))
  return Object.fromEntries(found.map((name) => [name, { title: name, commands: { store: [...scriptOf('peers/peer.js'), name] }, durability: peers[name] }]))
}

function findCeiling() {
  const missing = missingForCeiling()
  if (missing !== undefined) {
    report('the ceiling', `that needs ${missing}`)
    return {}
  }
  const durability = { ASYNC_FLUSH: 'none', SYNC_FLUSH: 'msync of each group' }
  return { ceiling: { title: 'C ceiling', commands: { store: prepareCeiling() }, durability } }
}

function report(what, why) {
  console.error(`Without ${what}: ${why}`)
}
