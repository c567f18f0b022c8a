import t, { type Test } from 'tap'
import { MessageStore } from '../../lib/index'
import { firstByteDifference, firstDifference, firstFileDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { dumpStore } from '../support/dump'
import { filesBelow } from '../support/files'
import { goldenStores, type GoldenStore } from '../support/golden'
import { putRecorded, type RecordedResult } from '../support/recorded'
import { SettableClock } from '../support/settable-clock'

/*
 * The story: whoever replaces a broker by this library, and it by a broker again, must not be able to tell from
 * the files who wrote them. The messages that the real engine was given are put into an empty store, each at the
 * time at which the engine stored it; every result, the commit log, the queues and the index must then be equal
 * to the last byte, whatever the names of the index files (they are times). Batches are compared as they read:
 * the engine writes their properties in the order of a Java hash map.
 *
 * Not proved here: the checkpoint and the files of the broker beside the store (they hold times of flushes), and
 * that the real engine takes the files back (test/interop).
 */

/** Closed by the engine and complete: what can be compared byte for byte. */
const writtenToTheEnd = goldenStores().filter(({ kind }) => !/-(crash|expired)$/.test(kind))

async function putAll(golden: GoldenStore, directory: string): Promise<RecordedResult[]> {
  const puts = golden.puts()
  const clock = new SettableClock(puts.find((put) => put.storeTimestamp !== undefined)?.storeTimestamp ?? 0)
  const store = await MessageStore.open(directory, {
    ...golden.settings,
    compatibility: golden.compatibility,
    clock,
  })
  const results: RecordedResult[] = []
  for (const [at, message] of golden.messages().entries()) {
    const { storeTimestamp } = puts[at]
    if (storeTimestamp !== undefined) clock.set(storeTimestamp)
    results.push(await putRecorded(store, message))
  }
  await store.close()
  return results
}

function compareIndexFiles(test: Test, golden: GoldenStore, directory: string): void {
  const expected = [...golden.files('index').values()]
  const actual = [...filesBelow(directory, 'index').values()]
  test.equal(actual.length, expected.length, 'as many index files')
  for (const [at, content] of expected.entries()) {
    expectNoDifference(
      test,
      firstByteDifference(content, actual[at] ?? Buffer.alloc(0)),
      `index file ${at} is the same`,
    )
  }
}

for (const golden of writtenToTheEnd.filter(({ kind }) => kind !== 'batch')) {
  t.test(`${golden.name} is written byte for byte`, async (test) => {
    const directory = test.testdir()
    expectNoDifference(
      test,
      firstDifference(golden.puts(), await putAll(golden, directory)),
      'every put answers the same',
    )
    for (const folder of ['commitlog', 'consumequeue']) {
      expectNoDifference(
        test,
        firstFileDifference(golden.files(folder), filesBelow(directory, folder)),
        `${folder} is the same`,
      )
    }
    compareIndexFiles(test, golden, directory)
  })
}

for (const golden of writtenToTheEnd.filter(({ kind }) => kind === 'batch')) {
  t.test(`${golden.name} is written so that it reads the same`, async (test) => {
    const directory = test.testdir()
    expectNoDifference(
      test,
      firstDifference(golden.puts(), await putAll(golden, directory)),
      'every put answers the same',
    )
    const store = await MessageStore.open(directory, {
      ...golden.settings,
      compatibility: golden.compatibility,
      readOnly: true,
    })
    expectNoDifference(
      test,
      firstDifference(golden.read(), dumpStore(store)),
      'every queue and message reads the same',
    )
    await store.close()
  })
}
