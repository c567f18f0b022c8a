/**
 * The parts that keep master and slave within their bounds: how much in a second, how long in silence, how often a complaint, who
 * at all. That the two ends use them is shown by their own tests.
 */
import fc from 'fast-check'
import t from 'tap'
import { parseAddresses, parseHostPort } from '../../../lib/options/addresses'
import { AllowList, addressText, plainAddress } from '../../../lib/replication/ha/allow-list'
import { Complaints } from '../../../lib/replication/ha/complaints'
import { FlowControl } from '../../../lib/replication/ha/flow-control'
import { FrameParser } from '../../../lib/replication/ha/frame-parser'
import { IdleTimer } from '../../../lib/replication/ha/idle-timer'
import { ReportParser } from '../../../lib/replication/ha/report-parser'
import { OffsetHistory } from '../../../lib/replication/offset-history'
import { ManualClock, frameOf, reportOf } from './support'

/** All ways to cut a stream are too many: random ones, and each single cut. */
function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((left, right) => left - right)
  return [0, ...places].map((from, at) => bytes.subarray(from, places[at] ?? bytes.length))
}

t.test('reports, however they are cut', async (test) => {
  fc.assert(fc.property(fc.array(fc.maxSafeInteger(), { minLength: 1, maxLength: 12 }), fc.array(fc.nat(200)), (offsets, cuts) => {
    const stream = Buffer.concat(offsets.map(reportOf))
    const parser = new ReportParser()
    let taken = 0
    for (const piece of cutAt(stream, cuts)) {
      const before = Math.floor(taken / 8)
      taken += piece.length
      const whole = Math.floor(taken / 8)
      const expected = whole > before ? offsets[whole - 1] : undefined
      if (parser.take(piece) !== expected) return false
    }
    return true
  }), { numRuns: 2000 })
  test.pass('the newest whole one of each piece, and only that')
})

t.test('frames, however they are cut, are passed on as they come', async (test) => {
  const frame = fc.record({ offset: fc.nat(2 ** 30), body: fc.uint8Array({ maxLength: 40 }) })
  fc.assert(fc.property(fc.array(frame, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(400)), (frames, cuts) => {
    const stream = Buffer.concat(frames.map(({ offset, body }) => frameOf(offset, body)))
    const seen: { offset: number; size: number; bytes: number[] }[] = []
    const pieces = cutAt(stream, cuts)
    let piece = pieces[0]!
    const parser = new FrameParser({
      header: (offset, size) => seen.push({ offset, size, bytes: [] }),
      body: (offset, bytes) => {
        const last = seen[seen.length - 1]!
        if (bytes.buffer !== piece.buffer || bytes.length === 0) throw new Error('not a piece of what came')
        if (offset !== last.offset + last.bytes.length) throw new Error('another offset')
        last.bytes.push(...bytes)
      },
    })
    for (piece of pieces) parser.take(piece)
    return JSON.stringify(seen) === JSON.stringify(frames.map(({ offset, body }) => ({ offset, size: body.length, bytes: [...body] })))
  }), { numRuns: 2000 })
  test.pass('whole, in order, and not copied')
})

t.test('frames that cannot be', async (test) => {
  const parser = (): FrameParser => new FrameParser({ header: () => undefined, body: () => undefined })
  test.throws(() => parser().take(frameOf(0, Buffer.alloc(0), -1)), /announced -1 bytes/)
  test.throws(() => parser().take(frameOf(-1, Buffer.alloc(0))), /at offset -1/)
  test.throws(() => parser().take(Buffer.alloc(12, 0x7f)), /at offset/, 'an offset that is no safe integer')
  const huge = parser()
  huge.take(frameOf(0, Buffer.alloc(0), 2 ** 31 - 1))
  for (let at = 0; at < 100; at++) huge.take(Buffer.alloc(1000))
  test.pass('2 GiB are passed on piece by piece')
})

t.test('so much in a second', async (test) => {
  const clock = new ManualClock()
  const flow = new FlowControl(clock, 1000)
  test.equal(flow.allowance, 1000)
  flow.count(400)
  clock.advance(999)
  test.equal(flow.allowance, 600)
  test.equal(flow.wait, 1)
  flow.count(700)
  test.equal(flow.allowance, 0)
  clock.advance(1)
  test.equal(flow.allowance, 1000, 'the next second')
  flow.count(1000)
  clock.set(clock.now() - 7_200_000)
  test.equal(flow.allowance, 1000, 'a clock that was set back holds nobody up for hours')
  test.equal(new FlowControl(clock, Infinity).allowance, Infinity)
})

t.test('silence', async (test) => {
  const clock = new ManualClock()
  let idle = 0
  const timer = new IdleTimer(clock, 1000, () => idle++)
  clock.advance(600)
  timer.touch()
  clock.advance(999)
  test.equal(idle, 0)
  clock.advance(1)
  test.equal(idle, 1)
  clock.advance(3000)
  test.equal(idle, 4, 'and again')
  clock.set(clock.now() - 7_200_000)
  clock.advance(1000)
  test.equal(idle, 4, 'a clock that was set back does not tell')
  clock.advance(2000)
  test.equal(idle, 6, 'from then on it does')
  timer.stop()
  test.equal(clock.timers.size, 0)
  const stopped = new IdleTimer(clock, 10, () => stopped.stop())
  clock.advance(50)
  test.equal(clock.timers.size, 0, 'it can be stopped by what it calls')
})

t.test('complaints', async (test) => {
  const clock = new ManualClock()
  const said: string[] = []
  const complaints = new Complaints(clock, (message) => said.push(message))
  for (let at = 0; at < 100; at++) complaints.about('10.0.0.1', 'bytes', `bad ${at}`)
  complaints.about('10.0.0.1', 'address', 'not allowed')
  test.same(said, ['bad 0', 'not allowed'])
  clock.advance(3_600_000)
  complaints.about('10.0.0.1', 'bytes', 'still bad')
  test.same(said.splice(0), ['bad 0', 'not allowed', 'still bad'], 'again after an hour')
  for (let at = 0; at < 100_000; at++) complaints.about(`fd00::${at}`, 'bytes', 'bad')
  test.equal(said.length, 256)
  test.match(said[255], /no more of them are named/)
})

t.test('who may connect', async (test) => {
  const allows = (list: string, address: string): boolean => new AllowList(parseAddresses(list)!).allows(plainAddress(address))
  test.ok(allows('', '203.0.113.9'), 'without a list everybody')
  test.ok(allows('127.0.0.1', '127.0.0.1'))
  test.ok(allows('127.0.0.1', '::ffff:127.0.0.1'), 'as a socket for both families has it')
  test.notOk(allows('127.0.0.1', '127.0.0.2'))
  test.notOk(allows('127.0.0.1', '::1'))
  test.ok(allows('10.1.0.0/16, 192.168.0.0/24', '10.1.255.7'))
  test.ok(allows('10.1.0.0/16, 192.168.0.0/24', '192.168.0.200'))
  test.notOk(allows('10.1.0.0/16, 192.168.0.0/24', '10.2.0.1'))
  test.ok(allows('fd00::/8', 'fd12:3456::1'))
  test.ok(allows('fe80::/10', 'fe80::1%eth0'), 'with a zone')
  test.notOk(allows('fd00::/8', 'fe80::1'))
  test.ok(allows('0.0.0.0/0', '203.0.113.9'))
  test.notOk(allows('0.0.0.0/0', '2001:db8::1'))
  test.ok(allows('::/0', '2001:db8::1'))
  test.notOk(allows('10.0.0.0/8', ''), 'an address that is gone is not allowed')
  for (const wrong of ['localhost', '10.0.0.0/33', 'fd00::/129', '10.0.0/8', '10.0.0.1/', '1.2.3.4/-1', 'fe80::1%eth0']) {
    test.equal(parseAddresses(wrong), undefined, wrong)
  }
})

t.test('addresses of masters', async (test) => {
  test.same(parseHostPort('broker-a:10912'), { host: 'broker-a', port: 10_912 })
  test.same(parseHostPort('[::1]:10912'), { host: '::1', port: 10_912 })
  test.same(parseHostPort('10.0.0.1:1'), { host: '10.0.0.1', port: 1 })
  for (const wrong of ['', 'broker-a', 'broker-a:', ':10912', 'a:0', 'a:65536', '::1:10912', '[broker-a]:1', 'a b:1', 'a:1x', 'http://a:1']) {
    test.equal(parseHostPort(wrong), undefined, wrong)
  }
  test.equal(addressText('10.0.0.1', 5), '10.0.0.1:5')
  test.equal(addressText('::1', 5), '[::1]:5')
})

t.test('for how long somebody has been behind', async (test) => {
  const clock = new ManualClock()
  const history = new OffsetHistory(clock, { spansMax: 16, finest: 10 })
  test.equal(history.behind(0), 0, 'nothing has ever been there')
  history.note(100, () => 0)
  clock.advance(50)
  history.note(200, () => 0)
  clock.advance(1000)
  test.equal(history.behind(0), 1050)
  test.equal(history.behind(99), 1050)
  test.equal(history.behind(100), 1000)
  test.equal(history.behind(199), 1000)
  test.equal(history.behind(200), 0)
  clock.set(clock.now() - 7_200_000)
  test.equal(history.behind(100), 0, 'a clock that was set back does not tell')
  history.note(300, () => 0)
  clock.advance(500)
  test.equal(history.behind(200), 500, 'and from then on it does')
})

t.test('however long somebody is behind, it costs a bounded memory, and is told about right', async (test) => {
  const clock = new ManualClock()
  const history = new OffsetHistory(clock, { spansMax: 64, finest: 5 })
  const started = clock.now()
  for (let offset = 1; offset <= 100_000; offset++) {
    history.note(offset, () => 500)
    clock.advance(10)
  }
  for (const offset of [500, 1000, 50_000, 99_000]) {
    const actual = clock.now() - (started + offset * 10)
    const told = history.behind(offset)
    test.ok(told >= actual && told - actual <= 1_000_000 / 16, `${told} ms for ${actual} ms`)
  }
  for (let offset = 100_001; offset <= 100_200; offset++) {
    history.note(offset, () => offset - 2)
    clock.advance(10)
  }
  test.ok(history.behind(100_190) <= 120, 'fine again once nobody is far behind')
})
