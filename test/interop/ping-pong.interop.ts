import t from 'tap'
import { join } from 'node:path'
import { firstDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { randomMessages } from '../support/random-messages'
import type { RecordedMessage, RecordedResult } from '../support/recorded'
import { missingFromDump } from './acknowledged'
import { engineUnavailable, engineVersions, startEngine } from './engine'
import { startPeer } from './peer'
import { Side } from './side'

/*
 * The story: an operator moves a store to and fro between a broker and this library. Each takes over what the
 * other left, sometimes closed and sometimes killed, appends to it and hands it back. What the one read last the
 * other must read first, to the last field, and what it was given must be there.
 *
 * Not proved here: kills in the middle of a put (killed.interop.ts); the killed ones here are idle, and what
 * they leave is a store whose flushes and checkpoint are behind.
 */

const rounds = 10
const messagesPerRound = 100
/** Every third round ends by a kill; ten rounds have two of ours and one of the engine's. */
const killEvery = 3

const skip = engineUnavailable()

// a Java process takes seconds to start
t.setTimeout(300_000)

for (const version of engineVersions) {
  t.test(`${version} and we take turns`, { skip }, async (test) => {
    const directory = join(test.testdir(), 'store')
    const sides = [new Side(startPeer, version), new Side(startEngine, version)]
    test.teardown(() => Promise.all(sides.map((side) => side.kill())))
    const given: { messages: RecordedMessage[]; results: RecordedResult[] }[] = []
    let before: object[] | undefined

    for (let round = 1; round <= rounds; round++) {
      const side = sides[(round - 1) % sides.length]
      const { player } = side
      await player.open(directory)
      if (before !== undefined) {
        const difference = firstDifference(before, await player.dump())
        expectNoDifference(test, difference, `round ${round}: what the other left reads the same`)
      }
      const messages = randomMessages({
        seed: round,
        count: messagesPerRound,
        withLongTopics: version !== '4.9.7',
      })
      given.push({ messages, results: await player.put(messages) })
      before = await player.dump()
      const lost = given.flatMap(({ messages, results }) =>
        missingFromDump(messages, results, before as object[]),
      )
      test.same(lost, [], `round ${round}: each message of all rounds is there`)
      if (round % killEvery === 0) await side.kill()
      else await player.close()
    }
  })
}
