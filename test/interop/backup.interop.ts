import { join } from 'node:path'
import t from 'tap'
import { MessageStore } from '../../lib/index'
import { firstDifference } from '../support/compare'
import { dumpStore } from '../support/dump'
import { expectNoDifference } from '../support/expect-no-difference'
import { randomMessages } from '../support/random-messages'
import { putRecorded, type RecordedResult } from '../support/recorded'
import { missingFromDump } from './acknowledged'
import { engineUnavailable, interopSettings, startEngine } from './engine'

/*
 * The story: a store is copied while it is written to, and a real broker is started on the copy. It opens it as one that was closed in
 * order, and reads every message that had been acknowledged before the backup began, and what our store reads.
 */

const skip = engineUnavailable()

// A Java process takes seconds to start.
t.setTimeout(300_000)

t.test('5.3.3 reads a backup that was made under load', { skip }, async (test) => {
  const root = test.testdir()
  const store = await MessageStore.open(join(root, 'store'), { ...interopSettings, flushDiskType: 'SYNC_FLUSH' })
  const messages = randomMessages({ seed: 20, count: 1500, withLongTopics: true })
  const results: RecordedResult[] = []
  let acknowledged = 0
  let making: Promise<unknown> | undefined
  for (const message of messages) {
    results.push(await putRecorded(store, message))
    if (results.length !== 1000) continue
    acknowledged = results.length
    making = store.backup(join(root, 'copy'))
  }
  await making
  await store.close()
  const before = results.slice(0, acknowledged)

  const copy = await MessageStore.open(join(root, 'copy'), { ...interopSettings, readOnly: true })
  const ours = [...dumpStore(copy)]
  test.equal(copy.recovery.label, '@clean')
  await copy.close()
  test.same(missingFromDump(messages.slice(0, acknowledged), before, ours), [], 'we read what was acknowledged')

  const engine = startEngine('5.3.3')
  test.teardown(() => engine.kill())
  await engine.open(join(root, 'copy'))
  expectNoDifference(test, firstDifference(ours, await engine.dump()), 'the engine reads the same')
})
