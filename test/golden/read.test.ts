import t, { type Test } from 'tap'
import { MessageStore } from '../../lib/index'
import { firstDifference, firstFileDifference } from '../support/compare'
import { expectNoDifference } from '../support/expect-no-difference'
import { dumpStore } from '../support/dump'
import { filesBelow } from '../support/files'
import { goldenStores, type GoldenProbe, type GoldenStore } from '../support/golden'

/*
 * The story: an operator points this library at the files of a broker. It has to see what the broker saw: each
 * queue, each message, each answer to a consumer's or an operator's question, also for a store that was left
 * without closing and for one whose oldest segments are gone. Twice: read-only, which must not need to write,
 * and opened for writing, which recovers the files.
 *
 * Not proved here: what 4.9.7 answers to offset by time (it depends on the times of files, which the recording
 * lost), queries by key on the expired stores (the engine crashes on them), and anything about queues that use
 * extensions (no recorded store has them).
 */

/** Our answer to a recorded question, as a line of the recording. */
function answer(store: MessageStore, probe: GoldenProbe): object {
  switch (probe.op) {
    case 'get': {
      const { op, topic, queueId, offset, max, filter } = probe
      const result = store.get({ topic, queueId, offset, maxMessages: max, filter })
      const { status, nextBeginOffset, minOffset, maxOffset, commitLogOffsets } = result
      result.release()
      const asked = { op, topic, queueId, offset, max, ...(filter !== undefined && { filter }) }
      return { ...asked, status, nextBeginOffset, minOffset, maxOffset, commitLogOffsets }
    }
    case 'time': {
      const { op, topic, queueId, timestamp } = probe
      return { op, topic, queueId, timestamp, offset: store.offsetByTime({ topic, queueId, timestamp }) }
    }
    case 'key': {
      const { op, topic, key, max } = probe
      return { op, topic, key, max, commitLogOffsets: store.query({ topic, key, max }).commitLogOffsets }
    }
  }
}

/** Asks question by question, so that a wrong answer is found before all the others are computed. */
function* answers(store: MessageStore, probes: readonly GoldenProbe[]): Generator<object> {
  for (const probe of probes) yield answer(store, probe)
}

async function compareWithRecording(
  test: Test,
  golden: GoldenStore,
  directory: string,
  readOnly: boolean,
): Promise<void> {
  const store = await MessageStore.open(directory, {
    ...golden.settings,
    compatibility: golden.compatibility,
    readOnly,
  })
  try {
    expectNoDifference(
      test,
      firstDifference(golden.read(), dumpStore(store)),
      'every queue and message reads the same',
    )
    const probes = golden.probe()
    for (const operation of ['get', 'time', 'key']) {
      const asked = probes.filter(({ op }) => op === operation)
      expectNoDifference(
        test,
        firstDifference(asked, answers(store, asked)),
        `${asked.length} questions (${operation}) get the same answer`,
      )
    }
  } finally {
    await store.close()
  }
}

for (const golden of goldenStores()) {
  t.test(`${golden.name}, read-only`, async (test) => {
    const directory = golden.unpack(test.testdir())
    await compareWithRecording(test, golden, directory, true)
    expectNoDifference(
      test,
      firstFileDifference(golden.files(), filesBelow(directory)),
      'nothing was written',
    )
  })
  t.test(`${golden.name}, opened for writing`, async (test) => {
    await compareWithRecording(test, golden, golden.unpack(test.testdir()), false)
  })
}
