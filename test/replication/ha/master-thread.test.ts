/**
 * The story: what is sent is read from the log's files, by a thread that knows them by hearsay. It sends all there is and nothing
 * else, whatever becomes of the files, and the store outlives it.
 *
 * What is not shown here: the protocol (over-tcp, replica-connection), and what it costs (bench/).
 */
import { once } from 'node:events'
import { readFileSync, readdirSync, readlinkSync, rmSync, truncateSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Worker } from 'node:worker_threads'
import { segmentName } from '../../../lib/format/file-name'
import { FRAME_HEADER_LENGTH } from '../../../lib/format/ha-frame'
import type { MessageStore, OpenOptions } from '../../../lib/index'
import { Acknowledged } from '../../../lib/replication/ha/acknowledged'
import { systemClock } from '../../../lib/storage/system-clock'
import { message, messageOfSize } from '../../store/support'
import { addressOf, caughtUp, connected, startMaster, startSlave, until } from '../pair'
import { FILE, firstReadDifference, firstStoredDifference, temporaryDirectory } from '../support'
import { framesOf, reportOf } from './support'

const asynchronous = { brokerRole: 'ASYNC_MASTER', inSyncReplicas: undefined } satisfies OpenOptions

const certificate = (name: string): Buffer => readFileSync(join(__dirname, '../../../../test/fixtures/certificates', name))

function warningsOf(store: MessageStore): string[] {
  const warnings: string[] = []
  store.on('warning', (warning) => warnings.push(warning.message))
  return warnings
}

function fill(store: MessageStore, files: number): void {
  for (const end = store.maxPhyOffset + files * FILE; store.maxPhyOffset < end;) store.append(messageOfSize(300))
}

function readlinkOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return ''
  }
}

/** The threads that are begun from now on. */
function threads(test: Test): Worker[] {
  const begun: Worker[] = []
  const note = (worker: Worker): void => void begun.push(worker)
  process.on('worker', note)
  test.teardown(() => process.off('worker', note))
  return begun
}

for (const options of [asynchronous, { brokerRole: 'SYNC_MASTER', inSyncReplicas: 2 }] satisfies OpenOptions[]) {
  t.test(`${options.brokerRole}: what there is, what comes meanwhile, and from file to file`, async (test) => {
    const directory = temporaryDirectory(test)
    const workers = threads(test)
    const master = await startMaster(test, join(directory, 'master'), options)
    test.equal(workers.length, 1, 'a thread of its own')
    fill(master, 3)
    const slaves = [await startSlave(test, join(directory, 'one'), addressOf(master)), await startSlave(test, join(directory, 'two'), addressOf(master))]
    for (let round = 0; round < 30; round++) {
      if (round % 3 === 0) fill(master, 1)
      test.equal((await master.put(message({ body: Buffer.from(`${round}`), queueId: round % 3 }))).status, 'PUT_OK')
    }
    await Promise.all(slaves.map((slave) => caughtUp(slave, master)))
    await connected(master, 2)
    await until(() => master.replication.status().replicas.every(({ lagBytes }) => lagBytes === 0))
    test.ok(master.replication.status().replicas.every(({ acknowledgedOffset }) => acknowledgedOffset === master.maxPhyOffset))
    await slaves[0]!.close()
    await until(() => master.replication.status().replicas.length === 1)
    await master.close()
    await slaves[1]!.close()
    test.equal(workers[0]!.threadId, -1, 'it ends with the store')
  })
}

t.test('byte for byte, from the first file on', async (test) => {
  const directory = temporaryDirectory(test)
  const master = await startMaster(test, join(directory, 'master'), asynchronous)
  const slave = await startSlave(test, join(directory, 'slave'), addressOf(master))
  await connected(master)
  for (let files = 0; files < 20; files++) {
    fill(master, 1)
    await new Promise((resume) => setTimeout(resume, files % 4))
  }
  await caughtUp(slave, master)
  test.equal(firstReadDifference(master, slave), undefined)
  await master.close()
  await slave.close()
  test.equal(firstStoredDifference(join(directory, 'master'), join(directory, 'slave')), undefined)
})

/** A replica that the test speaks for, and what it has been sent. */
async function ask(master: MessageStore, offset: number): Promise<{ socket: Socket; received(): Buffer }> {
  const socket = connect(Number(addressOf(master).replace(/.*:/, '')), '127.0.0.1')
  const pieces: Buffer[] = []
  socket.on('data', (bytes: Buffer) => pieces.push(bytes)).on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(reportOf(offset))
  return { socket, received: () => Buffer.concat(pieces) }
}

t.test('a file that is deleted is closed, and who asks for it gets heartbeats only', async (test) => {
  const directory = temporaryDirectory(test)
  let passed = 0
  const clock = { ...systemClock, now: () => systemClock.now() + passed }
  const master = await startMaster(test, join(directory, 'master'), { ...asynchronous, fileReservedTime: 1, clock })
  const warnings = warningsOf(master)
  fill(master, 5)
  const reader = await ask(master, 1)
  await until(() => reader.received().length > master.maxPhyOffset)
  const isGone = (name: string): boolean => readlinkOf(name).startsWith(directory) && readlinkOf(name).endsWith(' (deleted)')
  passed = 3 * 3_600_000
  await master.retention.deleteNow()
  test.ok(master.minPhyOffset >= 2 * FILE)
  await until(() => !readdirSync('/proc/self/fd').some(isGone))
  const late = await ask(master, 1)
  await until(() => late.received().length >= 2 * FRAME_HEADER_LENGTH)
  test.ok(framesOf(late.received()).every(({ offset, body }) => offset === 1 && body.length === 0))
  test.match(warnings.filter((text) => /asks for/.test(text)), [new RegExp(`offset 1, and the log has ${master.minPhyOffset} to ${master.maxPhyOffset}`)])
  for (const { socket } of [reader, late]) socket.destroy()
})

t.test('a file that is gone before the thread hears of it', async (test) => {
  const directory = temporaryDirectory(test)
  const master = await startMaster(test, join(directory, 'master'), asynchronous)
  const warnings = warningsOf(master)
  fill(master, 3)
  rmSync(join(directory, 'master', 'commitlog', segmentName(0)))
  const { socket, received } = await ask(master, 1)
  await until(() => received().length >= 2 * FRAME_HEADER_LENGTH)
  test.ok(framesOf(received()).every(({ offset, body }) => offset === 1 && body.length === 0))
  test.match(warnings, [/asks for what follows offset 1/])
  socket.destroy()
})

t.test('a file that was cut short is not sent as zeros', async (test) => {
  const directory = temporaryDirectory(test)
  const master = await startMaster(test, join(directory, 'master'), asynchronous)
  const warnings = warningsOf(master)
  const gone: string[] = []
  master.on('replicaGone', ({ reason }) => gone.push(reason))
  fill(master, 3)
  truncateSync(join(directory, 'master', 'commitlog', segmentName(FILE)), 1000)
  const { socket, received } = await ask(master, 1)
  await once(socket, 'close')
  await until(() => gone.length > 0)
  const log = readFileSync(join(directory, 'master', 'commitlog', segmentName(0)))
  for (const { offset, body } of framesOf(received())) test.ok(body.equals(log.subarray(offset, offset + body.length)))
  test.match(gone, [/cut short/])
  test.match(warnings, [/cannot be sent what it asks for: .*00004096 was cut short/])
})

t.test('a thread that dies is replaced, and nothing else happens', async (test) => {
  const directory = temporaryDirectory(test)
  const workers = threads(test)
  const master = await startMaster(test, join(directory, 'master'), { brokerRole: 'SYNC_MASTER', inSyncReplicas: 2 })
  const address = addressOf(master)
  const warnings = warningsOf(master)
  const gone: string[] = []
  master.on('replicaGone', ({ reason }) => gone.push(reason))
  const slave = await startSlave(test, join(directory, 'slave'), address)
  await connected(master)
  test.equal((await master.put(message())).status, 'PUT_OK')
  await workers[0]!.terminate()
  await until(() => master.replication.status().replicas.length === 0)
  test.equal(master.replication.status().address, undefined)
  test.same(gone, ['the thread that served it has ended'])
  test.match(warnings, [/^the thread that serves slaves has ended .*another one takes its place$/])
  const waiting = master.put(message())
  await connected(master)
  test.equal((await waiting).status, 'PUT_OK', 'the slave came back, and has it')
  test.equal(master.replication.status().address, address, 'where it was')
  test.equal(workers.length, 2)
  test.equal(firstReadDifference(master, slave), undefined)
  await workers[1]!.terminate()
  await master.close()
  test.equal(workers.length, 2, 'none for a store that is closed')
})

t.test('master and slave exchange their roles, and each sends from a thread while it is the master', async (test) => {
  const directory = temporaryDirectory(test)
  const workers = threads(test)
  const [one, two] = [await startMaster(test, join(directory, 'one'), asynchronous), await startMaster(test, join(directory, 'two'), asynchronous)]
  await two.replication.demote({ masterAddress: addressOf(one) })
  test.equal(workers[1]!.threadId, -1)
  await connected(one)
  for (let round = 0; round < 6; round++) {
    const [master, slave] = round % 2 === 0 ? [one, two] : [two, one]
    fill(master, 1)
    await caughtUp(slave, master)
    await slave.replication.promote({ role: round % 3 === 0 ? 'ASYNC_MASTER' : 'SYNC_MASTER' })
    await master.replication.demote({ masterAddress: addressOf(slave) })
    await connected(slave)
    test.equal((await slave.put(message())).status, 'PUT_OK')
  }
  test.equal(workers.filter(({ threadId }) => threadId !== -1).length, 1)
  await caughtUp(two, one)
  test.equal(firstReadDifference(one, two), undefined)
})

t.test('whoever has something else to do is not flooded with what replicas have, and hears the newest in the end', async (test) => {
  for (const isUrgent of [true, false]) {
    const heard = new Map<string, number>()
    let sent = 0
    let taken = 0
    const acknowledged = new Acknowledged({
      isUrgent,
      taken: () => taken,
      send: (offsets) => {
        sent++
        for (const [replica, offset] of offsets) heard.set(replica, offset)
      },
    })
    for (const replica of ['a', 'b', 'c']) acknowledged.note(replica, 0)
    test.same([...heard.values()], [0, 0, 0], 'what each says first at once, and by itself')
    for (let offset = 1; offset <= 10_000; offset++) for (const replica of ['a', 'b', 'c']) acknowledged.note(replica, offset)
    test.ok(isUrgent ? sent === 64 : sent === 4, `${sent} messages`)
    await new Promise((resume) => setTimeout(resume, 50))
    if (isUrgent) test.equal(sent, 64, 'nothing more before they are taken')
    taken = sent
    await until(() => [...heard.values()].filter((offset) => offset === 10_000).length === 3)
    acknowledged.note('a', 10_001)
    acknowledged.sendAll()
    test.equal(heard.get('a'), 10_001)
    acknowledged.sendAll()
  }
})

t.test('what cannot begin', async (test) => {
  const directory = temporaryDirectory(test)
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await test.rejects(startMaster(test, join(directory, 'taken'), { ...asynchronous, haListenPort: port }), {
    code: 'ERR_LISTEN_FAILED', details: { value: `127.0.0.1:${port}`, reason: 'EADDRINUSE' },
  })
  other.close()
  const master = await startMaster(test, join(directory, 'master'), asynchronous)
  await master.replication.stop()
  const tls = { cert: certificate('master.pem'), key: certificate('master.key') }
  await test.rejects(master.replication.start({ tls: { ...tls, SNICallback: () => undefined } }), { code: 'ERR_INVALID_ARGUMENT' })
  await test.rejects(master.replication.start({ tls: { ...tls, cert: 'none' } }))
  await master.replication.start({ tls })
  const slave = await startSlave(test, join(directory, 'slave'), addressOf(master), { haMasterAddress: addressOf(master) })
  await slave.replication.stop()
  await slave.replication.start({ tls: { ca: certificate('authority.pem') } })
  master.append(message())
  await caughtUp(slave, master)
  test.equal(firstReadDifference(master, slave), undefined)
})
