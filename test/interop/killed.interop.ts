import t from 'tap'
import { join } from 'node:path'
import { firstDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { randomMessages } from '../support/random-messages'
import { missingFromDump } from './acknowledged'
import { engineUnavailable, engineVersions, startEngine, type EngineVersion } from './engine'
import { copyStore, killWhileWriting, removeFilesWithoutSize } from './left-behind'
import { startPeer } from './peer'
import type { Player } from './player'

/*
 * The story: a process dies in the middle of a put, and the other engine is started on what it left. Whoever
 * wrote, and whoever recovers: nothing acknowledged is lost, and both recoveries come to the same store.
 *
 * Not proved here: power cuts (a killed process leaves the page cache, so nothing is said about flushes; that is
 * test/torture's), and the records that a kill tears, which are rare: the kill falls where it falls.
 */

const writers: { name: string; start: (version: EngineVersion) => Player }[] = [
  { name: 'we', start: startPeer },
  { name: 'the engine', start: startEngine },
]

const skip = engineUnavailable()

// a Java process takes seconds to start
t.setTimeout(300_000)

for (const version of engineVersions) {
  for (const [at, writer] of writers.entries()) {
    t.test(`${version}: ${writer.name} died while writing`, { skip }, async (test) => {
      const directory = join(test.testdir(), 'store')
      const messages = randomMessages({ seed: 10 + at, count: 700, withLongTopics: version !== '4.9.7' })
      const dying = writer.start(version)
      test.teardown(() => dying.kill())
      await dying.open(directory)
      const results = await killWhileWriting(dying, messages, 1000)

      const dumps: object[][] = []
      for (const { name, start } of writers) {
        const recovering = start(version)
        test.teardown(() => recovering.kill())
        const copy = copyStore(directory, name.replace(' ', '-'))
        if (start === startEngine) removeFilesWithoutSize(copy)
        await recovering.open(copy)
        const dump = await recovering.dump()
        test.same(
          missingFromDump(messages, results, dump),
          [],
          `${name} found each of the ${results.length} acknowledged messages`,
        )
        dumps.push(dump)
      }
      const [ours, engines] = dumps
      expectNoDifference(test, firstDifference(engines, ours), 'both recoveries read the same')
    })
  }
}
