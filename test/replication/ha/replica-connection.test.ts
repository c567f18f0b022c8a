/**
 * The story: a RocketMQ slave takes what comes on trust. One byte at the wrong offset, a frame over the end of a file or a heartbeat
 * in the middle of one, and its log is another one. And whoever reaches the port can send anything.
 *
 * What is not shown here: that a real slave takes it, which is the matter of test/interop/.
 */
import t, { type Test } from 'tap'
import { StoreError } from '../../../lib/errors'
import type { HaOptions } from '../../../lib/replication/ha/context'
import { ReplicaConnection } from '../../../lib/replication/ha/replica-connection'
import { WriteBuffers } from '../../../lib/replication/ha/write-buffers'
import { FakeLog, ManualClock, TestSocket, contextOf, fileSize, framesOf, reportOf, turns, type Frame, type TestContext } from './support'

interface Scene {
  clock: ManualClock
  log: FakeLog
  socket: TestSocket
  connection: ReplicaConnection
  buffers: WriteBuffers
  complaints: string[]
  context: TestContext<ManualClock>
  ended: () => boolean
  /** What it has sent, and has not been asked for before. */
  frames(): Frame[]
}

function scene(test: Test, log: FakeLog, options: Partial<HaOptions> = {}, startOffset = Infinity): Scene {
  const clock = new ManualClock()
  const context = contextOf(clock, log, options)
  const socket = new TestSocket()
  const complaints: string[] = []
  let ends = 0
  const buffers = new WriteBuffers(context.options.haTransferBatchSize)
  const connection = new ReplicaConnection(socket, context, {
    replica: '10.0.0.1:5',
    buffers,
    startOffset,
    complain: (kind, message) => complaints.push(`${kind}: ${message}`),
    onEnd: () => ends++,
  })
  log.onGrowth(() => connection.pump())
  test.teardown(() => {
    connection.end('over')
    if (ends !== 1) test.fail(`ended ${ends} times`)
    if (clock.timers.size > 0) test.fail('a timer is left')
  })
  const frames = (): Frame[] => framesOf(Buffer.concat(socket.written.splice(0)))
  return { clock, log, socket, connection, buffers, complaints, context, ended: () => ends > 0, frames }
}

function logOf(files: number): FakeLog {
  const log = new FakeLog()
  while (log.maxOffset < files * fileSize - 50) log.write(30, 50, 7)
  return log
}

/** The frames' bodies, where they follow each other from `from` on. */
function bodies(frames: Frame[], from: number): Buffer {
  let next = from
  for (const { offset, body } of frames) {
    if (offset !== next) throw new Error(`a frame at ${offset} where ${next} was to come`)
    next += body.length
  }
  return Buffer.concat(frames.map(({ body }) => body))
}

t.test('nothing is sent before the replica has said what it has', async (test) => {
  const { clock, frames, ended } = scene(test, logOf(2))
  clock.advance(19_999)
  await turns()
  test.same(frames(), [], 'no heartbeat either')
  test.notOk(ended())
})

t.test('whoever has nothing gets the last file', async (test) => {
  const log = logOf(3)
  const { socket, frames, context } = scene(test, log)
  socket.report(0)
  await turns()
  test.same(bodies(frames(), log.lastFile), log.slice(log.lastFile))
  test.ok(log.lastFile > 0)
  test.same(context.log.acknowledged, [{ replica: '10.0.0.1:5', offset: 0 }])
})

t.test('where the log ends with a file, that is the one to come', async (test) => {
  const log = new FakeLog()
  log.write(99, 99, 99, 99)
  test.equal(log.maxOffset, fileSize)
  const { socket, frames, clock } = scene(test, log)
  socket.report(0)
  await turns()
  test.same(frames(), [])
  clock.advance(5000)
  test.same(frames(), [{ offset: fileSize, body: Buffer.alloc(0) }])
  log.write(20)
  await turns()
  test.same(bodies(frames(), fileSize), log.slice(fileSize))
})

t.test('whoever has something gets what follows, from the very byte on', async (test) => {
  for (const from of [1, 37, fileSize - 1, fileSize, fileSize + 1]) {
    const log = logOf(3)
    const { socket, frames } = scene(test, log)
    socket.report(from)
    await turns()
    test.same(bodies(frames(), from), log.slice(from), `from ${from}`)
  }
})

t.test('a frame holds no more than haTransferBatchSize, and of one file', async (test) => {
  for (const haTransferBatchSize of [1, 7, 64, 100, 1000]) {
    const log = logOf(4)
    const { socket, frames } = scene(test, log, { haTransferBatchSize })
    socket.report(5)
    await turns(20)
    const sent = frames()
    test.same(bodies(sent, 5), log.slice(5))
    test.ok(sent.every(({ body }) => body.length > 0 && body.length <= haTransferBatchSize), 'the size')
    test.ok(sent.every(({ offset, body }) => offset % fileSize + body.length <= fileSize), 'the file')
  }
})

t.test('several frames go out in one write', async (test) => {
  const log = logOf(4)
  const { socket } = scene(test, log, { haTransferBatchSize: 32 })
  socket.report(1)
  await turns()
  test.equal(socket.written.length, 1)
  test.ok(framesOf(socket.all).length > 30)
})

t.test('what is written goes out at once', async (test) => {
  const log = new FakeLog()
  const { socket, frames } = scene(test, log)
  socket.report(0)
  await turns()
  for (let at = 0; at < 5; at++) {
    const from = log.maxOffset
    log.write(10 + at)
    test.same(bodies(frames(), from), log.slice(from), 'in the same turn')
    await turns()
  }
})

t.test('heartbeats where there has been nothing for haSendHeartbeatInterval', async (test) => {
  const log = new FakeLog()
  log.write(20)
  const { socket, frames, clock } = scene(test, log)
  socket.report(5)
  await turns()
  frames()
  clock.advance(4999)
  test.same(frames(), [])
  clock.advance(1)
  test.same(frames(), [{ offset: log.maxOffset, body: Buffer.alloc(0) }], 'with the offset of what comes next')
  await turns()
  clock.advance(3000)
  log.write(20)
  await turns()
  test.equal(frames().length, 1)
  clock.advance(4999)
  test.same(frames(), [])
  clock.advance(1)
  test.equal(frames().length, 1)
})

t.test('no heartbeat while something is on its way', async (test) => {
  const log = logOf(2)
  const { socket, clock, connection } = scene(test, log)
  socket.isBlocked = true
  socket.report(1)
  await turns()
  const underWay = socket.writableLength
  for (let at = 0; at < 5; at++) {
    clock.advance(3000)
    socket.report(1)
    await turns()
  }
  connection.pump()
  test.equal(socket.writableLength, underWay, 'the replica has not yet read what there is')
})

t.test('memory that the system may still read when the connection ends is not used again', async (test) => {
  for (const isOver of [false, true]) {
    const { socket, connection, buffers } = scene(test, logOf(2))
    let givenBack = 0
    buffers.giveBack = () => givenBack++
    socket.isBlocked = true
    socket.report(1)
    await turns()
    if (isOver) connection.end('over')
    socket.release()
    await turns()
    test.equal(givenBack, isOver ? 0 : 1)
  }
})

t.test('whoever reads slowly costs two writes, however much there is', async (test) => {
  const log = new FakeLog()
  const { socket, frames, clock } = scene(test, log, { haTransferBatchSize: 50 })
  socket.isBlocked = true
  socket.report(0)
  await turns()
  for (let at = 0; at < 1000; at++) log.write(40)
  await turns()
  const written = socket.written.reduce((sum, { length }) => sum + length, 0) + socket.writableLength
  test.ok(written <= 2 * 300_000)
  for (let at = 0; at < 1000; at++) log.write(40)
  await turns()
  test.equal(socket.written.reduce((sum, { length }) => sum + length, 0) + socket.writableLength, written)
  socket.isBlocked = false
  socket.release()
  await turns(50)
  test.same(bodies(frames(), 0), log.slice(0), 'and gets everything once it reads')
  clock.advance(0)
})

t.test('a fast replica does not keep others from their turn', async (test) => {
  const log = new FakeLog()
  while (log.maxOffset < 3 << 20) log.write(200)
  const { socket } = scene(test, log, { haTransferBatchSize: 32_768 })
  let turnsSeen = 0
  socket.report(1)
  await turns(1)
  while (socket.written.reduce((sum, { length }) => sum + length, 0) < 3 << 20) {
    turnsSeen++
    await turns(1)
  }
  test.ok(turnsSeen >= 4, `3 MiB took ${turnsSeen} turns`)
})

t.test('reports that come together are one, and a cut one counts when it is whole', async (test) => {
  const log = logOf(2)
  const { socket, context } = scene(test, log)
  socket.report(1)
  await turns()
  socket.report(10, 20, 30)
  await turns()
  const cut = reportOf(40)
  socket.push(cut.subarray(0, 3))
  await turns()
  socket.push(cut.subarray(3))
  await turns()
  test.same(context.log.acknowledged.map(({ offset }) => offset), [1, 30, 40])
})

t.test('what it says first does not count for what was put since its store became a master', async (test) => {
  for (const [startOffset, counts] of [[100, 100], [200, 150], [0, 1]] as const) {
    const { socket, context } = scene(test, logOf(2), {}, startOffset)
    const offsets = (): number[] => context.log.acknowledged.map(({ offset }) => offset)
    socket.report(150)
    await turns()
    test.same(offsets(), [counts])
    socket.report(200)
    await turns()
    test.same(offsets(), [counts, 200], 'it has been sent that')
  }
})

t.test('what the replica cannot have does not count', async (test) => {
  const log = logOf(2)
  const { socket, context, complaints, ended } = scene(test, log, { haFlowControlEnable: true, maxHaTransferByteInSecond: 100 })
  socket.report(1)
  await turns()
  socket.report(300)
  await turns()
  test.same(context.log.acknowledged.map(({ offset }) => offset), [1], 'it has been sent 100 bytes')
  test.equal(complaints.length, 1)
  test.match(complaints[0], /reported the offset 300.*below 101/)
  socket.report(log.maxOffset + 1000)
  await turns()
  test.same(context.log.acknowledged.length, 1)
  test.notOk(ended(), 'the engine of 5.3 takes no notice')
})

t.test('4.9 ends the connection of whoever reports more than there is, though not with the first report', async (test) => {
  const log = logOf(1)
  const { socket, ended, context } = scene(test, log, { compatibility: '4.9' })
  socket.report(log.maxOffset + 1)
  await turns()
  test.notOk(ended())
  socket.report(log.maxOffset + 1)
  await turns()
  test.ok(ended())
  test.ok(socket.destroyed)
  test.same(context.log.acknowledged, [])
  test.equal(context.log.left.length, 1)
})

t.test('whoever asks for what is not here gets heartbeats only, and the operator a word', async (test) => {
  for (const [what, offset] of [['beyond the end', 100_000], ['before the start', 100]] as const) {
    const log = new FakeLog(2 * fileSize)
    log.write(30, 30)
    const { socket, frames, clock, complaints, context } = scene(test, log)
    socket.report(offset)
    await turns()
    clock.advance(5000)
    await turns()
    test.same(frames(), [{ offset, body: Buffer.alloc(0) }], what)
    while (log.maxOffset < 100_100) log.write(50)
    await turns()
    test.same(frames(), [], 'also when the log has grown to there: what is below it differs')
    test.equal(complaints.length, 1)
    test.match(complaints[0], new RegExp(`10.0.0.1:5 asks for what follows offset ${offset}, and the log has 800 to 862`))
    test.same(context.log.acknowledged.length, what === 'beyond the end' ? 0 : 1, 'who has more than there is acknowledges nothing')
  }
})

t.test('what is deleted before it was sent is not sent', async (test) => {
  const log = logOf(3)
  const { socket, frames, clock, complaints } = scene(test, log, { haFlowControlEnable: true, maxHaTransferByteInSecond: 100 })
  socket.report(1)
  await turns()
  test.same(bodies(frames(), 1), log.slice(1).subarray(0, 100))
  log.deleteTo(fileSize)
  clock.advance(1000)
  await turns()
  test.same(frames(), [])
  test.equal(complaints.length, 1)
  clock.advance(5000)
  test.same(frames(), [{ offset: 101, body: Buffer.alloc(0) }])
})

t.test('a page that the disk does not give is not sent, what lies before it is', async (test) => {
  const log = logOf(2)
  log.badAt = { offset: 123, error: new StoreError('ERR_IO', 'the disk did not give a page') }
  const { socket, ended, complaints, context } = scene(test, log)
  socket.report(1)
  await turns()
  test.same(bodies(framesOf(socket.all), 1), log.slice(1).subarray(0, 122))
  test.ok(ended())
  test.match(complaints[0], /cannot be sent what it asks for: the disk did not give a page/)
  test.match(context.log.left, [{ replica: '10.0.0.1:5', reason: 'the disk did not give a page' }])
})

t.test('flow control counts what is sent', async (test) => {
  const log = logOf(10)
  const { socket, clock, frames } = scene(test, log, { haFlowControlEnable: true, maxHaTransferByteInSecond: 500 })
  socket.report(1)
  await turns()
  const seconds = [socket.all.length]
  const all = frames()
  for (let at = 0; at < 5; at++) {
    clock.advance(1000)
    await turns()
    seconds.push(socket.all.length)
    all.push(...frames())
  }
  test.ok(seconds.every((length) => length >= 488 && length <= 512), `${seconds}`)
  test.ok(all.every(({ body }) => body.length > 0), 'the engine sends empty frames meanwhile; a slave cannot tell them from heartbeats')
  clock.advance(10_000)
  await turns(20)
  clock.advance(10_000)
})

t.test('what is no report', async (test) => {
  const http = Buffer.from('GET / HTTP/1.1\r\n\r\n')
  for (const [what, bytes] of [['-1', Buffer.alloc(8, 0xff)], ['no safe integer', Buffer.alloc(8, 0x7f)], ['a request', http]] as const) {
    const { socket, ended, complaints, context } = scene(test, logOf(1))
    socket.push(bytes)
    await turns()
    test.ok(ended(), what)
    test.ok(socket.destroyed)
    test.match(complaints, [/^bytes: the replica 10.0.0.1:5 reported the offset /])
    test.same(socket.written, [])
    test.same(context.log.left, [], 'it was never a replica')
  }
})

t.test('a byte now and then is no word', async (test) => {
  const { socket, ended, clock } = scene(test, logOf(1))
  for (let at = 0; at < 4; at++) {
    socket.push(Buffer.alloc(1))
    await turns()
    clock.advance(5000)
  }
  await turns()
  test.ok(ended(), 'given up after 20 s')
})

t.test('a replica that falls silent is given up, one that reports is not', async (test) => {
  const { socket, ended, clock, context } = scene(test, logOf(1))
  socket.report(1)
  for (let at = 0; at < 10; at++) {
    await turns()
    clock.advance(5000)
    socket.report(1)
  }
  await turns()
  clock.advance(19_999)
  test.notOk(ended())
  clock.advance(1)
  await turns()
  test.ok(ended())
  test.match(context.log.left, [{ reason: 'it said nothing for 20000 ms' }])
})

t.test('what a replica has said while this process was stopped counts', async (test) => {
  const { socket, ended, clock } = scene(test, logOf(1))
  socket.report(1)
  await turns()
  clock.advance(60_000)
  socket.report(1)
  await turns()
  test.notOk(ended())
})

t.test('however the connection ends, it ends once, and nothing follows', async (test) => {
  const ways: Record<string, (scene: Scene) => void> = {
    'closed by the replica': ({ socket }) => socket.push(null),
    reset: ({ socket }) => socket.destroy(new Error('read ECONNRESET')),
    'lost without a word': ({ socket }) => socket.destroy(),
    'ended here': ({ connection }) => connection.end('the master stops'),
  }
  for (const [way, end] of Object.entries(ways)) {
    for (const isBlocked of [false, true]) {
      const it = scene(test, logOf(2))
      it.socket.isBlocked = isBlocked
      it.socket.report(1)
      await turns()
      end(it)
      await turns()
      test.ok(it.ended(), way)
      test.equal(it.context.log.left.length, 1)
      const written = it.socket.written.length
      it.log.write(10)
      it.socket.release()
      it.clock.advance(60_000)
      await turns()
      test.equal(it.socket.written.length, written)
      test.equal(it.clock.timers.size, 0)
    }
  }
})
