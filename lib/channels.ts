import { channel } from 'node:diagnostics_channel'

/*
 * The channels of `node:diagnostics_channel`; lib/types.ts has what is published to each. Whoever publishes asks first whether
 * anybody listens: that is all that a channel costs until somebody does.
 */

export const appendChannel = channel('mqstore:append')
export const readChannel = channel('mqstore:read')

/** Channels that say what an event says. */
export const eventChannels = {
  flush: channel('mqstore:flush'),
  deletion: channel('mqstore:delete'),
  recovered: channel('mqstore:recover'),
} as const
