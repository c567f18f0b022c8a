import type { ConnectionOptions } from 'node:tls'
import { StoreError, type ErrorCode, type ErrorDetails } from '../../errors'
import { parseHostPort } from '../../options/addresses'
import type { MasterStatus } from '../../types'
import { OffsetHistory } from '../offset-history'
import type { HaContext, HaSecurity } from './context'
import { MasterConnection, type MasterConnectionEnd } from './master-connection'
import { connectionsTo, type OpenConnection } from './open-connection'
import { WireError } from './wire-error'

/**
 * The engine tries again after five seconds. A synchronous master without a replica refuses messages, or waits for nobody, for as
 * long: a connection that only was cut is therefore made again sooner, and five seconds are where the pauses end.
 */
const PAUSE_FIRST = 100
const PAUSE_MAX = 5000

/** The errors of this side that may be gone the next time: there is room again, and what the network has spoilt comes whole. */
const passingCodes: ReadonlySet<ErrorCode> = new Set(['ERR_DISK_FULL', 'ERR_CORRUPT'])

/** Follows a master, RocketMQ's or ours: the slave's end of the HA protocol over TCP. */
export class HaSlave {
  readonly #context: HaContext
  readonly #openTo: typeof connectionsTo
  #open: OpenConnection | undefined
  #history: OffsetHistory
  #connection: MasterConnection | undefined
  #lostSince: number
  #pause = PAUSE_FIRST
  #complaint: string | undefined
  #cancelPause: (() => void) | undefined
  #keepAlive: NodeJS.Timeout | undefined

  constructor(context: HaContext, openTo = connectionsTo) {
    this.#context = context
    this.#openTo = openTo
    this.#history = new OffsetHistory(context.clock)
    this.#lostSince = context.clock.now()
  }

  get master(): MasterStatus {
    const { log, options } = this.#context
    const verifiedOffset = log.maxOffset
    const connectedSince = this.#connection?.connectedSince
    const masterOffset = Math.max(verifiedOffset, this.#connection?.masterOffset ?? 0)
    return {
      master: options.haMasterAddress,
      isConnected: connectedSince !== undefined,
      since: connectedSince ?? this.#lostSince,
      verifiedOffset,
      masterOffset,
      lagBytes: masterOffset - verifiedOffset,
      lagMilliseconds: masterOffset > verifiedOffset ? this.#history.behind(verifiedOffset) : 0,
    }
  }

  /** Begins to follow the master, which need not be there yet. @throws ERR_INVALID_OPTION without `haMasterAddress` */
  start({ tls }: HaSecurity = {}): void {
    if (this.#open !== undefined) return
    const { haMasterAddress } = this.#context.options
    const master = parseHostPort(haMasterAddress)
    if (master === undefined) {
      throw new StoreError('ERR_INVALID_OPTION', 'a slave needs the address of its master: give haMasterAddress as host:port', {
        key: 'haMasterAddress', value: haMasterAddress,
      })
    }
    const open = this.#openTo(master, tls as ConnectionOptions | undefined)
    this.#pause = PAUSE_FIRST
    this.#complaint = undefined
    this.#connect(open)
    this.#open = open
    // A slave that waits for its master is at work, and keeps the process alive as a master does that listens.
    this.#keepAlive = setInterval(() => undefined, 2 ** 30)
  }

  /** Resolves once the connection is closed and nothing is taken any more. */
  async stop(): Promise<void> {
    const connection = this.#connection
    this.#halt()
    connection?.end('the slave has ended replication')
    await connection?.closed
  }

  #halt(): void {
    this.#open = undefined
    this.#cancelPause?.()
    clearInterval(this.#keepAlive)
  }

  #connect(open: OpenConnection): void {
    const { haMasterAddress } = this.#context.options
    this.#history = new OffsetHistory(this.#context.clock)
    this.#connection = new MasterConnection(this.#context, open, haMasterAddress, this.#history, (end) => this.#onEnd(end))
  }

  #onEnd(end: MasterConnectionEnd): void {
    const { clock, options, emit } = this.#context
    if (end.wasConnected) {
      this.#lostSince = clock.now()
      emit('masterLost', { master: options.haMasterAddress, reason: end.reason })
    } else this.#complainOnce(end.reason)
    if (end.wasHeard) this.#complaint = undefined
    if (end.wasHeard && end.error === undefined) this.#pause = PAUSE_FIRST
    const error = this.#cutBack() ?? end.error
    if (isFinal(error)) this.#giveUp(error as Error)
    else this.#tryAgain(error === undefined || codeOf(error) === 'ERR_CORRUPT' ? this.#pause : PAUSE_MAX)
  }

  /** What has come of a record that is not whole comes again with the next connection. @returns what went wrong */
  #cutBack(): unknown {
    try {
      this.#context.log.cutBack()
      return undefined
    } catch (error) {
      return error
    }
  }

  #tryAgain(pause: number): void {
    const open = this.#open
    if (open === undefined) return
    this.#pause = Math.min(PAUSE_MAX, 2 * pause)
    this.#cancelPause = this.#context.clock.startTimer(pause, () => this.#connect(open))
  }

  #giveUp(error: Error): void {
    const { options: { haMasterAddress: master }, emit } = this.#context
    if (this.#open === undefined) return
    this.#halt()
    const details: ErrorDetails = error instanceof StoreError ? error.details : {}
    if (codeOf(error) !== 'ERR_DIVERGED') return emit('warning', { message: `this store no longer follows ${master}: ${error.message}` })
    emit('diverged', { master, ownOffset: details.ownOffset ?? -1, otherOffset: details.otherOffset ?? -1, reason: details.reason ?? error.message })
  }

  /** A master that is away for a night is named once. */
  #complainOnce(reason: string): void {
    if (this.#open === undefined || this.#complaint === reason) return
    this.#complaint = reason
    this.#context.emit('warning', { message: `cannot connect to the master ${this.#context.options.haMasterAddress} (${reason}); it is tried again` })
  }
}

/** After an error of this side that does not pass it cannot go on, however often it tries. */
function isFinal(error: unknown): boolean {
  if (error === undefined || error instanceof WireError) return false
  const code = codeOf(error)
  return code === undefined || !passingCodes.has(code)
}

function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof StoreError ? error.code : undefined
}
