import { cpSync, rmSync } from 'node:fs'
import { MessageStore, type Message, type OpenOptions, type PutResult } from '../../lib/index'
import { decodeMessageId } from '../../lib/format/message-id'
import { FailingBackend, type CallKind } from './failing-backend'
import type { JumpingClock } from './jumping-clock'
import type { Ledger } from './ledger'
import { lookAfter } from './look-after'
import { keyOf, makeMessage, numberOf, queuesPerTopic, topics } from './messages'
import type { Random } from './random'
import type { SoakStory } from './soak-story'

const WRITERS = 4
const READERS = 3
const BATCH_MAX = 8
/** Puts after a fault that may end as FLUSH_DISK_TIMEOUT, since the clock may jump while they wait. */
const ATTEMPTS_AFTER_FAULT = 3
/** Milliseconds that a store which has stopped is still read from. */
const READING_AFTER_STOP = 60
const HOUR = 3_600_000

const errorNames = ['EIO', 'ENOSPC', 'EMFILE', 'ENOMEM', 'EINTR'] as const
/** Half of the faults meet one of these, which are few among all calls, but on which the most depends. */
const callKinds: readonly CallKind[] = ['flush', 'sync', 'syncDirectory', 'write', 'reserve', 'reserveAsync', 'map', 'truncate']
const clockJumps = [0, 0, 1500, -1500, -2 * HOUR, 26 * HOUR, 10 * 365 * 24 * HOUR] as const

export interface SessionParts {
  store: MessageStore
  backend: FailingBackend
  clock: JumpingClock
  ledger: Ledger
  story: SoakStory
  /** Those of the store without what is injected. */
  options: OpenOptions
  /** Of a case and one session of it: each part of the session takes a sequence of its own. */
  random(part: string): Random
}

/** An open store under load, from many sides at once, until it is closed in the middle of it. */
export class SoakSession {
  #isEnding = false
  #isClosing = false

  constructor(private readonly parts: SessionParts) {}

  async run(milliseconds: number): Promise<void> {
    const { store, backend, story, random } = this.parts
    const writers = Array.from({ length: WRITERS }, (_, lane) => this.#write(random(`writer ${lane}`)))
    const readers = Array.from({ length: READERS }, (_, lane) => this.#follow(random(`reader ${lane}`)))
    const working = Promise.all([...writers, ...readers, this.#ask(random('asker'))])
    await this.#trouble(random('trouble'), performance.now() + milliseconds)
    const isOrderly = random('end').chance(0.4)
    this.#isEnding = true
    if (isOrderly) await story.inTime('the last puts', Promise.all(writers), backend)
    this.#isClosing = true
    story.tell(isOrderly ? 'closes once the last puts are back' : 'closes in the middle of everything')
    await this.#attempt('close', () => store.close())
    await story.inTime('what was under way at the close', working, backend)
    story.add('closes')
    if (store.failure !== undefined) story.add('fail-stops')
  }

  /** What excuses an error. */
  get #excuse(): string | undefined {
    if (this.#isClosing) return 'it is being closed'
    return this.parts.backend.failed
  }

  async #attempt<Result>(name: string, call: () => Result | Promise<Result>): Promise<Result | undefined> {
    try {
      return await this.parts.story.inTime(name, Promise.resolve(call()), this.parts.backend)
    } catch (error) {
      this.parts.story.judge(name, error, this.#excuse)
      return undefined
    }
  }

  async #write(random: Random): Promise<void> {
    const { ledger, story } = this.parts
    while (!this.#isEnding && story.wrong.length === 0) {
      const way = random.next()
      if (way < 0.15) await this.#putBatches(random.between(2, BATCH_MAX))
      else if (way < 0.3) await this.#put('append', ledger.sent++)
      else await this.#put('put', ledger.sent++)
      await pause(random.chance(0.5) ? 0 : random.between(1, 6))
    }
  }

  async #put(way: 'put' | 'append', number: number): Promise<PutResult | undefined> {
    const { store, ledger } = this.parts
    const message = makeMessage(ledger.seed, number)
    return this.#store(way, [number], () => store[way](message))
  }

  /** The next messages, those of one queue together. */
  async #putBatches(count: number): Promise<void> {
    const { store, ledger, story } = this.parts
    const queues = new Map<string, { number: number; message: Message & { queueId: number } }[]>()
    for (; count > 0; count--) {
      const number = ledger.sent++
      const message = makeMessage(ledger.seed, number)
      const key = `${message.topic}/${message.queueId}`
      queues.set(key, [...(queues.get(key) ?? []), { number, message }])
    }
    await Promise.all([...queues.values()].map(async (entries) => {
      const { topic, queueId } = entries[0]!.message
      story.add('batches')
      await this.#store('putBatch', entries.map(({ number }) => number), () =>
        store.putBatch({ topic, queueId, messages: entries.map(({ message }) => message) }))
    }))
  }

  async #store(name: string, numbers: readonly number[], call: () => PutResult | Promise<PutResult>): Promise<PutResult | undefined> {
    const { store, ledger, story } = this.parts
    const wasStopped = store.failure !== undefined
    const result = await this.#attempt(name, call)
    if (result?.status === 'FLUSH_DISK_TIMEOUT') story.add('timeouts')
    else if (result !== undefined && result.status !== 'PUT_OK') story.accuse(`message ${numbers[0]} is refused: ${result.status}, ${result.reason}`)
    if (result?.status !== 'PUT_OK') return result
    if (wasStopped) story.accuse(`message ${numbers[0]} was acknowledged after the store had stopped`)
    const offsets = result.msgId.split(',').map(decodeMessageId)
    numbers.forEach((number, at) => ledger.acknowledge(number, { queueOffset: result.queueOffset + at, offset: offsets[at]! }))
    story.add('acknowledged', numbers.length)
    return result
  }

  /** Follows one queue after another, each from anywhere, and for some time. */
  async #follow(random: Random): Promise<void> {
    const { store, story } = this.parts
    while (!this.#isEnding && story.wrong.length === 0) {
      const stop = new AbortController()
      const topic = random.pick(topics)
      const queueId = random.below(queuesPerTopic)
      const timer = setTimeout(() => stop.abort(), random.between(5, 400))
      try {
        let due = random.between(store.minOffset(topic, queueId), store.maxOffset(topic, queueId))
        for await (const message of store.read({ topic, queueId, offset: due, signal: stop.signal })) {
          if (message.queueOffset !== due) story.accuse(`${topic}/${queueId} was read at ${message.queueOffset} where ${due} was due`)
          due = message.queueOffset + 1
          this.#check(`${topic}/${queueId}/${message.queueOffset}`, message)
          story.add('read')
        }
      } catch (error) {
        if (!stop.signal.aborted || error !== stop.signal.reason) story.judge('read', error, this.#excuse)
      } finally {
        clearTimeout(timer)
      }
      await pause(1)
    }
  }

  async #ask(random: Random): Promise<void> {
    const { store, ledger, story } = this.parts
    while (!this.#isEnding && story.wrong.length === 0) {
      const topic = random.pick(topics)
      const queueId = random.below(queuesPerTopic)
      await this.#attempt('get', () => {
        const offset = random.below(store.maxOffset(topic, queueId) + 2)
        const tag = `tag${random.below(4)}`
        for (const message of store.get({ topic, queueId, offset, filter: random.pick(['*', tag]) }).messages) {
          this.#check(`${topic}/${queueId}/${message.queueOffset}`, message)
        }
      })
      const number = random.below(ledger.sent + 1)
      await this.#attempt('lookup', () => {
        const place = ledger.acknowledged.get(number)
        if (place === undefined || place.offset >= store.visibleOffset) return
        const message = store.lookup(place.offset)
        if (message === undefined) story.accuse(`message ${number} is not found at ${place.offset}`)
        else this.#check(`the log at ${place.offset}`, message)
      })
      await this.#attempt('query', () => store.query({ topic: makeMessage(ledger.seed, number).topic, key: keyOf(number) }))
      await this.#attempt('offset by time', () => store.offsetByTime({ topic, queueId, timestamp: Date.now() - random.below(10_000) }))
      await this.#attempt('queues', () => store.queues())
      if (random.chance(0.3)) await this.#attempt('flush', () => store.flush())
      story.add('questions')
      await pause(random.between(1, 20))
    }
  }

  /** Whoever reads a message reads what was sent. */
  #check(place: string, message: { body: Buffer; topic: string }): void {
    const { ledger, story } = this.parts
    const number = numberOf(message.body)
    const isSent = number !== undefined && number < ledger.sent
    if (!isSent || !message.body.equals(makeMessage(ledger.seed, number).body as Buffer)) story.accuse(`${place} holds what nobody sent`)
  }

  async #trouble(random: Random, end: number): Promise<void> {
    const { store, story } = this.parts
    while (performance.now() < end && story.wrong.length === 0 && store.failure === undefined) {
      await pause(random.between(5, 120))
      const way = random.next()
      if (way < 0.12) await this.#fail(random)
      else if (way < 0.3) this.#jump(random)
      else if (way < 0.42) await this.#copyAsIfKilled()
    }
    if (store.failure === undefined) return
    story.tell(`has stopped: ${store.failure.message}`)
    await pause(READING_AFTER_STOP)
  }

  /** One of the next calls fails, once or until the machine is well again; then the store goes on, unless it has stopped. */
  async #fail(random: Random): Promise<void> {
    const { store, backend, ledger, story } = this.parts
    const fault = { nth: random.between(1, 12), errorCode: random.pick(errorNames), forEver: random.chance(0.4) }
    const kind = random.chance(0.5) ? random.pick(callKinds) : undefined
    story.tell(`strikes: ${fault.errorCode} ${fault.forEver ? 'from' : 'at'} the call ${fault.nth} to come, or the first ${kind ?? 'call'} behind it`)
    story.add('faults')
    backend.strike({ ...fault, ...(kind !== undefined && { kind }) })
    await pause(random.between(5, 150))
    backend.heal()
    story.tell(`the machine is well again; ${backend.failing ?? 'nothing'} has failed`)
    if (backend.failing !== undefined) story.add('faults met')
    await this.#attempt('flush', () => store.flush())
    if (backend.hasFailedFlush && store.failure === undefined) story.accuse('a flush failed, and the store has not stopped')
    for (let attempt = 0; attempt < ATTEMPTS_AFTER_FAULT && store.failure === undefined; attempt++) {
      const result = await this.#put('put', ledger.sent++)
      if (result?.status === 'PUT_OK') return
      if (result === undefined && store.failure === undefined) story.accuse('the store has not stopped, and takes nothing more')
    }
  }

  #jump(random: Random): void {
    const ahead = random.pick(clockJumps)
    this.parts.story.tell(`its clock is set to ${ahead / 1000} s from the machine's`)
    this.parts.story.add('clock jumps')
    this.parts.clock.set(ahead)
  }

  /** The files as they are while the store works are what a kill leaves. */
  async #copyAsIfKilled(): Promise<void> {
    const { store, ledger, story, options, backend } = this.parts
    const fresh = new FailingBackend(backend.real)
    const copy = `${store.directory}-killed`
    const known = ledger.copy()
    cpSync(store.directory, copy, { recursive: true })
    story.tell(`is copied as if killed, with ${known.acknowledged.size} acknowledged, ${known.sent} sent`)
    story.add('copies as if killed')
    try {
      const looking = lookAfter(copy, { ...options, ports: { backend: fresh } } as OpenOptions, known, { isDense: true, hasTimeJumped: true })
      const wrong = await story.inTime('to look at a copy', looking, fresh)
      story.accuse(...(wrong ?? []).map((line) => `a copy as if killed: ${line}`))
    } catch (error) {
      story.accuse(`a copy as if killed: ${(error as Error).stack}`)
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resume) => (milliseconds === 0 ? setImmediate(resume) : setTimeout(resume, milliseconds)))
}
