import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { StoreError } from '../../errors'
import { SharedLong } from '../../format/long'
import type { Segment } from '../../storage/segment'
import type { SegmentList } from '../../storage/segment-list'
import type { HaContext, HaSecurity } from './context'
import type { FromThread, LogFilesChange, ThreadData, ToThread } from './thread-messages'

/** Where nobody waits for replicas, their thread looks every so many milliseconds whether there is more. */
const PACE = 2
/** How long to wait before a thread that has died is replaced, in milliseconds. */
const PAUSE = 1000

export interface MasterThreadContext extends HaContext {
  segments: SegmentList
  /** Whether somebody waits for replicas, and every moment counts. */
  isUrgent: boolean
}

/**
 * A master's end of the HA protocol, in a thread of its own: what is sent costs whoever appends nothing. The thread reads the log's
 * files itself. It is told where the log ends by a number in memory that both see, and of files by messages; what replicas have, and
 * what is to be said of them, comes back as messages. Should it die, the store goes on, and another one takes its place.
 */
export class MasterThread {
  readonly #context: MasterThreadContext
  readonly #replicas = new Set<string>()
  readonly #startOffset: number
  #security: HaSecurity = {}
  #worker: Worker | undefined
  #end!: SharedLong
  #taken!: SharedLong
  /** Of what the thread has been told. */
  #first: Segment | undefined
  #last: Segment | undefined
  #address: string | undefined
  /** Where a thread that takes the place of another one listens. */
  #port: number
  #starting: Promise<void> | undefined
  #exited: Promise<void> | undefined
  #endGrowth: (() => void) | undefined
  #cancelRestart: (() => void) | undefined
  #isStopped = false

  constructor(context: MasterThreadContext) {
    this.#context = context
    this.#startOffset = context.log.maxOffset
    this.#port = context.options.haListenPort
  }

  /** Where it listens, as `ip:port`; undefined while it does not. */
  get address(): string | undefined {
    return this.#address
  }

  /** Resolves once slaves can connect. @throws ERR_LISTEN_FAILED, ERR_INVALID_ARGUMENT for TLS options that are no plain data */
  async start(security: HaSecurity = {}): Promise<void> {
    this.#security = security
    this.#starting = this.#begin()
    await this.#starting
    this.#endGrowth = this.#context.log.onGrowth(() => this.#publish())
  }

  /** Ends all connections; resolves once they are closed. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#endGrowth?.()
    this.#cancelRestart?.()
    await this.#starting?.catch(() => undefined)
    if (this.#worker !== undefined) this.#send({ stop: true })
    await this.#exited
  }

  #begin(): Promise<void> {
    const worker = this.#createWorker()
    let reason = 'for no reason that it gave'
    this.#worker = worker
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()))
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromThread) => {
        if ('acknowledged' in message) return this.#acknowledge(message.acknowledged)
        if ('left' in message) return this.#leave(message.left.replica, message.left.reason)
        if ('warning' in message) return this.#context.emit('warning', message.warning)
        if ('failed' in message) return reject(new StoreError(message.failed.code, message.failed.message, message.failed.details))
        this.#address = message.listening
        this.#port = Number(message.listening.replace(/.*:/, ''))
        resolve()
      })
      worker.on('error', (error) => {
        reason = error.message
      })
      worker.on('exit', () => {
        this.#onExit(reason)
        reject(new StoreError('ERR_LISTEN_FAILED', `the thread that is to serve slaves has ended: ${reason}`, { reason }))
      })
    })
  }

  #createWorker(): Worker {
    const { log, segments, options, isUrgent } = this.#context
    const memory = new SharedArrayBuffer(2 * SharedLong.BYTES)
    this.#end = new SharedLong(memory, 0)
    this.#taken = new SharedLong(memory, SharedLong.BYTES)
    this.#first = undefined
    this.#last = undefined
    const data: ThreadData = {
      options: { ...options, haListenPort: this.#port },
      tls: this.#security.tls,
      fileSize: log.fileSize,
      memory,
      startOffset: this.#startOffset,
      pace: isUrgent ? 0 : PACE,
      files: this.#filesChange(segments),
    }
    this.#end.value = log.maxOffset
    try {
      return new Worker(join(__dirname, 'master-worker.js'), { workerData: data, name: 'mqstore-replication' })
    } catch (cause) {
      if ((cause as Error).name !== 'DataCloneError') throw cause
      const message = `the TLS options of a master go to another thread, and have to be data that can be copied: ${(cause as Error).message}`
      throw new StoreError('ERR_INVALID_ARGUMENT', message, { value: 'tls' }, cause)
    }
  }

  #publish(): void {
    const { log, segments } = this.#context
    if (this.#worker === undefined) return
    if (segments.first !== this.#first || segments.last !== this.#last) this.#send({ files: this.#filesChange(segments) })
    this.#end.value = log.maxOffset
  }

  #filesChange(segments: SegmentList): LogFilesChange {
    const knownTo = this.#last?.toOffset ?? -1
    this.#first = segments.first
    this.#last = segments.last
    const added = segments.all.filter(({ fromOffset }) => fromOffset >= knownTo).map(({ path, fromOffset }) => ({ path, fromOffset }))
    return { minOffset: this.#context.log.minOffset, added }
  }

  #acknowledge(offsets: [replica: string, offset: number][]): void {
    this.#taken.value++
    for (const [replica, offset] of offsets) {
      this.#replicas.add(replica)
      try {
        this.#context.log.acknowledge(replica, offset)
      } catch (error) {
        // A store that is closed ends its threads as well.
        if ((error as StoreError).code !== 'ERR_STORE_CLOSED') throw error
      }
    }
  }

  #leave(replica: string, reason: string): void {
    this.#replicas.delete(replica)
    this.#context.log.leave(replica, reason)
  }

  #onExit(reason: string): void {
    const { clock, emit } = this.#context
    const wasListening = this.#address !== undefined
    this.#worker = undefined
    this.#address = undefined
    for (const replica of this.#replicas) this.#leave(replica, 'the thread that served it has ended')
    if (this.#isStopped || !wasListening) return
    emit('warning', { message: `the thread that serves slaves has ended (${reason}): all have been disconnected, and another one takes its place` })
    this.#cancelRestart = clock.startTimer(PAUSE, this.#restart)
  }

  readonly #restart = (): void => {
    this.#starting = this.#begin()
    this.#starting.catch((error: Error) => {
      this.#context.emit('warning', { message: `slaves cannot connect: ${error.message}` })
      if (!this.#isStopped) this.#cancelRestart = this.#context.clock.startTimer(PAUSE, this.#restart)
    })
  }

  #send(message: ToThread): void {
    this.#worker!.postMessage(message)
  }
}
