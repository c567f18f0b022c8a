/**
 * The story: the protocol on real sockets: several slaves, strangers, certificates, ten thousand connections, and an end while
 * everything is under way. The process does not die of any of it, and nothing is left over.
 *
 * What is not shown here: other machines, and how fast it is (bench/).
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { REPORT_LENGTH } from '../../../lib/format/ha-frame'
import type { HaOptions, HaSecurity } from '../../../lib/replication/ha/context'
import { HaMaster } from '../../../lib/replication/ha/master'
import { HaSlave } from '../../../lib/replication/ha/slave'
import { systemClock } from '../../../lib/storage/system-clock'
import { FakeLog, contextOf, frameOf, framesOf, reportOf, turns, type TestContext } from './support'

type Context = TestContext<typeof systemClock>

const pem = (name: string): Buffer => readFileSync(join(__dirname, '../../../../test/fixtures/certificates', name))
const certificateOf = (name: string) => ({ cert: pem(`${name}.pem`), key: pem(`${name}.key`) })

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resume) => setTimeout(resume, 2))
}

async function startMaster(test: Test, options: Partial<HaOptions> = {}, security: HaSecurity = {}): Promise<Context & { master: HaMaster; port: number }> {
  const context = contextOf(systemClock, new FakeLog(), { haListenPort: 0, ...options })
  const master = new HaMaster(context)
  await master.start(security)
  test.teardown(() => master.stop())
  return { ...context, master, port: Number(master.address!.replace(/.*:/, '')) }
}

function startSlave(test: Test, port: number, options: Partial<HaOptions> = {}, security: HaSecurity = {}): Context & { slave: HaSlave } {
  const context = contextOf(systemClock, new FakeLog(), { haMasterAddress: `127.0.0.1:${port}`, ...options })
  const slave = new HaSlave(context)
  slave.start(security)
  test.teardown(() => slave.stop())
  return { ...context, slave }
}

function warningsOf({ told }: Context): string[] {
  return told.flatMap((event) => (event.name === 'warning' ? [event.message] : []))
}

/** A peer that the test speaks for. */
async function peer(port: number): Promise<{ socket: Socket; received(): Buffer }> {
  const socket = connect(port, '127.0.0.1')
  const pieces: Buffer[] = []
  socket.on('data', (bytes: Buffer) => pieces.push(bytes)).on('error', () => undefined)
  await once(socket, 'connect')
  return { socket, received: () => Buffer.concat(pieces) }
}

t.test('the end comes while everything is under way, and nothing is left over', async (test) => {
  // The first test of all: those behind it leave sockets that are still being closed.
  const resources = (): string[] => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout|Immediate/.test(name))
  const before = resources().length
  for (const security of [{}, { tls: { ...certificateOf('master'), ca: pem('authority.pem') } }]) {
    for (let round = 0; round < 10; round++) {
      const context = contextOf(systemClock, new FakeLog(), { haListenPort: 0, haTransferBatchSize: 1000 })
      const master = new HaMaster(context)
      await master.start(security)
      const address = master.address!
      const slaves = Array.from({ length: 3 }, () => contextOf(systemClock, new FakeLog(), { haMasterAddress: address }))
      const ends = slaves.map((slave) => new HaSlave(slave))
      for (const end of ends) end.start('tls' in security ? { tls: { ...certificateOf('slave'), ca: pem('authority.pem') } } : {})
      for (let at = 0; at < round * 3; at++) {
        for (let record = 0; record < 200; record++) context.log.write(200)
        await turns(1)
      }
      await Promise.all(round % 2 === 0 ? [master.stop(), ...ends.map((end) => end.stop())] : [...ends.map((end) => end.stop()), master.stop()])
      test.equal(context.log.listeners.size, 0)
      for (const { log } of slaves) {
        if (!log.bytes.equals(context.log.slice(log.minOffset).subarray(0, log.bytes.length))) test.fail('other bytes')
      }
    }
  }
  await turns()
  test.same(resources().length, before, `${resources()}`)
})

t.test('several slaves, from nothing and from the middle, and what is written meanwhile', async (test) => {
  const { log, port } = await startMaster(test)
  for (let at = 0; at < 50; at++) log.write(50, 30, 9)
  const first = startSlave(test, port)
  const second = startSlave(test, port)
  for (let at = 0; at < 20; at++) {
    log.write(60, 11)
    await turns(2)
  }
  const slaves = [first, second]
  await until(() => slaves.every((slave) => slave.log.maxOffset === log.maxOffset))
  for (const slave of slaves) test.same(slave.log.bytes, log.slice(slave.log.minOffset))
  await until(() => new Set(log.acknowledged.filter(({ offset }) => offset === log.maxOffset).map(({ replica }) => replica)).size === 2)
  test.ok(log.acknowledged.every(({ replica }) => /^127\.0\.0\.1:\d+$/.test(replica)))

  await first.slave.stop()
  await until(() => log.left.length === 1)
  log.write(100, 100, 100)
  first.slave.start()
  await until(() => slaves.every((slave) => slave.log.maxOffset === log.maxOffset))
  test.same(first.log.bytes, log.slice(first.log.minOffset))
})

t.test('a master that comes back is found', async (test) => {
  const { log, port, master } = await startMaster(test)
  log.write(10)
  const slave = startSlave(test, port)
  await until(() => slave.log.maxOffset === log.maxOffset)
  await master.stop()
  test.equal(master.address, undefined)
  await until(() => slave.told.some(({ name }) => name === 'masterLost'))
  log.write(20)
  const again = new HaMaster({ ...slave, log, options: { ...slave.options, haListenPort: port } })
  await again.start()
  await until(() => slave.log.maxOffset === log.maxOffset)
  test.same(slave.log.bytes, log.bytes)
  await again.stop()
})

t.test('large records, at full speed', async (test) => {
  const { log, port } = await startMaster(test, { haTransferBatchSize: 32_768 })
  const peers = await peer(port)
  for (let at = 0; at < 30_000; at++) log.write(200)
  peers.socket.write(reportOf(1))
  let frames = 0
  await until(() => peers.received().length > log.maxOffset)
  const received = framesOf(peers.received())
  let next = 1
  for (const { offset, body } of received) {
    if (offset !== next || !body.equals(log.slice(offset).subarray(0, body.length))) test.fail(`frame at ${offset}`)
    next += body.length
    frames++
  }
  test.equal(next, log.maxOffset)
  test.ok(frames > 0)
  peers.socket.destroy()
})

t.test('the port is taken', async (test) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const master = new HaMaster(contextOf(systemClock, new FakeLog(), { haListenPort: port }))
  await test.rejects(master.start(), { code: 'ERR_LISTEN_FAILED', details: { value: `127.0.0.1:${port}`, reason: 'EADDRINUSE' } })
  other.close()
  await once(other, 'close')
  await master.start()
  test.equal(master.address, `127.0.0.1:${port}`, 'it can be tried again')
  await master.stop()
  await test.rejects(new HaMaster(contextOf(systemClock, new FakeLog(), { haListenAddress: '192.0.2.1' })).start(), { code: 'ERR_LISTEN_FAILED' })
})

t.test('it listens where it was told to, and nowhere else', async (test) => {
  const { port } = await startMaster(test)
  const elsewhere = connect(port, '127.0.0.2')
  const [error] = await once(elsewhere, 'error') as [NodeJS.ErrnoException]
  test.equal(error.code, 'ECONNREFUSED')
})

t.test('who is not allowed', async (test) => {
  const { port, ...context } = await startMaster(test, { haAllowedAddresses: '10.0.0.0/8, fd00::/8' })
  for (let at = 0; at < 20; at++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    await new Promise((resolve) => socket.once('close', resolve))
  }
  test.match(warningsOf(context), [/^a connection from 127.0.0.1 was refused: haAllowedAddresses/])
  test.equal(warningsOf(context).length, 1)
})

t.test('ten thousand connections', async (test) => {
  const { port, log, ...context } = await startMaster(test, { haConnectionsMax: 50 })
  log.write(100)
  const silent = await Promise.all(Array.from({ length: 49 }, () => peer(port)))
  const slave = startSlave(test, port)
  await until(() => slave.log.maxOffset === log.maxOffset)
  const before = process.memoryUsage().rss
  let closed = 0
  for (let wave = 0; wave < 100; wave++) {
    await Promise.all(Array.from({ length: 100 }, async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      socket.write(reportOf(1))
      await new Promise((resolve) => socket.once('close', resolve))
      closed++
    }))
  }
  test.equal(closed, 10_000)
  test.ok(process.memoryUsage().rss - before < 100 << 20, 'bounded memory')
  test.match(warningsOf({ log, ...context }), [/^a connection from 127.0.0.1 was refused: there are 50 connections/])
  log.write(100)
  await until(() => slave.log.maxOffset === log.maxOffset)
  test.pass('the slave that was there goes on')
  for (const { socket } of silent) socket.destroy()
})

t.test('peers that send anything', async (test) => {
  const { port, log } = await startMaster(test, { haHousekeepingInterval: 100 })
  log.write(100)
  const slave = startSlave(test, port, { haSendHeartbeatInterval: 20 })
  for (const bytes of [Buffer.alloc(8, 0xff), Buffer.alloc(1 << 20, 0xee), Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), Buffer.alloc(3)]) {
    const { socket } = await peer(port)
    socket.write(bytes)
    await new Promise((resolve) => socket.once('close', resolve))
  }
  const { socket } = await peer(port)
  socket.write(reportOf(1))
  socket.resetAndDestroy()
  log.write(50)
  await until(() => slave.log.maxOffset === log.maxOffset)
  test.pass('each is gone, and the slave that was there goes on')
})

t.test('peers that ask for everything and read nothing', async (test) => {
  const { port, log } = await startMaster(test, { haTransferBatchSize: 32_768 })
  while (log.maxOffset < 32 << 20) log.write(...Array<number>(1000).fill(250))
  const greedy = await Promise.all(Array.from({ length: 20 }, () => peer(port)))
  const before = process.memoryUsage().arrayBuffers
  for (const { socket } of greedy) {
    socket.pause()
    socket.write(reportOf(1))
  }
  await until(() => log.acknowledged.length === 20)
  await turns(200)
  const cost = process.memoryUsage().arrayBuffers - before
  test.ok(cost < 20 << 20, `${cost >> 20} MiB for 20 of them, with 32 MiB to send to each`)
  const slave = startSlave(test, port)
  await until(() => slave.log.maxOffset === log.maxOffset)
  for (const { socket } of greedy) socket.destroy()
})

t.test('with certificates', async (test) => {
  const tls = { ...certificateOf('master'), ca: pem('authority.pem') }
  const { port, log, master, ...context } = await startMaster(test, { haHousekeepingInterval: 2000 }, { tls })
  log.write(100, 50)
  const slave = startSlave(test, port, {}, { tls: { ...certificateOf('slave'), ca: pem('authority.pem') } })
  await until(() => slave.log.maxOffset === log.maxOffset)
  for (let at = 0; at < 20; at++) {
    log.write(200, 200)
    await turns(1)
  }
  await until(() => slave.log.maxOffset === log.maxOffset)
  test.same(slave.log.bytes, log.bytes)

  const refused: [string, HaSecurity, RegExp][] = [
    ['a certificate of somebody else', { tls: { ...certificateOf('stranger'), ca: pem('authority.pem') } }, /.*/],
    ['no certificate', { tls: { ca: pem('authority.pem') } }, /.*/],
    ['a slave that trusts another authority', { tls: { ...certificateOf('slave'), ca: pem('other-authority.pem') } }, /self.signed|unable to verify/],
  ]
  for (const [who, security, reason] of refused) {
    const stranger = startSlave(test, port, {}, security)
    await until(() => stranger.told.some(({ name }) => name === 'warning' || name === 'masterLost'))
    test.match(stranger.told.find(({ name }) => name === 'warning' || name === 'masterLost'), { [warningsOf(stranger).length > 0 ? 'message' : 'reason']: reason }, who)
    test.equal(stranger.log.maxOffset, 0)
    await stranger.slave.stop()
  }
  const plain = startSlave(test, port)
  await until(() => plain.told.some(({ name }) => name === 'masterLost'))
  test.equal(plain.log.maxOffset, 0, 'nothing in plain text')
  await plain.slave.stop()
  test.equal(new Set(log.acknowledged.map(({ replica }) => replica)).size, 1, 'no stranger was ever a replica')
  test.equal(warningsOf({ log, ...context }).filter((message) => /^a connection from 127.0.0.1 was refused/.test(message)).length, 1)
  await master.stop()
})

t.test('a stranger in the middle of the handshake does not hold up the end', async (test) => {
  const { port, master } = await startMaster(test, {}, { tls: certificateOf('master') })
  const { socket } = await peer(port)
  socket.write(Buffer.from([0x16, 3, 1]))
  await turns()
  await master.stop()
  await until(() => socket.destroyed)
  test.equal(socket.destroyed, true)
})

t.test('a slave of a master that sends anything', async (test) => {
  const answers = [Buffer.alloc(64, 0xff), frameOf(0, Buffer.alloc(10), 2 ** 31 - 1), frameOf(0, Buffer.alloc(0), -1)]
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', (bytes) => {
      test.equal(bytes.length, REPORT_LENGTH)
      socket.end(answers[connections++ % answers.length])
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const slave = startSlave(test, port)
  await until(() => slave.told.some(({ name }) => name === 'masterLost'))
  test.equal(slave.log.maxOffset, 0)
  await slave.slave.stop()
  server.close()
  for (const socket of sockets) socket.destroy()
})

t.test('starting and stopping again and again', async (test) => {
  const context = contextOf(systemClock, new FakeLog(), { haListenPort: 0 })
  const master = new HaMaster(context)
  for (let at = 0; at < 5; at++) {
    const starting = master.start()
    test.equal(master.start(), starting, 'once')
    await Promise.all([at % 2 === 0 ? starting : undefined, master.stop()])
    test.equal(master.address, undefined)
  }
})
