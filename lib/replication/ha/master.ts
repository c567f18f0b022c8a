import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer, type TlsOptions } from 'node:tls'
import { StoreError, systemErrorCode } from '../../errors'
import { parseAddresses } from '../../options/addresses'
import { AllowList, addressText, plainAddress } from './allow-list'
import { Complaints } from './complaints'
import type { HaContext, HaSecurity, SentLog } from './context'
import { ReplicaConnection } from './replica-connection'
import { WriteBuffers } from './write-buffers'

/** Where slaves connect, RocketMQ's and ours: the master's end of the HA protocol over TCP. */
export class HaMaster {
  readonly #context: HaContext<SentLog>
  readonly #allowed: AllowList
  readonly #complaints: Complaints
  readonly #buffers: WriteBuffers
  readonly #startOffset: number
  readonly #connections = new Set<ReplicaConnection>()
  /** All that count against `haConnectionsMax`, also those that have not yet shown a certificate. */
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #tlsServer: TlsServer | undefined
  #starting: Promise<void> | undefined
  #endGrowth: (() => void) | undefined

  /** @param startOffset where the log ended when its store became a master */
  constructor(context: HaContext<SentLog>, startOffset = context.log.maxOffset) {
    const { options, clock } = context
    this.#context = context
    this.#allowed = new AllowList(parseAddresses(options.haAllowedAddresses) ?? [])
    this.#complaints = new Complaints(clock, (message) => context.emit('warning', { message }))
    this.#buffers = new WriteBuffers(options.haTransferBatchSize)
    this.#startOffset = startOffset
  }

  /** Where it listens, as `ip:port`; undefined while it does not. */
  get address(): string | undefined {
    const address = this.#server?.address() as AddressInfo | null | undefined
    return address ? addressText(address.address, address.port) : undefined
  }

  /** Resolves once slaves can connect. @throws ERR_LISTEN_FAILED */
  start(security: HaSecurity = {}): Promise<void> {
    return (this.#starting ??= this.#start(security))
  }

  /** Ends all connections; resolves once they are closed. */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined)
    const server = this.#server
    this.#starting = undefined
    this.#server = undefined
    this.#endGrowth?.()
    for (const connection of this.#connections) connection.end('the master has ended replication')
    for (const socket of this.#sockets) socket.destroy()
    if (server !== undefined) await new Promise((resolve) => server.close(resolve))
  }

  async #start({ tls }: HaSecurity): Promise<void> {
    const { haListenAddress: host, haListenPort: port } = this.#context.options
    this.#tlsServer = tls === undefined ? undefined : this.#createTlsServer(tls as TlsOptions)
    const server = createServer({ noDelay: true }, (socket) => this.#admit(socket))
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port, exclusive: true }, resolve)
      })
    } catch (cause) {
      this.#starting = undefined
      throw listenFailed(addressText(host, port), cause)
    }
    server.removeAllListeners('error')
    server.on('error', (error) => this.#complaints.about('', 'server', `a replica cannot connect: ${error.message}`))
    this.#server = server
    this.#endGrowth = this.#context.log.onGrowth(() => {
      for (const connection of this.#connections) connection.pump()
    })
  }

  #createTlsServer(tls: TlsOptions): TlsServer {
    const verified = tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true }
    const server = createTlsServer({ handshakeTimeout: this.#context.options.haHousekeepingInterval, ...tls, ...verified })
    server.on('secureConnection', (socket) => this.#serve(socket))
    server.on('tlsClientError', (error, socket) => {
      const address = plainAddress(socket.remoteAddress ?? '')
      this.#complaints.about(address, 'tls', `a connection from ${address} was refused: ${error.message}`)
      socket.destroy()
    })
    return server
  }

  #admit(socket: Socket): void {
    socket.on('error', () => undefined) // What it means for a replica is the matter of its connection; nobody else is to die of it.
    const { haConnectionsMax } = this.#context.options
    const address = plainAddress(socket.remoteAddress ?? '')
    if (!this.#allowed.allows(address)) return this.#refuse(socket, address, 'address', 'haAllowedAddresses does not have it')
    if (this.#sockets.size >= haConnectionsMax) {
      return this.#refuse(socket, address, 'many', `there are ${haConnectionsMax} connections, as many as haConnectionsMax allows`)
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    if (this.#tlsServer === undefined) this.#serve(socket)
    else this.#tlsServer.emit('connection', socket)
  }

  /** The reset spares us the memory that the system keeps for a connection that we close in order. */
  #refuse(socket: Socket, address: string, kind: string, reason: string): void {
    socket.resetAndDestroy()
    this.#complaints.about(address, kind, `a connection from ${address} was refused: ${reason}`)
  }

  #serve(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '')
    const connection: ReplicaConnection = new ReplicaConnection(socket, this.#context, {
      replica: addressText(address, socket.remotePort ?? 0),
      buffers: this.#buffers,
      startOffset: this.#startOffset,
      complain: (kind, message) => this.#complaints.about(address, kind, message),
      onEnd: () => this.#connections.delete(connection),
    })
    this.#connections.add(connection)
  }
}

function listenFailed(address: string, cause: unknown): StoreError {
  const reason = systemErrorCode(cause) ?? (cause as Error).message
  return new StoreError(
    'ERR_LISTEN_FAILED',
    `cannot listen for slaves on ${address} (${reason}): ${
      reason === 'EADDRINUSE' ? 'something else does, give another haListenPort' : 'haListenAddress has to be an address of this machine'}`,
    { value: address, reason },
    cause,
  )
}
