/**
 * The story: a slave is cut off in the middle of a record, finds a master that has lost its last second, or one that is another
 * master altogether. It must neither take what does not follow nor say that it has what it has not.
 *
 * What is not shown here: that the log checks what it is given (test/replication/), and that a real master answers like this one
 * (test/interop/).
 */
import t, { type Test } from 'tap'
import { StoreError } from '../../../lib/errors'
import { readReport } from '../../../lib/format/ha-frame'
import type { HaOptions } from '../../../lib/replication/ha/context'
import type { Receiver } from '../../../lib/replication/ha/open-connection'
import { HaSlave } from '../../../lib/replication/ha/slave'
import { FakeLog, ManualClock, TestSocket, contextOf, fileSize, frameOf, turns, type TestContext } from './support'

interface Connection {
  socket: TestSocket
  receiver: Receiver
  /** What it has reported. */
  reports(): number[]
}

interface Scene extends TestContext<ManualClock> {
  slave: HaSlave
  /** One for each time that it has tried to connect. */
  connections: Connection[]
  /** The connection that it tried last, standing. */
  connected(): Promise<Connection>
  warnings(): string[]
}

function scene(test: Test, log = new FakeLog(), options: Partial<HaOptions> = {}): Scene {
  const clock = new ManualClock()
  const context = contextOf(clock, log, options)
  const connections: Connection[] = []
  const slave = new HaSlave(context, () => (receiver) => {
    const socket = new TestSocket()
    socket.on('data', (bytes: Uint8Array) => receiver.receive(bytes))
    connections.push({ socket, receiver, reports: () => socket.written.splice(0).map((bytes) => readReport(new DataView(bytes.buffer, bytes.byteOffset), 0)) })
    return socket
  })
  slave.start()
  test.teardown(async () => {
    await slave.stop()
    if (clock.timers.size > 0) test.fail('a timer is left')
    if (log.listeners.size > 0) test.fail('it still listens')
  })
  return {
    ...context, slave, connections,
    async connected() {
      const connection = connections[connections.length - 1]!
      connection.receiver.onReady()
      await turns()
      return connection
    },
    warnings: () => context.told.flatMap((event) => (event.name === 'warning' ? [event.message] : [])),
  }
}

/** A master's log, and one that has the first of it. */
function logs(records: number, own: number, size = 30): { master: FakeLog; log: FakeLog } {
  const master = new FakeLog()
  const log = new FakeLog()
  for (let at = 0; at < records; at++) master.write(size)
  for (let at = 0; at < own; at++) log.write(size)
  return { master, log }
}

t.test('it reports at once, and begins where the master says when it has nothing', async (test) => {
  const { master } = logs(30, 0)
  const { connected, log, told } = scene(test)
  const { socket, reports } = await connected()
  test.same(reports(), [0])
  const from = master.lastFile
  socket.push(frameOf(from, master.slice(from)))
  await turns()
  test.equal(log.minOffset, from)
  test.same(log.bytes, master.slice(from))
  test.same(reports(), [log.maxOffset])
  test.match(told, [{ name: 'masterConnected', master: '127.0.0.1:10912', offset: 0 }])
})

t.test('it asks for the end of its log again, and reports more only once that is the same', async (test) => {
  const { master, log } = logs(8, 5)
  const { connected } = scene(test, log)
  const { socket, reports } = await connected()
  const last = 4 * 31
  test.same(reports(), [last])
  socket.push(frameOf(last, master.slice(last).subarray(0, 10)))
  await turns()
  test.same(reports(), [], 'part of what it has')
  socket.push(frameOf(last + 10, master.slice(last + 10).subarray(0, 30)))
  await turns()
  test.same(reports(), [5 * 31], 'all of it, and part of what is new')
  socket.push(frameOf(last + 40, master.slice(last + 40)))
  await turns()
  test.same(reports(), [8 * 31])
  test.same(log.bytes, master.bytes)
})

t.test('with a single record it asks from the second byte on, since 0 means that nothing is here', async (test) => {
  const { master, log } = logs(3, 1)
  const { connected } = scene(test, log)
  const { socket, reports } = await connected()
  test.same(reports(), [1])
  socket.push(frameOf(1, master.slice(1)))
  await turns()
  test.same(log.bytes, master.bytes)
  test.same(reports(), [log.maxOffset])
})

t.test('where its log ends with a file it asks for the end of that, too', async (test) => {
  const log = new FakeLog()
  log.write(99, 99, 99, 99)
  const { connected } = scene(test, log)
  const { reports } = await connected()
  test.same(reports(), [log.resumeOffset])
  test.ok(log.resumeOffset < fileSize && log.maxOffset === fileSize)
})

t.test('a log that begins behind its master, and has nothing, begins anew', async (test) => {
  const { master } = logs(5, 0)
  const log = new FakeLog(2 * fileSize)
  const { connected, clock, told } = scene(test, log)
  const { socket, reports } = await connected()
  test.same(reports(), [0])
  for (let heartbeats = 0; heartbeats < 3; heartbeats++) {
    socket.push(frameOf(0, Buffer.alloc(0)))
    await turns()
    clock.advance(5000)
  }
  socket.push(frameOf(0, master.slice(0)))
  await turns()
  test.same(log.bytes, master.bytes)
  test.equal(reports().at(-1), master.maxOffset)
  test.same(told.filter(({ name }) => name !== 'masterConnected'), [])
})

t.test('other bytes where there should be its own: nothing is taken, and it stops', async (test) => {
  const { master, log } = logs(5, 5)
  const before = Buffer.from(log.bytes)
  const other = Buffer.from(master.slice(4 * 31))
  other[20]! ^= 1
  const { connected, told, connections, clock, slave } = scene(test, log)
  const { socket } = await connected()
  socket.push(frameOf(4 * 31, other))
  await turns()
  test.match(told, [
    { name: 'masterConnected' },
    { name: 'masterLost' },
    { name: 'diverged', master: '127.0.0.1:10912', ownOffset: 5 * 31, otherOffset: 4 * 31 + 20, reason: 'other bytes' },
  ])
  test.same(log.bytes, before)
  test.ok(socket.destroyed)
  clock.advance(60_000)
  test.equal(connections.length, 1, 'it does not try again')
  slave.start()
  test.equal(connections.length, 2, 'until it is told to')
})

t.test('a master that ends before us is found by its second heartbeat', async (test) => {
  for (const sent of [0, 10]) {
    const { master, log } = logs(5, 5)
    const { connected, told, clock } = scene(test, log)
    const { socket } = await connected()
    if (sent > 0) socket.push(frameOf(4 * 31, master.slice(4 * 31).subarray(0, sent)))
    for (let at = 0; at < 20; at++) socket.push(frameOf(4 * 31 + sent, Buffer.alloc(0)))
    await turns()
    test.notOk(told.some(({ name }) => name === 'diverged'), 'empty frames in quick succession are the flow control of 5.3')
    clock.advance(5000)
    socket.push(frameOf(4 * 31 + sent, Buffer.alloc(0)))
    await turns()
    test.match(told[2], { name: 'diverged', ownOffset: 5 * 31, otherOffset: 4 * 31 + sent, reason: /ends there/ })
    test.equal(log.maxOffset, 5 * 31)
  }
})

t.test('a master that only was slow is not taken for one that ends before us', async (test) => {
  const { master, log } = logs(6, 5)
  const { connected, told, clock } = scene(test, log)
  const { socket } = await connected()
  socket.push(frameOf(4 * 31, Buffer.alloc(0)))
  await turns()
  clock.advance(3000)
  socket.push(frameOf(4 * 31, master.slice(4 * 31).subarray(0, 5)))
  await turns()
  clock.advance(3000)
  socket.push(frameOf(4 * 31 + 5, Buffer.alloc(0)))
  await turns()
  clock.advance(2000)
  socket.push(frameOf(4 * 31 + 5, master.slice(4 * 31 + 5)))
  for (let at = 0; at < 5; at++) {
    await turns()
    clock.advance(5000)
    socket.push(frameOf(6 * 31, Buffer.alloc(0)))
  }
  await turns()
  test.same(told.map(({ name }) => name), ['masterConnected'])
  test.same(log.bytes, master.bytes)
})

t.test('frames have to follow each other, heartbeats too', async (test) => {
  for (const size of [0, 31]) {
    const { master, log } = logs(8, 5)
    const { connected, told, connections, clock } = scene(test, log)
    const { socket } = await connected()
    socket.push(frameOf(4 * 31, master.slice(4 * 31).subarray(0, 31 + 7)))
    socket.push(frameOf(6 * 31, master.slice(6 * 31).subarray(0, size)))
    await turns()
    test.ok(socket.destroyed)
    test.match(told[1], { name: 'masterLost', reason: 'it went on at offset 186 where 162 was to come' })
    test.equal(log.bytes.length, 5 * 31, 'what came of a record is forgotten')
    clock.advance(4999)
    test.equal(connections.length, 1)
    clock.advance(1)
    test.equal(connections.length, 2, 'it tries again, not at once')
  }
})

t.test('what no master sends', async (test) => {
  for (const bytes of [frameOf(0, Buffer.alloc(0), -5), Buffer.alloc(40, 0xff), Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]) {
    const { connected, log, told } = scene(test)
    const { socket } = await connected()
    socket.push(bytes)
    await turns()
    test.ok(socket.destroyed)
    test.match(told[1], { name: 'masterLost', reason: /^it announced / })
    test.equal(log.maxOffset, 0)
  }
})

t.test('reports in quick succession are one', async (test) => {
  const { master } = logs(10, 0)
  const { connected } = scene(test)
  const { socket, reports } = await connected()
  reports()
  socket.push(Buffer.concat(Array.from({ length: 4 }, (_, at) => frameOf(at * 31, master.slice(at * 31).subarray(0, 31)))))
  await turns()
  test.same(reports(), [4 * 31], 'what came together')
  socket.isBlocked = true
  for (let at = 4; at < 9; at++) {
    socket.push(frameOf(at * 31, master.slice(at * 31).subarray(0, 31)))
    await turns()
  }
  test.same(reports(), [5 * 31], 'a master that does not read')
  test.equal(socket.writableLength, 8)
  socket.isBlocked = false
  socket.release()
  await turns()
  test.same(reports(), [9 * 31])
})

t.test('it reports also while nothing comes', async (test) => {
  const { master, log } = logs(5, 5)
  const { connected, clock } = scene(test, log)
  const { socket, reports } = await connected()
  clock.advance(5000)
  await turns()
  test.same(reports(), [124], 'a master of 4.9 that ends before us would end the connection at a second one, and nobody would learn why')
  socket.push(frameOf(124, master.slice(124)))
  await turns()
  for (let at = 0; at < 2; at++) {
    clock.advance(5000)
    await turns()
  }
  test.same(reports(), [155, 155, 155])
})

t.test('a master that falls silent is left, and sought again', async (test) => {
  const { connected, clock, told, connections } = scene(test)
  const { socket } = await connected()
  clock.advance(10_000)
  socket.push(frameOf(0, Buffer.alloc(0)))
  await turns()
  clock.advance(19_999)
  test.notOk(socket.destroyed)
  clock.advance(1)
  await turns()
  test.ok(socket.destroyed)
  test.match(told[1], { name: 'masterLost', reason: 'it said nothing for 20000 ms' })
  clock.advance(100)
  test.equal(connections.length, 2)
})

t.test('it tries again soon, then less often', async (test) => {
  const { connections, clock, warnings, connected } = scene(test)
  const pauses: number[] = []
  for (let at = 1; at <= 9; at++) {
    connections[at - 1]!.socket.destroy(new Error('connect ECONNREFUSED'))
    await turns()
    let pause = 0
    while (connections.length === at) {
      clock.advance(100)
      pause += 100
    }
    pauses.push(pause)
  }
  test.same(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000])
  test.same(warnings().length, 1, 'one word for the whole night')
  test.match(warnings()[0], /cannot connect to the master 127.0.0.1:10912 \(connect ECONNREFUSED\)/)
  const { socket } = await connected()
  socket.push(frameOf(0, Buffer.alloc(0)))
  await turns()
  socket.destroy()
  await turns()
  clock.advance(100)
  test.equal(connections.length, 11, 'soon again after a connection that was good')
  clock.advance(5000)
  test.ok(connections[10]!.socket.destroyed, 'and it does not wait for ever for one to stand')
})

t.test('a master that takes the connection and ends it is not asked ten times a second', async (test) => {
  const { connections, clock, connected } = scene(test)
  for (let at = 0; at < 8; at++) {
    const { socket } = await connected()
    socket.push(null)
    await turns()
    clock.advance(5000)
  }
  test.equal(connections.length, 9)
  const { socket } = await connected()
  socket.destroy()
  await turns()
  clock.advance(4999)
  test.equal(connections.length, 9)
})

t.test('with haAcknowledgeAfterFlush it reports what is on its disk, from the first report on', async (test) => {
  const { master, log } = logs(10, 5)
  const gates: (() => void)[] = []
  log.beforeFlush = () => new Promise((resolve) => gates.push(resolve))
  const { connected } = scene(test, log, { haAcknowledgeAfterFlush: true })
  const { socket, reports } = await connected()
  test.same(reports(), [])
  gates.shift()!()
  await turns()
  test.same(reports(), [124])
  for (let at = 4; at < 9; at++) {
    socket.push(frameOf(at * 31, master.slice(at * 31).subarray(0, 31)))
    await turns()
  }
  test.same(reports(), [])
  test.equal(gates.length, 1, 'one flush at a time')
  gates.shift()!()
  await turns()
  test.same(reports(), [5 * 31])
  gates.shift()!()
  await turns()
  test.same(reports(), [9 * 31], 'the next one serves all that came meanwhile')
  test.equal(gates.length, 0)
})

t.test('a flush that fails ends it', async (test) => {
  const { master, log } = logs(10, 5)
  const { connected, warnings } = scene(test, log, { haAcknowledgeAfterFlush: true })
  const { socket, reports } = await connected()
  reports()
  log.beforeFlush = () => Promise.reject(new StoreError('ERR_FLUSH_FAILED', 'the disk did not take it'))
  socket.push(frameOf(124, master.slice(124)))
  await turns()
  test.same(reports(), [])
  test.match(warnings(), [/no longer follows 127.0.0.1:10912: the disk did not take it/])
})

t.test('what the log does not take', async (test) => {
  for (const { error, goesOn } of [
    { error: new StoreError('ERR_DISK_FULL', 'no room'), goesOn: true },
    { error: new StoreError('ERR_CORRUPT', 'no record'), goesOn: true },
    { error: new StoreError('ERR_IO', 'a bad page'), goesOn: false },
    { error: new StoreError('ERR_SEGMENT_SIZE', 'files of another length'), goesOn: false },
    { error: new StoreError('ERR_NOT_A_SLAVE', 'promoted'), goesOn: false },
    { error: new StoreError('ERR_STORE_CLOSED', 'closed'), goesOn: false },
    { error: new TypeError('a mistake'), goesOn: false },
  ]) {
    const { master, log } = logs(10, 5)
    const { connected, told, clock, connections, warnings } = scene(test, log)
    const { socket } = await connected()
    log.appendError = error
    socket.push(frameOf(124, master.slice(124)))
    await turns()
    test.match(told[1], { name: 'masterLost', reason: error.message })
    test.equal(warnings().length, goesOn ? 0 : 1)
    clock.advance(5000)
    test.equal(connections.length, goesOn ? 2 : 1, error.message)
    if (!goesOn) continue
    log.appendError = undefined
    const second = await connected()
    second.socket.push(frameOf(124, master.slice(124)))
    await turns()
    test.same(log.bytes, master.bytes, 'goes on once there is room')
  }
})

t.test('what the network has spoilt is asked for again soon, but not for ever', async (test) => {
  const { master, log } = logs(10, 5)
  const { connected, clock, connections } = scene(test, log)
  log.appendError = new StoreError('ERR_CORRUPT', 'no record')
  const pauses: number[] = []
  for (let at = 1; at <= 8; at++) {
    const { socket } = await connected()
    socket.push(frameOf(124, master.slice(124)))
    await turns()
    let pause = 0
    for (; connections.length === at; pause += 100) clock.advance(100)
    pauses.push(pause)
  }
  test.same(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000])
})

t.test('what counts only later is reported then', async (test) => {
  const { master, log } = logs(10, 5)
  const { connected } = scene(test, log)
  const { socket, reports } = await connected()
  reports()
  log.holdBack = true
  socket.push(frameOf(124, master.slice(124)))
  await turns()
  test.same(reports(), [155])
  log.holdBack = false
  for (const listener of log.listeners) listener()
  await turns()
  test.same(reports(), [310])
  test.equal(log.listeners.size, 1)
})

t.test('how far it is behind', async (test) => {
  const { master } = logs(10, 0)
  const { connected, slave, clock, log } = scene(test)
  const started = clock.now()
  test.match(slave.master, { isConnected: false, since: started, verifiedOffset: 0, lagBytes: 0, lagMilliseconds: 0 })
  clock.advance(1000)
  const { socket } = await connected()
  test.match(slave.master, { isConnected: true, since: started + 1000 })
  socket.push(frameOf(0, master.bytes.subarray(0, 40), 310))
  await turns()
  clock.advance(700)
  test.match(slave.master, { isConnected: true, verifiedOffset: 31, masterOffset: 310, lagBytes: 279, lagMilliseconds: 700 })
  socket.push(master.bytes.subarray(40))
  await turns()
  test.match(slave.master, { verifiedOffset: 310, lagBytes: 0, lagMilliseconds: 0 })
  test.equal(log.maxOffset, 310)
  socket.destroy()
  await turns()
  test.match(slave.master, { isConnected: false, lagBytes: 0, since: clock.now() })
})

t.test('stopped at any time', async (test) => {
  const stops: Record<string, (scene: Scene) => Promise<unknown>> = {
    'while it connects': async () => undefined,
    'while it is connected': ({ connected }) => connected(),
    'in the middle of a frame': async ({ connected }) => (await connected()).socket.push(frameOf(0, Buffer.alloc(5, 9), 100)),
    'while it waits': async ({ connections }) => connections[0]!.socket.destroy(),
  }
  for (const [when, reach] of Object.entries(stops)) {
    const it = scene(test)
    await reach(it)
    await turns()
    await it.slave.stop()
    test.equal(it.clock.timers.size, 0, when)
    test.ok(it.connections[0]!.socket.destroyed)
    it.clock.advance(60_000)
    test.equal(it.connections.length, 1)
    test.same(it.warnings().length, when === 'while it waits' ? 1 : 0)
    await it.slave.stop()
  }
})

t.test('without the address of a master', async (test) => {
  const slave = new HaSlave(contextOf(new ManualClock(), new FakeLog(), { haMasterAddress: '' }))
  test.throws(() => slave.start(), { code: 'ERR_INVALID_OPTION', details: { key: 'haMasterAddress' } })
  await slave.stop()
})
