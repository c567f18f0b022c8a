import t, { type Test } from 'tap'
import { join } from 'node:path'
import { MessageStore } from '../../lib/index'
import { selectBackend } from '../../lib/storage/backend'
import { dumpStore } from '../support/dump'
import { randomMessages } from '../support/random-messages'
import { putRecorded, type RecordedMessage, type RecordedResult } from '../support/recorded'
import { missingFromDump } from './acknowledged'
import {
  compatibilityOf,
  engineUnavailable,
  engineVersions,
  interopSettings,
  startEngine,
  type EngineVersion,
} from './engine'
import type { Player } from './player'

/*
 * The story: a broker and this library are started on the same directory at the same time. The second one has to
 * be turned away. The engine, when it is second, recovers the store before it looks at the lock, and in doing so
 * deletes the segment that we have prepared: our store must notice before it acknowledges a message that is in a
 * file which nobody will find again.
 *
 * Not proved here: two of our own stores on one directory (test/storage).
 */

function started(test: Test, version: EngineVersion): Player {
  const engine = startEngine(version)
  test.teardown(() => engine.kill())
  return engine
}

function openOurs(directory: string, version: EngineVersion): Promise<MessageStore> {
  return MessageStore.open(directory, { ...interopSettings, compatibility: compatibilityOf(version) })
}

/** Puts one by one until one fails or the log reaches `end`. */
async function putUntil(
  end: number,
  store: MessageStore,
  messages: readonly RecordedMessage[],
  results: RecordedResult[],
): Promise<unknown> {
  while (store.maxPhyOffset < end) {
    try {
      results.push(await putRecorded(store, messages[results.length]))
    } catch (error) {
      return error
    }
  }
  return undefined
}

const skip =
  engineUnavailable() ||
  (!selectBackend('auto').capabilities.has('lock') &&
    'this backend cannot take the lock of the operating system')

// a Java process takes seconds to start
t.setTimeout(300_000)

for (const version of engineVersions) {
  t.test(`we do not open what ${version} holds`, { skip }, async (test) => {
    const directory = join(test.testdir(), 'store')
    const engine = started(test, version)
    await engine.open(directory)
    const holder = new RegExp(`\\b${engine.pid}\\b`)
    const locked = { code: 'ERR_LOCKED', details: { holder } }
    await test.rejects(openOurs(directory, version), locked, 'we are turned away and told by whom')
    await engine.close()
    const store = await openOurs(directory, version)
    await store.close()
    test.pass('once it is closed, we do')
  })

  t.test(`${version} does not start on what we hold, and we notice that it tried`, { skip }, async (test) => {
    const directory = join(test.testdir(), 'store')
    const store = await openOurs(directory, version)
    const messages = randomMessages({ seed: 5, count: 4000, withLongTopics: version !== '4.9.7' })
    const results: RecordedResult[] = []
    const segment = interopSettings.mappedFileSizeCommitLog
    // far enough into a segment for the next one to be prepared when the engine comes
    test.equal(await putUntil(1.7 * segment, store, messages, results), undefined, 'we write')

    const engine = started(test, version)
    await test.rejects(engine.open(directory), { message: /Lock failed/ }, 'the engine is turned away')

    const failure = await putUntil(3 * segment, store, messages, results)
    test.match(failure, { code: 'ERR_FILE_REPLACED' }, 'we stop by ourselves')
    // a failed store may say so again when it is closed
    await store.close().catch((error: unknown) => test.match(error, { code: 'ERR_FILE_REPLACED' }))

    const reopened = await openOurs(directory, version)
    const lost = missingFromDump(messages, results, [...dumpStore(reopened)])
    await reopened.close()
    test.same(lost, [], `each of the ${results.length} acknowledged messages is there`)
  })
}
