import t, { type Test } from 'tap'
import { cpSync, mkdirSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { firstDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { engineUnavailable, engineVersions, type EngineVersion } from './engine'
import { Pair, segmentSize, type Sides } from './pair'
import type { Player, RunningPut } from './player'
import { Side } from './side'

/*
 * The story: a broker and this library replicate each other's log, as an operator does who moves a cluster from the one to the
 * other, store by store. Whatever happens to either side meanwhile, in the end both have the same bytes and read the same, and what
 * a synchronous master has acknowledged survives the loss of its directory.
 *
 * Not proved here: connections that are cut or slow, power cuts and full disks (test/replication, test/torture), logs that went
 * different ways (test/replication), and frames (ha-wire.interop.ts).
 */

type Start = (version: EngineVersion) => Player

const skip = engineUnavailable()

/** Java processes start in seconds, and an engine's slave waits for five before it connects again. */
const storyMilliseconds = 600_000

/** More than a message needs whose slave is not held up. */
const holdMilliseconds = 1000

/** The same for both directions, each version with one process of the engine as long as none is killed. */
export function tellStories(names: { master: string; slave: string }, start: { master: Start; slave: Start }): void {
  t.setTimeout(storyMilliseconds)
  for (const version of engineVersions) {
    t.test(`${version}: ${names.slave} on ${names.master}`, { skip, timeout: storyMilliseconds }, async (test) => {
      const sides = { master: new Side(start.master, version), slave: new Side(start.slave, version) }
      test.teardown(() => Promise.all([sides.master.kill(), sides.slave.kill()]))
      const directory = test.testdir()
      for (const [name, tell] of stories) {
        await test.test(name, { timeout: storyMilliseconds }, (story) => tell(story, join(directory, name.replaceAll(' ', '-')), sides, version))
      }
    })
  }
}

const stories: [string, (test: Test, directory: string, sides: Sides, version: EngineVersion) => Promise<void>][] = [
  ['closed and opened', closedAndOpened],
  ['killed and opened', killedAndOpened],
  ['a synchronous master', synchronous],
]

/** From empty; from the middle, several files behind; and slaves that begin with nothing or with a part of the log. */
async function closedAndOpened(test: Test, directory: string, sides: Sides): Promise<void> {
  const pair = await Pair.in(directory, sides)
  const { master, slave } = pair
  await pair.begin()
  await pair.put(400)
  await pair.caughtUp()
  await slave.close()
  await pair.put(400)
  await slave.open()
  await pair.put(100)
  await pair.caughtUp()
  await master.close()
  await master.open()
  await pair.put(400)
  await pair.caughtUp()
  await pair.expectSame(test, 'closed and opened', { restToo: true })
  await slave.close()

  const end = await master.player.end()
  pair.replaceSlave('empty')
  await pair.slave.open()
  await pair.caughtUp()
  const [first] = readdirSync(join(pair.slave.directory, 'commitlog')).sort()
  test.equal(Number(first), end - (end % segmentSize), 'a slave that has nothing begins with the last file of its master')
  await pair.put(300)
  await pair.caughtUp()
  await pair.expectSame(test, 'a slave that had nothing', { restToo: true })
  await pair.slave.close()

  for (const [name, bytes] of [['whole files', 3 * segmentSize], ['part of a record', 3.5 * segmentSize]] as const) {
    pair.replaceSlave(name)
    copyBeginning(master.directory, pair.slave.directory, bytes)
    await pair.slave.open()
    await pair.caughtUp()
    await pair.expectSame(test, `a slave that had ${name}`, { restToo: true })
    await pair.slave.close()
  }
  await master.close()
}

/** The first bytes of the log, without queues and index; the file that they end in has its size. */
function copyBeginning(from: string, to: string, bytes: number): void {
  const [source, target] = [from, to].map((directory) => join(directory, 'commitlog')) as [string, string]
  mkdirSync(target, { recursive: true })
  for (const name of readdirSync(source).sort()) {
    const kept = bytes - Number(name)
    if (kept <= 0) return
    cpSync(join(source, name), join(target, name))
    truncateSync(join(target, name), Math.min(kept, segmentSize))
    truncateSync(join(target, name), segmentSize)
  }
}

/**
 * A slave dies twice and a master dies twice, each in the middle of what it does; the master once while the slave is behind, and once
 * while it follows. What of a log is dispatched once more when a store is recovered, 4.9.7 gives the tags code of messages that are
 * not delayed, whatever they are: it gets no others here.
 */
async function killedAndOpened(test: Test, directory: string, sides: Sides, version: EngineVersion): Promise<void> {
  const pair = await Pair.in(directory, sides)
  pair.withDelayed = version !== '4.9.7'
  const { master, slave } = pair
  await pair.begin()
  for (const isFollowed of [false, true]) {
    const put = pair.beginPut(600)
    await acknowledged(put, 300)
    await slave.kill()
    await put.finished
    await slave.open()
    if (isFollowed) await pair.caughtUp()
    await pair.killMasterWhileItPuts(300)
    await master.open()
    await pair.caughtUp()
  }
  await pair.put(200)
  await pair.caughtUp()
  await pair.expectSame(test, 'killed and opened', { restToo: false })

  await slave.close()
  await master.close()
  pair.exchangeRoles()
  await pair.master.open()
  await pair.slave.open()
  await pair.put(300)
  await pair.caughtUp()
  await pair.expectSame(test, 'master and slave exchanged', { restToo: false })
  await pair.slave.close()
  await pair.master.close()
}

async function acknowledged(put: RunningPut, count: number): Promise<void> {
  while (put.results().length < count) await Promise.race([put.finished, pause(1)])
}

/** How many messages are acknowledged when no more are. */
async function stalledAt(put: RunningPut): Promise<number> {
  let count: number
  do {
    count = put.results().length
    await pause(holdMilliseconds)
  } while (put.results().length > count)
  return count
}

/** Nothing is acknowledged that the slave has not; a directory that is lost takes nothing along that was. */
async function synchronous(test: Test, directory: string, sides: Sides, version: EngineVersion): Promise<void> {
  const waiting = version === '4.9.7' ? {} : { inSyncReplicas: 2 }
  const pair = await Pair.in(directory, sides, { brokerRole: 'SYNC_MASTER', slaveTimeout: storyMilliseconds, ...waiting })
  const { master, slave } = pair
  await pair.begin()
  await pair.put(300)

  // its threads stop one by one, when the system comes to it
  process.kill(slave.player.pid, 'SIGSTOP')
  const held = pair.beginPut(1000)
  test.ok(await stalledAt(held) < 1000, 'nothing more is acknowledged while the slave is held up')
  process.kill(slave.player.pid, 'SIGCONT')
  await held.finished

  await pair.killMasterWhileItPuts(300)
  rmSync(master.directory, { recursive: true })
  const dump = await slave.player.dump()
  test.same(pair.missingFrom(dump), [], `the slave has each of ${pair.acknowledged} messages that were acknowledged`)
  await slave.kill()
  await slave.open()
  expectNoDifference(test, firstDifference(dump, await slave.player.dump()), 'and has them after it was killed as well')
  await slave.close()
}
