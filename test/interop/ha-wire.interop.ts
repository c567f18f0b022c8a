/*
 * The story: a RocketMQ slave connects to a master of ours. Whatever it reports, it must see the frames that its own master would
 * send it: the same bytes, cut at the same places, the same heartbeats, and an end of the connection where that would end it.
 *
 * A master of each kind is asked the same, over the same log. What is left out are reports that no slave sends (negative ones):
 * the engine takes them, and we end the connection.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { FRAME_HEADER_LENGTH, frameBodySize, frameOffset, writeReport } from '../../lib/format/ha-frame'
import { MessageStore } from '../../lib/index'
import { randomMessages } from '../support/random-messages'
import { compatibilityOf, engineUnavailable, engineVersions, interopSettings, startEngine } from './engine'
import { freePort } from './free-port'

const skip = engineUnavailable()
// a Java process takes seconds to start
t.setTimeout(600_000)
const haSendHeartbeatInterval = 1000
/** Enough for what there is and for two heartbeats: they look at their clocks ten times a second. */
const LISTEN_MILLISECONDS = 3500
const PAUSE_MILLISECONDS = 500

interface Heard {
  /** Offset, length and hash of the body of each frame. */
  frames: { offset: number; size: number; hash: string }[]
  /** The offsets of heartbeats, each once. */
  heartbeats: number[]
  isClosed: boolean
}

/** Reports these offsets, one after the other, and listens. */
async function ask(port: number, reports: readonly number[]): Promise<Heard> {
  const socket = connect(port, '127.0.0.1')
  const pieces: Buffer[] = []
  let isClosed = false
  socket.on('data', (bytes: Buffer) => pieces.push(bytes)).on('error', () => undefined).on('close', () => (isClosed = true))
  await once(socket, 'connect')
  // Two reports that arrive as one are one: the second waits until the first has been answered, if only by a heartbeat.
  const isAnswered = new Promise((resolve) => socket.once('data', resolve).once('close', resolve))
  for (const offset of reports) {
    const report = Buffer.alloc(8)
    writeReport(new DataView(report.buffer, report.byteOffset, 8), 0, offset)
    socket.write(report)
    await isAnswered
    await new Promise((resume) => setTimeout(resume, PAUSE_MILLISECONDS))
  }
  await new Promise((resume) => setTimeout(resume, LISTEN_MILLISECONDS))
  const heard: Heard = { frames: [], heartbeats: [], isClosed }
  socket.destroy()
  const bytes = Buffer.concat(pieces)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length;) {
    const offset = frameOffset(view, at)
    const size = frameBodySize(view, at)
    const body = bytes.subarray(at + FRAME_HEADER_LENGTH, at + FRAME_HEADER_LENGTH + size)
    if (body.length !== size) throw new Error(`the frame at ${offset} is cut`)
    if (size > 0) heard.frames.push({ offset, size, hash: createHash('sha1').update(body).digest('hex') })
    else if (!heard.heartbeats.includes(offset)) heard.heartbeats.push(offset)
    at += FRAME_HEADER_LENGTH + size
  }
  return heard
}

for (const version of engineVersions) {
  for (const haTransferBatchSize of [32_768, 1000]) {
    t.test(`${version}, ${haTransferBatchSize} bytes in a frame`, { skip }, async (test) => {
      const directory = join(test.testdir(), 'store')
      const haListenPort = await freePort()
      const settings = { ...interopSettings, haListenPort: String(haListenPort), haSendHeartbeatInterval, haTransferBatchSize, brokerRole: 'ASYNC_MASTER' }
      const engine = startEngine(version, settings)
      test.teardown(() => engine.kill())
      await engine.open(directory)
      await engine.beginPut(randomMessages({ seed: 4242, count: 600, withLongTopics: false }), 3).finished
      const last = (await ask(haListenPort, [1])).frames.at(-1)!
      const end = last.offset + last.size
      const file = interopSettings.mappedFileSizeCommitLog
      const questions = [
        [0], [1], [37], [file - 1], [file], [file + 1], [2 * file - 12_345], [end - 1], [end], [end + 1], [end + 10 * file],
        [0, end], [1, end], [1, 500, 400], [1, end + 1], [end + 1, end + 1], [end + 1, 5],
      ]
      const asked = await Promise.all(questions.map((reports) => ask(haListenPort, reports)))
      await engine.close()

      const ours = `${directory}-of-ours`
      await cp(directory, ours, { recursive: true })
      await rm(join(ours, 'abort'), { force: true })
      const store = await MessageStore.open(ours, {
        ...interopSettings, compatibility: compatibilityOf(version), haListenPort: 0, haSendHeartbeatInterval, haTransferBatchSize,
      })
      test.equal(store.maxPhyOffset, end)
      await store.replication.start()
      const port = Number(store.replication.status().address!.replace(/.*:/, ''))
      const answered = await Promise.all(questions.map((reports) => ask(port, reports)))
      await store.close()
      for (const [at, reports] of questions.entries()) {
        test.strictSame(answered[at], asked[at], `reports ${reports.join(', ')}: ${asked[at]!.frames.length} frames`)
      }
      test.ok(end > 2 * file, 'over three files')
      test.equal(asked.some(({ isClosed }) => isClosed), version === '4.9.7', 'only 4.9 ends a connection')
    })
  }
}
