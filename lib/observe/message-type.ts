import type { Properties } from '../types'

/** What RocketMQ's metrics tell messages apart by. */
export type MessageType = 'normal' | 'fifo' | 'delay' | 'transaction'

const delayProperties = ['DELAY', '__STARTDELIVERTIME', 'TIMER_DELIVER_MS', 'TIMER_DELAY_SEC', 'TIMER_DELAY_MS']

/** The type that a message has by its properties, by the rules of a broker's metrics. */
export function messageTypeOf(properties: Properties | undefined): MessageType {
  if (properties === undefined) return 'normal'
  if (properties['TRAN_MSG']?.toLowerCase() === 'true') return 'transaction'
  if (properties['__SHARDINGKEY'] !== undefined) return 'fifo'
  return delayProperties.some((name) => properties[name] !== undefined) ? 'delay' : 'normal'
}
