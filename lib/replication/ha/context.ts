import type { ConnectionOptions, TlsOptions } from 'node:tls'
import type { ResolvedOptions } from '../../options/options'
import type { Clock } from '../../storage/ports'
import type { StoreEvents } from '../../types'
import type { ReplicatedLog } from '../replicated-log'

/** The options that the HA protocol goes by. */
export type HaOptions = Pick<
  ResolvedOptions,
  | 'compatibility' | 'haListenAddress' | 'haListenPort' | 'haAllowedAddresses' | 'haConnectionsMax' | 'haMasterAddress'
  | 'haTransferBatchSize' | 'haSendHeartbeatInterval' | 'haHousekeepingInterval' | 'haFlowControlEnable' | 'maxHaTransferByteInSecond'
  | 'haAcknowledgeAfterFlush'
>

/** What a master needs of a log. */
export type SentLog = Pick<ReplicatedLog, 'minOffset' | 'maxOffset' | 'fileSize' | 'read' | 'onGrowth' | 'acknowledge' | 'leave'>

/** What both ends of the HA protocol need of the store. */
export interface HaContext<Log = ReplicatedLog> {
  readonly log: Log
  readonly options: HaOptions
  readonly clock: Clock
  emit<Name extends keyof StoreEvents>(name: Name, event: StoreEvents[Name]): void
}

/** How to encrypt; plain TCP without it. */
export interface HaSecurity {
  /**
   * Options of `node:tls`: of a server for a master, of a client for a slave. Where a master is given a `ca`, slaves have to show
   * a certificate of it.
   */
  tls?: TlsOptions | ConnectionOptions
}
