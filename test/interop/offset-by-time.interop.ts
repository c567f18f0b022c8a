import t from 'tap'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { RecordedMessage, RecordedResult } from '../support/recorded'
import { engineUnavailable, engineVersions, interopSettings, startEngine } from './engine'
import { copyStore } from './left-behind'
import { startPeer } from './peer'

/*
 * The story: an operator asks which message was stored at ten o'clock, to consume again from there. 4.9.7 picks
 * the queue file by its time of modification, 5.3.3 by the store time of its messages; both then search in it.
 * On copies that keep the times of the files we must answer as the engine does, for every message and the
 * milliseconds around it.
 *
 * Not proved here: the boundaries of 5.3.3 other than its default (golden/read.test.ts has that one, too).
 */

const settings = { ...interopSettings, mappedFileSizeConsumeQueue: 20 * 20 }
const topic = 'orders'
const queueId = 0

const skip = engineUnavailable()

// a Java process takes seconds to start
t.setTimeout(300_000)

function* messagesOf(count: number): Generator<RecordedMessage> {
  for (let at = 0; at < count; at++) {
    const bodyBase64 = Buffer.from(`message ${at}`).toString('base64')
    yield {
      topic,
      queueId,
      bodyBase64,
      bornTimestamp: 1700000000000,
      flag: 0,
      bornHost: '127.0.0.1:1',
      storeHost: '127.0.0.1:2',
      reconsumeTimes: 0,
    }
  }
}

for (const version of engineVersions) {
  t.test(`${version} and we find the same message by its time`, { skip }, async (test) => {
    const directory = join(test.testdir(), 'store')
    const engine = startEngine(version, settings)
    test.teardown(() => engine.kill())
    await engine.open(directory)
    const results: RecordedResult[] = []
    for (let part = 0; part < 12; part++) {
      results.push(...(await engine.put([...messagesOf(15)])))
      await pause(30)
    }
    await engine.close()
    const copies = { engine: copyStore(directory, 'engine'), ours: copyStore(directory, 'ours') }

    const around = results.flatMap(({ storeTimestamp = 0 }) => [
      storeTimestamp - 1,
      storeTimestamp,
      storeTimestamp + 1,
    ])
    const timestamps = [0, ...new Set(around), Number.MAX_SAFE_INTEGER]
    await engine.open(copies.engine)
    const expected = await engine.offsetsByTime(topic, queueId, timestamps)
    const ours = startPeer(version, settings)
    test.teardown(() => ours.kill())
    await ours.open(copies.ours)
    const offsets = await ours.offsetsByTime(topic, queueId, timestamps)
    const different = timestamps
      .map((timestamp, at) => ({ timestamp, expected: expected[at], got: offsets[at] }))
      .filter(({ expected, got }) => expected !== got)
    test.same(different, [], `${timestamps.length} times give the same offsets`)
  })
}
