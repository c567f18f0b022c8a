import t from 'tap'
import { join } from 'node:path'
import { MessageStore } from '../../lib/index'
import { firstDifference } from '../support/compare'
import { dumpStore } from '../support/dump'
import { expectNoDifference } from '../support/expect-no-difference'
import { randomMessages } from '../support/random-messages'
import { putRecorded } from '../support/recorded'
import { compatibilityOf, engineUnavailable, engineVersions, interopSettings, startEngine } from './engine'

/*
 * The story: a topic and a queue of another are deleted, then written to again, and the store is closed. The engine must open
 * it and find the same queues, which begin at 0 again.
 *
 * Not proved here: that a queue stays deleted when the engine makes queues again behind a crash; it does not.
 */

const skip = engineUnavailable()

// a Java process takes seconds to start
t.setTimeout(300_000)

for (const version of engineVersions) {
  t.test(`${version} opens a store of which queues were deleted`, { skip }, async (test) => {
    const directory = join(test.testdir(), 'store')
    const options = { ...interopSettings, compatibility: compatibilityOf(version) }
    const store = await MessageStore.open(directory, options)
    const messages = randomMessages({ seed: 7, count: 600, withLongTopics: false })
    for (const message of messages.slice(0, 500)) await putRecorded(store, message)
    const { topic, queueId } = store.queues().find((queue) => queue.topic !== 'orders')!
    test.ok((await store.deleteTopic('orders')) > 0)
    test.ok(await store.deleteQueue(topic, queueId))
    for (const message of messages.slice(500)) await putRecorded(store, message)
    test.ok(store.queues().some((queue) => queue.topic === 'orders'), 'there are new queues')
    const written = [...dumpStore(store)]
    await store.close()

    const engine = startEngine(version)
    test.teardown(() => engine.kill())
    await engine.open(directory)
    expectNoDifference(test, firstDifference(written, await engine.dump()), 'the engine reads the same')
    await engine.close()

    const again = await MessageStore.open(directory, { ...options, readOnly: true })
    expectNoDifference(test, firstDifference(written, dumpStore(again)), 'and so do we behind it')
    await again.close()
  })
}
