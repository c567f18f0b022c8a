import t from 'tap'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { firstDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { randomMessages } from '../support/random-messages'
import { missingFromDump } from './acknowledged'
import { engineUnavailable, engineVersions, interopSettings, startEngine } from './engine'
import { startPeer } from './peer'
import type { Player } from './player'

/*
 * The story: a broker whose log lies in two directories, its storePathCommitLog a list, is replaced by the library, and then comes
 * back. Each goes on where the other ended: the segments lie where the other would have made them, and nothing is lost.
 *
 * Not proved here: lists that change, directories that are only read from, and full ones.
 */

const skip = engineUnavailable()

// a Java process takes seconds to start
t.setTimeout(300_000)

for (const version of engineVersions) {
  t.test(`${version} and we write to the same two directories`, { skip }, async (test) => {
    const base = test.testdir()
    const directory = join(base, 'store')
    const places = [join(base, 'one'), join(base, 'two')]
    mkdirSync(directory)
    // Not in the order of their names, in which both take them.
    const settings = { ...interopSettings, storePathCommitLog: [...places].reverse().join() }
    const segments = (): number[][] => places.map((place) => readdirSync(place).sort().map((name) => Number(name) / settings.mappedFileSizeCommitLog))

    let written: object[] = []
    const inTurn: [string, () => Player][] = [
      ['the engine', () => startEngine(version, settings)],
      ['the library', () => startPeer(version, settings)],
      ['the engine again', () => startEngine(version, settings)],
      ['the library again', () => startPeer(version, settings)],
    ]
    for (const [turn, [name, start]] of inTurn.entries()) {
      const player = start()
      test.teardown(() => player.kill())
      await player.open(directory)
      if (turn > 0) expectNoDifference(test, firstDifference(written, await player.dump()), `${name} reads what was there`)
      const messages = randomMessages({ seed: 20 + turn, count: 1500, withLongTopics: false })
      const results = await player.put(messages)
      written = await player.dump()
      test.same(missingFromDump(messages, results, written), [], `${name} reads what it put`)
      await player.close()
      await player.kill()
      const [one, two] = segments()
      test.ok(one!.length + two!.length > 2 * (turn + 1), `${name} has made segments`)
      test.ok(one!.every((number) => number % 2 === 0) && two!.every((number) => number % 2 === 1), JSON.stringify({ one, two }))
    }
    test.notOk(readdirSync(directory).includes('commitlog'), 'and nowhere else')
  })
}
