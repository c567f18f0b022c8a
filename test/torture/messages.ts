import type { Message } from '../../lib/index'
import { Random } from './random'

/**
 * What the torture puts into a store: message `number` follows from the seed alone, so that whoever reads it
 * back, in another process or another language, knows what it has to be.
 */

export const topics = ['orders', 'payments', 'returns'] as const
export const queuesPerTopic = 2

export interface MessageOptions {
  /** Bytes of the largest body. */
  bodyMax?: number
}

export function makeMessage(seed: number, number: number, { bodyMax = 400 }: MessageOptions = {}): Message & { topic: string; queueId: number } {
  const random = new Random(seed, 'message', number)
  const size = Math.max(16, Math.floor(bodyMax ** random.next() * 2) % bodyMax)
  const text = `${number};`
  const body = Buffer.alloc(Math.max(size, text.length), random.below(2 ** 24).toString(36))
  body.write(text, 'latin1')
  return {
    topic: random.pick(topics),
    queueId: random.below(queuesPerTopic),
    body,
    flag: random.below(2 ** 31),
    properties: { TAGS: `tag${random.below(4)}`, KEYS: keyOf(number) },
  }
}

export function keyOf(number: number): string {
  return `key-${number}`
}

/** The number of a message that was read; undefined for what is none of ours. */
export function numberOf(body: Buffer): number | undefined {
  const found = /^(\d+);/.exec(body.toString('latin1', 0, 16))
  return found === null ? undefined : Number(found[1])
}
