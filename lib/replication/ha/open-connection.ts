import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { HostPort } from '../../options/addresses'

/** So much is taken from the system at a time. */
const RECEIVE_BYTES = 256 << 10

/** Whoever has asked for a connection. */
export interface Receiver {
  /** The connection stands. */
  onReady(): void
  /** Bytes have come; valid during the call only. */
  receive(bytes: Uint8Array): void
}

/** Begins to connect. */
export type OpenConnection = (receiver: Receiver) => Duplex

/** Connections over TCP, encrypted where `tls` is given. */
export function connectionsTo({ host, port }: HostPort, tls: ConnectionOptions | undefined): OpenConnection {
  if (tls !== undefined) {
    return (receiver) => {
      const socket = connectTls({ ...tls, host, port }, () => receiver.onReady())
      socket.setNoDelay()
      return socket.on('data', (bytes: Uint8Array) => receiver.receive(bytes))
    }
  }
  // One buffer for all that comes: a new one for each piece costs more than the copying of what is in it.
  const buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES)
  return (receiver) => {
    const onread = {
      buffer,
      callback(length: number): boolean {
        receiver.receive(buffer.subarray(0, length))
        return true
      },
    }
    return connect({ host, port, noDelay: true, onread }, () => receiver.onReady())
  }
}
