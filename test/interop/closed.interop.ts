import t from 'tap'
import { join } from 'node:path'
import { firstDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { randomMessages } from '../support/random-messages'
import { missingFromDump } from './acknowledged'
import { engineUnavailable, engineVersions, startEngine } from './engine'
import { startPeer } from './peer'

/*
 * The story: the library wrote a store and closed it; then the operator starts a real broker on the directory.
 * The broker must take every file and read every message as we do.
 *
 * Not proved here: stores that were not closed (killed.interop.ts), what the engine does to the store later
 * (ping-pong.interop.ts).
 */

const skip = engineUnavailable()

// a Java process takes seconds to start
t.setTimeout(300_000)

for (const version of engineVersions) {
  t.test(`${version} reads what we wrote`, { skip }, async (test) => {
    const directory = join(test.testdir(), 'store')
    const messages = randomMessages({ seed: 1, count: 1500, withLongTopics: version !== '4.9.7' })

    const ours = startPeer(version)
    test.teardown(() => ours.kill())
    await ours.open(directory)
    const results = await ours.put(messages)
    const written = await ours.dump()
    await ours.close()
    test.same(missingFromDump(messages, results, written), [], 'we read what we put')

    const engine = startEngine(version)
    test.teardown(() => engine.kill())
    await engine.open(directory)
    expectNoDifference(test, firstDifference(written, await engine.dump()), 'the engine reads the same')
  })
}
